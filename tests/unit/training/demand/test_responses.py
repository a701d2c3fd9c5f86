"""Responses: found where they are there, shrunk where they are not, of the right sign always."""

import numpy as np

from training.demand.panel import Panel
from training.demand.responses import drivers_of, fit_responses, reference_price

TRUE = np.array([-1.2, 2.0, 0.5, 0.8])


def market(n_products: int = 120, n_weeks: int = 50, *, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (n_products, n_weeks)
    cut = rng.uniform(size=shape) < 0.3
    drivers = np.stack(
        [
            rng.normal(0, 0.1, shape),
            np.where(cut, rng.uniform(0.1, 0.5, shape), 0),
            np.where(rng.uniform(size=shape) < 0.2, 0.6, 0),
            np.where(rng.uniform(size=shape) < 0.2, 0.6, 0),
        ],
        axis=2,
    )
    level = rng.uniform(5, 40, (n_products, 1))
    units = rng.poisson(level * np.exp(drivers @ TRUE)).astype(float)
    return units, drivers, np.ones(shape, dtype=bool)


def test_known_responses_are_found() -> None:
    units, drivers, counted = market()
    found = fit_responses(units, drivers, counted, np.arange(120) % 6, "full")
    np.testing.assert_allclose(found.chain, TRUE, atol=0.15)
    np.testing.assert_allclose(np.median(found.values, axis=0), TRUE, atol=0.2)
    np.testing.assert_allclose(found.lift(drivers), np.einsum("ptk,pk->pt", drivers, found.values))


def test_a_product_without_history_takes_its_category() -> None:
    units, drivers, counted = market()
    counted[0] = False
    families = np.zeros(120, dtype=np.int64)
    found = fit_responses(units, drivers, counted, families, "full")
    np.testing.assert_allclose(found.values[0], np.median(found.values[1:], axis=0), atol=0.15)
    assert (found.spread[0] > found.spread[1:].min(axis=0)).all()


def test_one_week_of_hoarding_does_not_blow_up_a_response() -> None:
    units, drivers, counted = market()
    usual = fit_responses(units, drivers, counted, np.arange(120) % 6, "full")
    week = int(drivers[0, :, 1].argmax())
    units[0, week] *= 60
    found = fit_responses(units, drivers, counted, np.arange(120) % 6, "full")
    np.testing.assert_allclose(found.values[0], usual.values[0], atol=1.0)
    np.testing.assert_allclose(found.values[1:], usual.values[1:], atol=0.1)


def test_a_lift_is_never_read_beyond_what_is_sold_in_earnest() -> None:
    units, drivers, counted = market()
    found = fit_responses(units, drivers, counted, np.arange(120) % 6, "full")
    lift = found.lift(40 * drivers)
    assert lift.max() == 3
    assert lift.min() == -3


def test_responses_never_have_the_wrong_sign() -> None:
    units, drivers, counted = market()
    found = fit_responses(units, -drivers, counted, np.arange(120) % 6, "full")
    assert (found.values * np.array([-1, 1, 1, 1]) >= 0).all()


def test_without_prices_promotion_alone_is_used() -> None:
    units, drivers, counted = market()
    ours = fit_responses(units, drivers, counted, np.arange(120) % 6, "promo")
    other = drivers.copy()
    other[:, :, :2] = 9.0
    theirs = fit_responses(units, other, counted, np.arange(120) % 6, "promo")
    np.testing.assert_array_equal(ours.values, theirs.values)


def test_no_product_and_no_promotion_are_no_trouble() -> None:
    empty = fit_responses(np.zeros((0, 9)), np.zeros((0, 9, 4)), np.zeros((0, 9), bool), np.zeros(0, np.int64), "full")
    assert empty.values.shape == (0, 4)
    units, drivers, counted = market(5)
    still = fit_responses(units, np.zeros_like(drivers), counted, np.zeros(5, np.int64), "full")
    np.testing.assert_array_equal(still.lift(drivers), 0)


def test_drivers_are_measured_against_what_was_known(panel: Panel) -> None:
    drivers = drivers_of(panel, reference_price(panel))
    assert drivers.shape == (*panel.units.shape, 4)
    np.testing.assert_allclose(drivers[..., 0], 0, atol=1e-9)  # the shelf price never moved
    np.testing.assert_allclose(drivers[..., 1], -np.log(panel.paid_price / panel.shelf_price), atol=1e-9)
    np.testing.assert_allclose(drivers[..., 2] ** 2, panel.display)
