"""One customer through both stages."""

import numpy as np
import pytest

from training.histories import Histories
from training.ranker.model import Ranker
from training.ranker.shopper import Shopper


@pytest.fixture
def shopper(ranker: Ranker, histories: Histories, home_stores: list[str]) -> Shopper:
    """The first customer."""
    return Shopper.of(histories, 0, ranker.moment.stores.place_of(home_stores[0]))


def test_lists_fall_and_hold_each_product_once(ranker: Ranker, shopper: Shopper) -> None:
    judged = ranker.judge(shopper, task="all")
    assert (np.diff(judged.scores) <= 0).all()
    assert len(set(judged.product_idx)) == len(judged.product_idx)
    np.testing.assert_array_equal(judged.is_bought, np.isin(judged.product_idx, shopper.held))
    assert ((judged.scores > 0) & (judged.scores < 1)).all()


def test_novel_holds_nothing_bought(ranker: Ranker, shopper: Shopper) -> None:
    judged = ranker.judge(shopper, task="novel")
    assert sorted(judged.product_idx) == sorted(set(range(8)) - set(shopper.held))
    assert not judged.is_bought.any()


def test_what_is_bought_weekly_comes_before_what_never_was(ranker: Ranker, shopper: Shopper) -> None:
    judged = ranker.judge(shopper, task="all")
    assert judged.is_bought[: len(shopper.held)].all()


def test_a_filter_leaves_out(ranker: Ranker, shopper: Shopper) -> None:
    allowed = np.arange(8) % 2 == 0
    judged = ranker.judge(shopper, task="all", allowed=allowed)
    assert set(judged.product_idx) <= {0, 2, 4, 6}
    assert not len(ranker.judge(shopper, task="all", allowed=np.zeros(8, dtype=bool)).product_idx)
