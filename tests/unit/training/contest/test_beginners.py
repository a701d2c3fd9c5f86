"""Beginners: few baskets kept, features of these alone, and lists judged by what followed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from configs.settings import Settings
from features.lake import Lake
from features.preparation import ensure_features, read_consents
from training.baselines import Popularity, Ranked, Task
from training.catalogue import Catalogue, build_catalogue
from training.contest.beginners import BeginnerGround, ScorerBeginners, alias, beginner_rows, beginners
from training.evaluation import mark_hits
from training.feature_rows import customer_rows
from training.metrics import ndcg_at_k
from training.peers.data import PeerData
from training.purchases import load_purchases
from training.splits import Holdout

CUTOFF = datetime(2025, 4, 14, tzinfo=UTC)
WINDOW = Holdout(CUTOFF, CUTOFF + timedelta(days=14))


@pytest.fixture(scope="module")
def lake(village: Settings) -> Lake:
    return Lake.open(village.storage.lake)


@pytest.fixture(scope="module")
def people(lake: Lake) -> list[str]:
    return sorted(load_purchases(lake, until=None, customers=None)["customer_id"].unique())


def test_the_last_baskets_are_kept_one_two_three_in_turn(lake: Lake, people: list[str]) -> None:
    kept = beginners(lake, people, CUTOFF)
    purchases = load_purchases(lake, until=CUTOFF, customers=None)
    for place, who in enumerate(people[:7]):
        own = purchases[purchases["customer_id"] == who]
        last = own.groupby("basket_id")["event_timestamp"].min().sort_values().index[-(place % 3 + 1) :]
        found = kept[kept["customer_id"] == alias(who)]
        assert set(found["basket_id"]) == set(last)
        assert len(found) == own["basket_id"].isin(last).sum()


def test_features_are_those_of_the_store_where_nothing_was_taken_away(
    lake: Lake, people: list[str], village: Settings
) -> None:
    first = people[:2]
    purchases = load_purchases(lake, until=None, customers=first)
    at = purchases.groupby("customer_id")["event_timestamp"].min().max()
    early = (at + timedelta(days=1)).replace(hour=0).to_pydatetime()  # one basket, or a few
    kept = beginners(lake, first, early)
    whole = purchases[purchases["event_timestamp"] < early]
    assert whole.groupby("customer_id")["basket_id"].nunique().max() <= 2
    consents = read_consents(village.storage, datetime.now(UTC))
    store = ensure_features(village.storage, lake, consents, village.features, [early])
    rows = beginner_rows(kept, early, village.features)
    for expected in customer_rows(store, first, [early]).to_pylist():
        found = rows[alias(expected["customer_id"])]
        if len(kept[kept["customer_id"] == alias(expected["customer_id"])]) != len(
            whole[whole["customer_id"] == expected["customer_id"]]
        ):
            continue  # his last basket alone is kept
        for name in ("product_ids", "decayed_long", "n_baskets_total", "spend_usd_28d", "store_id", "tenure_days"):
            assert found[name] == expected[name]
        return
    raise AssertionError("nobody to compare")


class Oracle:
    """Knows what each beginner will buy."""

    name = "oracle"

    def __init__(self, ground: BeginnerGround) -> None:
        self._ground = ground

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Whatever is wanted first."""
        assert list(customer_ids) == self._ground.aliases
        wanted = self._ground.relevant[task].toarray().astype(float)
        positions = np.argsort(-wanted, axis=1, kind="stable")[:, :k]
        positions = np.pad(positions, ((0, 0), (0, k - positions.shape[1])), constant_values=-1)
        return positions, np.zeros(positions.shape, dtype=np.float32)


def test_teachers_are_known_in_full_and_beginners_by_what_was_kept(lake: Lake, people: list[str]) -> None:
    purchases = load_purchases(lake, until=None, customers=None)
    training = purchases[purchases["event_timestamp"] < CUTOFF]
    catalogue = build_catalogue(training, CUTOFF, 3)
    kept = beginners(lake, people, CUTOFF)
    ground = BeginnerGround(kept, people, training, purchases, catalogue, WINDOW)
    assert sorted(np.concatenate([members for members, _ in ground.folds])) == list(range(len(people)))
    for members, data in ground.folds:
        own = [ground.aliases[place] for place in members]
        rows = data.positions_of(own)
        assert not data.trainable[rows].any()
        assert data.n_baskets[rows].max() <= 3
        assert data.n_baskets[data.trainable].min() > 3
        assert not {people[place] for place in members} & set(data.customer_ids)  # nobody teaches himself
        assert not (ground.relevant["novel"][members].toarray() & (data.counts(None)[rows].toarray() > 0)).any()
    assert (ground.relevant["novel"].toarray() <= ground.relevant["all"].toarray()).all()
    values = ground.judge(Oracle(ground))
    assert set(values) == {f"beginners.{t}.{m}" for t in ("all", "novel") for m in ("ndcg@10", "ndcg@20", "recall@100")}
    assert np.nanmin(values["beginners.all.ndcg@10"]) == pytest.approx(1)


def test_a_peer_is_fitted_for_each_fold_and_answers_for_its_own(lake: Lake, people: list[str]) -> None:
    purchases = load_purchases(lake, until=None, customers=None)
    training = purchases[purchases["event_timestamp"] < CUTOFF]
    catalogue = build_catalogue(training, CUTOFF, 3)
    ground = BeginnerGround(beginners(lake, people, CUTOFF), people, training, purchases, catalogue, WINDOW)
    fitted: list[PeerData] = []

    def fit(data: PeerData) -> Popularity:
        fitted.append(data)
        return Popularity(data.training, data.rows(data.counts(None)), CUTOFF, days=14)

    values = ground.judge_peer(fit)
    assert fitted == [data for _, data in ground.folds]
    members, data = ground.folds[2]
    alone = Popularity(data.training, data.rows(data.counts(None)), CUTOFF, days=14)
    positions = alone.rank([ground.aliases[place] for place in members], task="novel", k=10)[0]
    relevant = ground.relevant["novel"][members]
    wanted = np.asarray(relevant.sum(axis=1), dtype=np.int64)
    expected = ndcg_at_k(mark_hits(positions, relevant), wanted, 10)
    np.testing.assert_allclose(values["beginners.novel.ndcg@10"][members], expected)


def test_ours_is_asked_row_by_row_and_told_in_the_wanted_positions() -> None:
    asked: list[tuple[Any, Task, int]] = []

    def rank(row: Any, *, basket_idx: np.ndarray, allowed: None, task: Task, k: int) -> Any:
        asked.append((row, task, k))
        assert (len(basket_idx), allowed) == (0, None)
        return SimpleNamespace(product_idx=np.array([2, 0, 1]), scores=np.array([0.9, 0.5, 0.1]))

    scorer = SimpleNamespace(catalogue=Catalogue(np.array(["a", "b", "c"])), rank=rank)
    ours = ScorerBeginners(scorer, Catalogue(np.array(["a", "c", "d"])), {"x": {"one": 1}})  # type: ignore[arg-type]
    positions, scores = ours.rank(["x"], task="novel", k=4)
    assert positions.tolist() == [[1, 0, -1, -1]]
    assert scores[0].tolist() == pytest.approx([0.9, 0.5, -np.inf, -np.inf])
    assert asked == [({"one": 1}, "novel", 4)]
