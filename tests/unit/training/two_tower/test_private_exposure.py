"""Room for suppliers from the release alone."""

from typing import Any

import numpy as np

from training.histories import PAIR_FIELDS
from training.two_tower.private_exposure import N_MADE_UP, N_PURCHASES, made_up_histories
from training.two_tower.private_popularity import ReleasedPopularity

POPULARITY = ReleasedPopularity(np.array([90.0, 1e-6, 5, 5, 60, 1e-6]), np.ones(6), np.array([0, 4]))


def test_made_up_customers_buy_what_is_popular_and_often_again() -> None:
    histories = made_up_histories(
        ReleasedPopularity(np.r_[np.full(60, 50.0), np.full(60, 1e-6)], np.ones(120), np.arange(60)), 7
    )
    assert len(histories) == N_MADE_UP
    for row in range(N_MADE_UP):
        bought = histories.product_idx[histories.offsets[row] : histories.offsets[row + 1]]
        assert len(set(bought.tolist())) == len(bought)
        assert bought.max() < 60
    assert histories.pairs[:, PAIR_FIELDS.index("n_baskets")].sum() == N_MADE_UP * N_PURCHASES
    first, last = (histories.pairs[:, PAIR_FIELDS.index(f"days_since_{name}")] for name in ("first", "last"))
    assert (first >= last).all()
    assert not histories.is_blank.any()
    assert np.isfinite(histories.pairs).all()


def test_the_same_release_and_seed_make_the_same_people() -> None:
    ours, theirs = made_up_histories(POPULARITY, 7), made_up_histories(POPULARITY, 7)
    assert ours.product_idx.tolist() == theirs.product_idx.tolist()
    assert ours.pairs.tobytes() == theirs.pairs.tobytes()
    other = made_up_histories(POPULARITY, 8)
    assert other.pairs.tobytes() != ours.pairs.tobytes()


def test_a_small_shop_has_short_histories() -> None:
    histories: Any = made_up_histories(POPULARITY, 7)
    assert set(np.diff(histories.offsets).tolist()) == {3, 4}
