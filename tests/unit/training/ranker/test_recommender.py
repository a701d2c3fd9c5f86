"""The ranker among the recommenders of a backtest."""

import numpy as np
import pytest
from scipy import sparse

from training.histories import Histories
from training.ranker.model import Ranker
from training.ranker.recommender import RankerRecommender
from training.ranker.shopper import Shopper


@pytest.fixture
def bought(histories: Histories) -> sparse.csr_array:
    """What everybody bought, as the histories say."""
    ones = np.ones(len(histories.product_idx), dtype=bool)
    return sparse.csr_array((ones, histories.product_idx, histories.offsets), shape=(len(histories), 8))


@pytest.fixture
def recommender(
    ranker: Ranker, customer_ids: list[str], histories: Histories, home_stores: list[str], bought: sparse.csr_array
) -> RankerRecommender:
    """Everybody of the town."""
    return RankerRecommender(ranker, customer_ids, histories, home_stores, bought)


def test_lists_are_what_a_live_request_would_get(
    recommender: RankerRecommender,
    ranker: Ranker,
    customer_ids: list[str],
    histories: Histories,
    home_stores: list[str],
) -> None:
    positions, scores = recommender.rank([customer_ids[5], customer_ids[2]], task="all", k=3)
    for place, row in enumerate((5, 2)):
        live = ranker.judge(Shopper.of(histories, row, ranker.moment.stores.place_of(home_stores[row])), task="all")
        np.testing.assert_array_equal(positions[place], live.product_idx[:3])
        np.testing.assert_array_equal(scores[place], live.scores[:3])


def test_novel_leaves_out_what_lies_before_the_histories_begin(
    ranker: Ranker,
    customer_ids: list[str],
    histories: Histories,
    home_stores: list[str],
    bought: sparse.csr_array,
) -> None:
    ever = bought.toarray()
    forgotten = int(np.flatnonzero(~ever[0])[0])
    ever[0, forgotten] = True
    recommender = RankerRecommender(ranker, customer_ids, histories, home_stores, sparse.csr_array(ever))
    positions, scores = recommender.rank(customer_ids[:1], task="novel", k=8)
    assert forgotten not in positions[0]
    assert (positions[0][4 - 1 :] == -1).all()
    assert np.isneginf(scores[0][4 - 1 :]).all()


def test_short_lists_are_filled_with_what_sells(recommender: RankerRecommender, customer_ids: list[str]) -> None:
    positions, scores = recommender.rank(customer_ids, task="all", k=8)
    assert all(sorted(row) == list(range(8)) for row in positions)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_a_stranger_is_refused(recommender: RankerRecommender) -> None:
    with pytest.raises(KeyError, match="1 customers have no history"):
        recommender.rank(["nobody"], task="all", k=3)
