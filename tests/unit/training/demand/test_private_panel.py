"""Weeks put together from released sums: right where there is no noise, whole numbers, shares that add up."""

from dataclasses import replace

import numpy as np
import pytest

from privacy.events import Gaussian
from training.demand.panel import Panel
from training.demand.private_design import Design, design_of, public_panel
from training.demand.private_panel import drawn_panel, levels_of, store_panel, telling, with_responses
from training.demand.private_release import ReleasedSums, Sales, bounded_sums, read_sums
from training.demand.private_steps import Family, Step

STORES = np.array(["s0", "s1", "s2"])
LOOSE = tuple(Family(name, 1e9, 1.0) for name in ("products", "weeks", "stores", "regimes"))


@pytest.fixture
def design(panel: Panel) -> Design:
    return design_of(public_panel(panel), STORES, half_life_weeks=1000)


@pytest.fixture
def released(panel: Panel, design: Design) -> ReleasedSums:
    """The panel's own sums with hardly any noise said of them; two thirds sold at s0, the rest at s1."""
    products, weeks = np.nonzero(panel.units)
    units = panel.units[products, weeks]
    nobody = np.arange(len(units))
    sales = Sales(nobody, products, weeks, (nobody % 3 == 0).astype(np.int64), units)
    step = Step("all", Gaussian(noise_multiplier=0.05), LOOSE)
    read = read_sums(bounded_sums(sales, design, step), design, step)
    return replace(read, noise_std={"products": 5.0, "weeks": 5.0, "stores": 5.0, "regimes": 5.0})


def test_levels_and_weeks_are_those_of_the_panel(panel: Panel, design: Design, released: ReleasedSums) -> None:
    found = levels_of(released, design)
    expected = found.expected(design)
    np.testing.assert_allclose(expected.sum(), panel.units.sum(), rtol=1e-6)
    np.testing.assert_allclose(expected.mean(axis=1), panel.units.mean(axis=1), rtol=0.15)
    assert found.store_share[0] > found.store_share[1] > 0
    assert found.store_share[2] == 0
    assert found.store_share.sum() == pytest.approx(1)


def test_responses_make_promoted_weeks_higher(panel: Panel, design: Design, released: ReleasedSums) -> None:
    plain = levels_of(released, design)
    found = with_responses(plain, released, np.ones(12, dtype=bool), design)
    expected = found.expected(design)
    cut = panel.display > 0
    ratio = (expected[cut].sum() / cut.sum()) / (expected[~cut].sum() / (~cut).sum())
    exact = (panel.units[cut].sum() / cut.sum()) / (panel.units[~cut].sum() / (~cut).sum())
    assert ratio == pytest.approx(exact, rel=0.15)
    assert np.abs(expected - panel.units).sum() < 0.75 * np.abs(plain.expected(design) - panel.units).sum()


def test_products_that_sell_are_asked_for_responses(design: Design, released: ReleasedSums) -> None:
    found = levels_of(released, design)
    asked = telling(found, design, 8.0)
    assert 0 < asked.sum() < 12
    assert found.level[asked].min() > found.level[~asked].max()


def test_drawn_weeks_are_counts_around_what_is_expected(design: Design, released: ReleasedSums) -> None:
    found = levels_of(released, design)
    drawn = drawn_panel(found, design, dispersion=0.3, seed=1)
    assert (drawn.units == np.round(drawn.units)).all()
    expected = found.expected(design)
    excess = ((drawn.units - expected) ** 2 - expected).sum() / (expected**2).sum()
    assert excess == pytest.approx(0.3, abs=0.12)
    again = drawn_panel(found, design, dispersion=0.3, seed=1)
    np.testing.assert_array_equal(drawn.units, again.units)


def test_stores_share_all_units(panel: Panel) -> None:
    pairs = store_panel(panel, STORES, np.array([0.7, 0.3, 0.0]))
    assert set(pairs.store_ids) == {"s0", "s1"}
    by_product = np.zeros(panel.units.shape)
    np.add.at(by_product, np.searchsorted(panel.product_ids, pairs.product_ids), pairs.units)
    np.testing.assert_allclose(by_product, panel.units)
    keys = list(zip(pairs.product_ids, pairs.store_ids, strict=True))
    assert keys == sorted(keys)
