"""The baselines say what can be worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from training.demand.baselines import Imapa, MeanOfWeeks, MeanTimesElasticity, Naive, demand_baselines
from training.demand.counts import moment_dispersion
from training.demand.panel import Panel
from training.demand.plan import Plan
from training.demand.smoothers import imapa


@pytest.mark.parametrize("baseline", demand_baselines(), ids=lambda baseline: baseline.name)
def test_a_forecast_is_whole(baseline: Naive, panel: Panel) -> None:
    plan = Plan.unchanged(panel, 3)
    for track in baseline.tracks:
        said = baseline.forecast(panel, plan, track=track)
        assert said.mean.shape == said.dispersion.shape == (12, 3)
        assert said.quantiles.shape == (12, 3, 9)
        assert said.origin == panel.weeks[-1]
        assert np.isfinite(said.mean).all()
        assert (said.mean >= 0).all()
        assert (np.diff(said.quantiles, axis=2) >= 0).all()


def test_names_differ() -> None:
    names = [baseline.name for baseline in demand_baselines()]
    assert len(set(names)) == len(names)


def test_levels_are_last_week_the_mean_and_imapa(panel: Panel) -> None:
    plan = Plan.unchanged(panel, 2)
    assert np.array_equal(Naive().forecast(panel, plan, track="none").mean[:, 1], panel.units[:, -1])
    mean = MeanOfWeeks().forecast(panel, plan, track="none").mean[:, 0]
    assert np.allclose(mean, [sum(units[-8:]) / 8 for units in panel.units.tolist()])
    smoothed = Imapa().forecast(panel, plan, track="none")
    assert np.allclose(smoothed.mean[:, 0], imapa(panel.units, panel.first_sale))
    assert np.allclose(smoothed.dispersion[:, 0], moment_dispersion(panel.units))


def test_a_product_without_a_sale_is_forecast_nothing(panel: Panel) -> None:
    units = panel.units.copy()
    units[4] = 0
    never = replace(
        panel,
        units=units,
        shelf_price=np.where(np.arange(12)[:, None] == 4, np.nan, panel.shelf_price),
        paid_price=np.where(np.arange(12)[:, None] == 4, np.nan, panel.paid_price),
    )
    for baseline in demand_baselines():
        said = baseline.forecast(never, Plan.unchanged(never, 2), track=baseline.tracks[-1])
        assert (said.quantiles[4] == 0).all(), baseline.name
        assert np.isfinite(said.mean).all(), baseline.name


def test_a_known_event_lifts_every_baseline(panel: Panel) -> None:
    plan = Plan.unchanged(panel, 2)
    event = replace(plan, uplift=np.where(np.arange(2) == 1, 1.5, 1.0) * np.ones((12, 1)))
    for baseline in demand_baselines():
        track = baseline.tracks[-1]
        plain = baseline.forecast(panel, plan, track=track).mean
        lifted = baseline.forecast(panel, event, track=track).mean
        assert np.allclose(lifted[:, 0], plain[:, 0]), baseline.name
        assert np.allclose(lifted[:, 1], 1.5 * plain[:, 1]), baseline.name


def test_the_elastic_mean_expects_more_of_a_promotion_and_more_of_a_price_cut_only_where_it_may_know(
    panel: Panel,
) -> None:
    plain = Plan.unchanged(panel, 1)
    ones = np.ones((12, 1))
    promoted = replace(plain, display=0.5 * ones, mailer=0.3 * ones, paid_price=0.8 * plain.shelf_price)
    baseline = MeanTimesElasticity()
    full = baseline.forecast(panel, promoted, track="full").mean / baseline.forecast(panel, plain, track="full").mean
    assert np.median(full) > 1.3  # the promotion of the panel doubles sales
    cut = replace(plain, paid_price=0.8 * plain.shelf_price)
    uncut, blind = (baseline.forecast(panel, plan, track="promo").mean for plan in (plain, cut))
    assert np.array_equal(uncut, blind)


def test_no_response_promises_more_than_was_ever_sold(panel: Panel) -> None:
    plain = Plan.unchanged(panel, 1)
    absurd = replace(plain, shelf_price=0.01 * plain.shelf_price, paid_price=0.001 * plain.shelf_price)
    said = MeanTimesElasticity().forecast(panel, absurd, track="full")
    assert (said.mean[:, 0] <= panel.units.max(axis=1)).all()
