"""What the price response is worth on weeks whose price moved, and what is left of it when prices are shuffled."""

from dataclasses import replace

import numpy as np
import pytest

from configs.loading import load_settings
from training.demand.price_response import moved_units, permute_prices, placebo, score_response, sign_accuracy
from training.demand.synthetic_market import CONFOUNDED, make_market


def test_only_weeks_whose_price_moved_by_more_than_a_tenth_are_judged() -> None:
    base = np.array([10.0, 10.0, 10.0, 10.0])
    units = np.array([20.0, 5.0, 100.0, 7.0])
    usual, price = np.full(4, 2.0), np.array([1.0, 4.0, 1.9, np.nan])
    scores = score_response(base, units, usual, price, np.full(4, -1.0))
    assert scores.n_rows == 2
    assert scores.wape_without == pytest.approx((10 + 5) / 25)
    assert scores.wape_with == 0


def test_where_no_price_moved_there_is_no_figure() -> None:
    one = np.ones(3)
    scores = score_response(one, one, one, one, -one)
    assert scores.n_rows == 0
    assert np.isnan(scores.wape_with)
    assert np.isnan(scores.wape_without)


def test_the_true_response_pays_on_a_market() -> None:
    market = make_market(CONFOUNDED, 3)
    panel = market.panel
    usual = np.nanmedian(panel.shelf_price, axis=1, keepdims=True) * np.ones(panel.units.shape)
    seen = ~panel.imputed
    rows = [
        np.broadcast_to(values, seen.shape)[seen]
        for values in (
            market.base_units[:, None],
            panel.units,
            usual,
            panel.paid_price,
            market.elasticity[:, None],
        )
    ]
    scores = score_response(rows[0], rows[1], rows[2], rows[3], rows[4])
    assert scores.n_rows > 1000
    assert scores.wape_with < 0.9 * scores.wape_without


def test_signs_are_counted_both_ways() -> None:
    base = np.array([1.0, 1.0])
    assert sign_accuracy(base, np.array([2.0, 0.5]), np.array([0.5, 0.5])) == 0.75
    assert sign_accuracy(base, *moved_units(base, np.array([-0.1, -2.0]))) == 1
    assert sign_accuracy(base, *moved_units(base, np.array([0.5, -2.0]))) == 0.5


def test_shuffling_keeps_each_products_prices_and_touches_no_week_without_one() -> None:
    panel = make_market(replace(CONFOUNDED, n_products=40, n_categories=3, median_units=4.0), 1).panel
    shuffled = permute_prices(panel, seed=5)
    seen = ~panel.imputed
    assert (~seen).any()
    for row in range(len(panel)):
        before = sorted(zip(panel.shelf_price[row][seen[row]], panel.paid_price[row][seen[row]], strict=True))
        after = sorted(zip(shuffled.shelf_price[row][seen[row]], shuffled.paid_price[row][seen[row]], strict=True))
        assert before == after
    for name in ("shelf_price", "paid_price"):
        assert np.array_equal(getattr(shuffled, name)[~seen], getattr(panel, name)[~seen], equal_nan=True)
        assert not np.array_equal(getattr(shuffled, name), getattr(panel, name), equal_nan=True)
    assert shuffled.units is panel.units


def test_shuffled_prices_leave_nothing_of_the_elasticity() -> None:
    settings = load_settings("test").demand.elasticity
    found = placebo(make_market(CONFOUNDED, 4).panel, settings)
    assert found.chain < -1.4
    assert abs(found.permuted) < 0.3
    assert found.left == pytest.approx(abs(found.permuted / found.chain))
    assert found.left < 0.2
