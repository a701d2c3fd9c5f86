"""Released weeks go into a bundle and come back; what the shop's panel sold is not read."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.artifact import Bundle
from training.demand.forecaster import Forecaster
from training.demand.panel import Panel
from training.demand.plan import TRACKS, Plan
from training.demand.private_bundle import ReleasedWeeks

MEANS = Forecaster({}, {}, None)


@pytest.fixture
def released(panel: Panel) -> ReleasedWeeks:
    """The first 36 weeks of the panel, of all its products but the last."""
    known = panel.until(panel.weeks[36])
    units = known.units.copy()
    units[3] = 0
    return ReleasedWeeks(panel.product_ids, known.weeks, units, np.array(["s0", "s1"]), np.array([0.75, 0.25]))


def test_a_bundle_without_a_promise_has_no_released_weeks(chain: Any) -> None:
    assert ReleasedWeeks.load(Bundle.open(chain.bundle.directory)) is None


def test_products_without_a_unit_are_left_out(released: ReleasedWeeks) -> None:
    arrays, frames = released.bundle_parts()
    assert arrays["released_units"].dtype == np.int32
    assert arrays["released_units"].shape == (11, 36)
    assert frames["released_products"]["product_id"].to_pylist() == np.delete(released.product_ids, 3).tolist()
    assert frames["released_stores"]["share"].to_pylist() == [0.75, 0.25]
    assert arrays["released_weeks"].astype("datetime64[D]").tolist() == released.weeks.tolist()


def test_weeks_after_the_release_are_what_the_version_expects(released: ReleasedWeeks, panel: Panel) -> None:
    found = released.panel(panel, MEANS)
    np.testing.assert_array_equal(found.units[:, :36], released.units)
    expected = np.maximum(released.units.mean(axis=1), 0.02)
    np.testing.assert_allclose(found.units[:, 36:], np.repeat(expected[:, None], 4, axis=1))


def test_units_of_the_shop_are_not_read(released: ReleasedWeeks, panel: Panel) -> None:
    other = replace(panel, units=panel.units[::-1] * 7, imputed=~panel.imputed, stocked_out=panel.units > 3)
    for name in ("units", "imputed", "stocked_out", "paid_price"):
        np.testing.assert_array_equal(
            getattr(released.panel(panel, MEANS), name), getattr(released.panel(other, MEANS), name)
        )


def test_weeks_that_the_shop_no_longer_keeps_are_left_out(released: ReleasedWeeks, panel: Panel) -> None:
    found = released.panel(panel.since(panel.weeks[10]), MEANS)
    np.testing.assert_array_equal(found.units[:, :26], released.units[:, 10:])


def test_stores_share_the_weeks(released: ReleasedWeeks, panel: Panel) -> None:
    found = released.panel(panel, MEANS)
    pairs = released.stores(found)
    assert pairs.units.sum() == pytest.approx(found.units[found.units.mean(axis=1) > 0.13].sum())
    assert set(pairs.store_ids) == {"s0", "s1"}


def test_means_answer_every_track_alike(released: ReleasedWeeks, panel: Panel) -> None:
    history = replace(panel.until(panel.weeks[36]), units=released.units)
    plan = Plan.observed(panel.since(panel.weeks[36]))
    means = [MEANS.forecast(history, plan, track=track).mean for track in TRACKS]
    np.testing.assert_array_equal(means[0], means[2])
    np.testing.assert_array_equal(means[0], means[1])
