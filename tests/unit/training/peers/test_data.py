"""What peers are fitted on: baskets in order, counts, and who may be learnt from."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from training import baselines
from training.baselines import Histories, Scores
from training.catalogue import Catalogue
from training.peers.data import Ints, PeerData

CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)


def test_baskets_are_numbered_from_the_first(data: PeerData) -> None:
    names = data.catalogue.product_ids
    entries = zip(data.customer_ids[data.customer], names[data.product], data.basket, strict=True)
    assert {(str(who), str(what), int(place)) for who, what, place in entries} == {
        ("ann", "milk", 0), ("ann", "bread", 0), ("ann", "milk", 1), ("ann", "eggs", 1),
        ("bob", "milk", 0), ("bob", "beer", 0), ("bob", "chips", 1), ("bob", "beer", 1),
        ("cyd", "beer", 0), ("cyd", "chips", 0), ("dee", "bread", 0), ("dee", "eggs", 0),
    }  # fmt: skip
    assert data.n_baskets.tolist() == [2, 2, 1, 1]


def test_places_are_those_of_the_sorted_times(shopping: pd.DataFrame, shopped: PeerData) -> None:
    known = shopping[(shopping["event_timestamp"] < CUTOFF) & shopping["product_id"].isin(list("abcde"))]
    for who, lines in known.groupby("customer_id"):
        in_order = sorted(lines["event_timestamp"].unique())
        bought = zip(lines["product_id"], lines["event_timestamp"], strict=True)
        expected = {(what, in_order.index(when)) for what, when in bought}
        mine = shopped.customer_ids[shopped.customer] == who
        found = zip(shopped.catalogue.product_ids[shopped.product[mine]], shopped.basket[mine], strict=True)
        assert {(str(what), int(place)) for what, place in found} == expected


@pytest.mark.parametrize("half_life_days", [None, 9])
def test_counts_are_those_of_the_baselines(
    shopping: pd.DataFrame, shelf: Catalogue, shopped: PeerData, half_life_days: float | None
) -> None:
    expected = Histories(shopping, shelf, CUTOFF, half_life_days=half_life_days)
    assert expected.customer_ids.tolist() == shopped.customer_ids.tolist()
    np.testing.assert_allclose(shopped.counts(half_life_days).toarray(), expected.matrix.toarray())


def test_only_those_who_agreed_are_learnt_from(shopped: PeerData) -> None:
    assert shopped.customer_ids[~shopped.trainable].tolist() == ["p6"]
    everyone = shopped.counts(None).toarray()
    np.testing.assert_array_equal(shopped.taught(shopped.counts(None)).toarray(), np.delete(everyone, [6, 8], axis=0))


def test_a_stranger_has_the_empty_row(data: PeerData) -> None:
    assert data.positions_of(["bob", "stranger"]).tolist() == [1, 4]
    assert data.counts(None)[[4]].nnz == 0
    assert data.rows(data.counts(None)).rows(["stranger", "cyd"]).toarray().tolist() == [[0] * 5, [1, 0, 1, 0, 0]]


def test_ranking_leaves_out_for_novel_what_was_bought(data: PeerData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "BLOCK_ROWS", 2)
    asked: list[int] = []

    def score(customers: Ints) -> Scores:
        asked.extend(customers.tolist())
        return np.tile(np.arange(5.0), (len(customers), 1))

    everything, _ = data.rank(["bob", "ann", "stranger"], score, task="all", k=5)
    assert everything.tolist() == [[4, 3, 2, 1, 0]] * 3
    new, scores = data.rank(["bob", "ann", "stranger"], score, task="novel", k=3)
    assert new.tolist() == [[3, 1, -1], [2, 0, -1], [4, 3, 2]]
    assert scores[0].tolist() == [3, 1, -np.inf]
    assert asked == [1, 0, 4, 1, 0, 4]


def test_counts_are_kept_until_they_are_forgotten(data: PeerData) -> None:
    first = data.counts(7)
    assert data.counts(7) is first
    data.forget()
    assert data.counts(7) is not first
