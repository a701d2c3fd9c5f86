"""The market that scores elasticities: it is what it says, and its scores mean what they say."""

from dataclasses import replace

import numpy as np
import pytest

from training.demand.elasticities import Elasticities
from training.demand.synthetic_market import CONFOUNDED, Market, make_market, score_elasticities

SMALL = replace(CONFOUNDED, n_products=80, n_categories=4)


def told(market: Market, location: np.ndarray, scale: float) -> Elasticities:
    """Elasticities that claim these values."""
    n = len(location)
    none = np.array([])
    return Elasticities(
        market.panel.product_ids,
        location,
        np.full(n, scale),
        np.full(n, "product"),
        np.full(n, True),
        np.array([], dtype=np.str_),
        none,
        none,
        -1.5,
        1.0,
    )


def correlation(market: Market) -> float:
    """How shelf prices go with units, once the truth has taken out the response to the price, over fast sellers."""
    panel = market.panel
    fast = (market.base_units > 20) & ~panel.imputed.any(axis=1)
    usual = np.median(panel.shelf_price[fast], axis=1, keepdims=True)
    shelf = np.log(panel.shelf_price[fast] / usual)
    response = market.elasticity[fast, None] * np.log(panel.paid_price[fast] / usual)
    shock = np.log(panel.units[fast]) - response
    shock -= shock.mean(axis=1, keepdims=True)
    shelf -= shelf.mean(axis=1, keepdims=True)
    return float((shock * shelf).sum() / np.sqrt((shock**2).sum() * (shelf**2).sum()))


def test_the_same_seed_gives_the_same_market() -> None:
    one, same, other = make_market(SMALL, 1), make_market(SMALL, 1), make_market(SMALL, 2)
    assert np.array_equal(one.panel.units, same.panel.units)
    assert np.array_equal(one.elasticity, same.elasticity)
    assert not np.array_equal(one.panel.units, other.panel.units)


def test_prices_answer_to_shocks_only_where_confounded() -> None:
    assert correlation(make_market(CONFOUNDED, 1)) > 0.15
    assert abs(correlation(make_market(replace(CONFOUNDED, confounding=0.0), 1))) < 0.1


def test_what_was_not_sold_has_no_price_of_its_own() -> None:
    panel = make_market(replace(SMALL, median_units=2.0), 1).panel
    unsold = panel.units == 0
    assert 0.05 < unsold.mean() < 0.9
    assert np.array_equal(panel.imputed, unsold)
    later = unsold[:, 1:] & np.isfinite(panel.shelf_price[:, 1:])
    assert np.array_equal(panel.shelf_price[:, 1:][later], panel.shelf_price[:, :-1][later])
    assert np.array_equal(panel.paid_price[unsold], panel.shelf_price[unsold], equal_nan=True)


def test_discounts_lie_where_the_design_puts_them() -> None:
    loyal, shelf = make_market(SMALL, 1).panel, make_market(replace(SMALL, loyalty=False), 1).panel
    assert np.nanmax(loyal.discount_depth) > 0.2
    assert np.nanmax(shelf.discount_depth) == 0
    assert np.array_equal(loyal.units, shelf.units)


def test_noise_is_as_dispersed_as_designed() -> None:
    still = replace(
        SMALL,
        n_weeks=400,
        shock_sd=0.0,
        category_shock_sd=0.0,
        season=0.0,
        cost_sd=0.0,
        promotion_rate=0.0,
        median_units=50.0,
        units_sd=0.0,
        dispersion=0.3,
    )
    units = make_market(still, 1).panel.units
    assert units.mean() == pytest.approx(50, rel=0.03)
    assert (units.var() - units.mean()) / units.mean() ** 2 == pytest.approx(0.3, rel=0.1)


def test_the_truth_scores_perfectly() -> None:
    market = make_market(SMALL, 1)
    scores = score_elasticities(told(market, market.elasticity, 1e-3), market)
    assert scores.error < 1e-6
    assert scores.counterfactual_wmape < 1e-6
    assert scores.coverage_90 == scores.sign_right == 1


def test_the_scores_by_hand() -> None:
    market = make_market(SMALL, 1)
    off = told(market, market.elasticity - 0.5, 1e-3)
    scores = score_elasticities(off, market)
    assert scores.error == pytest.approx(0.5, abs=1e-6)
    assert scores.coverage_90 == 0
    wrong, total = 0.0, 0.0
    for base, true in zip(market.base_units, market.elasticity, strict=True):
        for factor in (0.9, 1.1):
            wrong += abs(base * factor ** (true - 0.5) - base * factor**true)
            total += base * factor**true
    assert scores.counterfactual_wmape == pytest.approx(wrong / total, rel=1e-5)
