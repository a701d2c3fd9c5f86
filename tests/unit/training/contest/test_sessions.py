"""Sessions: one basket of each customer, three products shown, the rest wanted."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from training.catalogue import Catalogue
from training.contest.sessions import N_SEEN, cut_baskets
from training.errors import NobodyToJudge
from training.splits import Holdout

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
WEEK = Holdout(BEGIN, BEGIN + timedelta(days=7))
CATALOGUE = Catalogue(np.array(list("abcdefg")))


def lines() -> pd.DataFrame:
    """Ann's second basket is her first of four known products; bob's four hold a stranger; cyd comes too late."""
    baskets = [("ann", "a0", 0, "abc"), ("ann", "a1", 1, "abcde"), ("ann", "a2", 2, "defg"), ("bob", "b0", 1, "abcz")]
    baskets += [("cyd", "c0", 7, "abcd"), ("dee", "d0", 6, "gfed")]
    rows = [(who, one, basket, BEGIN + timedelta(days=day)) for who, basket, day, held in baskets for one in held]
    return pd.DataFrame(rows, columns=["customer_id", "product_id", "basket_id", "event_timestamp"])


def names(row: sparse.csr_array) -> set[str]:
    return {str(CATALOGUE.product_ids[place]) for place in row.toarray()[0].nonzero()[0]}


def test_the_first_basket_that_is_large_enough_is_cut() -> None:
    found = cut_baskets(lines(), CATALOGUE, WEEK, ["ann", "bob", "cyd", "dee"], seed=5)
    assert found.customer_ids.tolist() == ["ann", "dee"]
    for place, whole in enumerate(("abcde", "gfed")):
        seen, rest = names(found.seen[[place]]), names(found.rest[[place]])
        assert len(seen) == N_SEEN
        assert seen | rest == set(whole)
        assert not seen & rest


def test_equal_seeds_show_alike_whatever_the_order_of_lines() -> None:
    one = cut_baskets(lines(), CATALOGUE, WEEK, ["ann", "dee"], seed=5)
    other = cut_baskets(lines().iloc[::-1], CATALOGUE, WEEK, ["ann", "dee"], seed=5)
    assert (one.seen.toarray() == other.seen.toarray()).all()


def test_the_rest_has_to_be_found() -> None:
    found = cut_baskets(lines(), CATALOGUE, WEEK, ["ann", "dee"], seed=5)

    class Finder:
        name = "finder"

        def complete(self, customer_ids: Sequence[str], held: sparse.csr_array, *, k: int) -> np.ndarray:
            """Find all of dee's and nothing of ann's."""
            assert held is found.seen
            answer = np.full((len(customer_ids), k), -1)
            answer[1, 0] = found.rest[[1]].nonzero()[1][0]
            return answer

    values = found.judge(Finder())
    assert {figure: value.tolist() for figure, value in values.items()} == {
        "session.recall@10": [0, 1], "session.ndcg@10": [0, 1], "session.ndcg@20": [0, 1]
    }  # fmt: skip


def test_a_window_without_such_a_basket_is_told() -> None:
    with pytest.raises(NobodyToJudge):
        cut_baskets(lines(), CATALOGUE, WEEK, ["bob", "cyd"], seed=5)
