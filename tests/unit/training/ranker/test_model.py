"""One customer through both stages."""

import numpy as np
import pytest

from training.histories import Histories
from training.ranker.model import Judged, Ranker
from training.ranker.shopper import Shopper


@pytest.fixture
def shopper(ranker: Ranker, histories: Histories) -> Shopper:
    """The first customer."""
    return ranker.moment.shopper(histories, 0)


def _best_first(judged: Judged) -> np.ndarray:
    order = np.lexsort((judged.candidates.product_idx, -judged.scores))
    best: np.ndarray = judged.candidates.product_idx[order]
    return best


def test_each_product_is_judged_once(ranker: Ranker, shopper: Shopper) -> None:
    judged = ranker.judge(shopper, task="all")
    found = judged.candidates.product_idx
    assert len(set(found)) == len(found) == len(judged.scores) == len(judged.features)
    np.testing.assert_array_equal(judged.candidates.is_bought, np.isin(found, shopper.held))
    assert ((judged.scores > 0) & (judged.scores < 1)).all()


def test_novel_holds_nothing_bought(ranker: Ranker, shopper: Shopper) -> None:
    found = ranker.judge(shopper, task="novel").candidates
    assert sorted(found.product_idx) == sorted(set(range(8)) - set(shopper.held))
    assert not found.is_bought.any()


def test_what_is_bought_weekly_comes_before_what_never_was(ranker: Ranker, shopper: Shopper) -> None:
    best = _best_first(ranker.judge(shopper, task="all"))
    assert np.isin(best[: len(shopper.held)], shopper.held).all()


def test_a_filter_leaves_out(ranker: Ranker, shopper: Shopper) -> None:
    allowed = np.arange(8) % 2 == 0
    judged = ranker.judge(shopper, task="all", allowed=allowed)
    assert set(judged.candidates.product_idx) <= {0, 2, 4, 6}
    assert not len(ranker.judge(shopper, task="all", allowed=np.zeros(8, dtype=bool)).scores)
