"""Origins roll, methods see only what was known, and only what was asked for is kept."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from configs.demand import DemandEvaluationSettings
from training.demand.backtest import frequent_products, keep_products, latest_cutoff, origins, run_backtest
from training.demand.baselines import Imapa, MeanTimesElasticity, Naive, flat_forecast
from training.demand.errors import TestWeeksUnavailable
from training.demand.forecast import Forecast
from training.demand.panel import Panel
from training.demand.plan import TRACKS, Plan, Track

CUTOFF = date(2017, 8, 28)  # Monday of week 35 of 40


def test_origins_roll_by_horizons_and_the_last_may_be_short(panel: Panel) -> None:
    rolling = origins(panel, CUTOFF, test_weeks=6, horizon_weeks=4)
    assert [str(origin.week) for origin in rolling] == ["2017-08-21", "2017-09-18"]
    assert [[str(week) for week in origin.weeks] for origin in rolling] == [
        ["2017-08-28", "2017-09-04", "2017-09-11", "2017-09-18"],
        ["2017-09-25", "2017-10-02"],
    ]
    assert rolling[1].known(panel).weeks[-1] == rolling[1].week
    assert np.array_equal(rolling[1].future(panel).weeks, rolling[1].weeks)


@pytest.mark.parametrize(("day", "last_known"), [(27, "2017-08-14"), (28, "2017-08-21"), (31, "2017-08-21")])
def test_a_week_is_known_when_it_ends_by_the_cut_off(panel: Panel, day: int, last_known: str) -> None:
    assert str(origins(panel, date(2017, 8, day), 4, 4)[0].week) == last_known


@pytest.mark.parametrize(("day", "weeks"), [(date(2017, 8, 28), 7), (date(2017, 1, 9), 4), (date(2019, 1, 1), 1)])
def test_a_cut_off_without_weeks_around_it_is_refused(panel: Panel, day: date, weeks: int) -> None:
    with pytest.raises(TestWeeksUnavailable, match="hoose"):
        origins(panel, day, weeks, 4)


def test_the_latest_cut_off_leaves_just_the_weeks_asked_for(panel: Panel) -> None:
    cutoff = latest_cutoff(panel, 6)
    assert cutoff == CUTOFF
    assert len(origins(panel, cutoff, 6, 6)[0].weeks) == 6
    with pytest.raises(TestWeeksUnavailable):
        latest_cutoff(panel, 39)
    with pytest.raises(TestWeeksUnavailable):
        latest_cutoff(panel, 52)


def test_the_judged_sell_often_are_packed_and_sell_most(panel: Panel, judging: DemandEvaluationSettings) -> None:
    units = np.zeros_like(panel.units)
    units[0], units[1], units[2], units[3, :5] = 5, 9, 7, 100
    by_weight = panel.sold_by_weight.copy()
    by_weight[2] = True
    changed = replace(panel, units=units, sold_by_weight=by_weight)
    asked = judging.model_copy(update={"min_selling_weeks": 20, "max_products": 1})
    assert frequent_products(changed, asked).tolist() == ["p01"]
    assert frequent_products(changed, asked.model_copy(update={"max_products": 9})).tolist() == ["p00", "p01"]


class _Spy:
    """Remembers what it was shown."""

    name = "spy"

    def __init__(self, known: Panel, tracks: Sequence[Track] = TRACKS) -> None:
        self.tracks = tracks
        self.fitted_until = known.weeks[-1]
        self.shown: list[tuple[np.datetime64, Track]] = []

    def forecast(self, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        assert panel.weeks[-1] == self.fitted_until
        assert panel.weeks[-1] < plan.weeks[0]
        self.shown.append((panel.weeks[-1], track))
        return flat_forecast(panel, plan, panel.units[:, -1])


def test_every_origin_is_fitted_on_its_past_alone_and_asked_for_its_tracks(panel: Panel) -> None:
    spies: list[_Spy] = []

    def fit(known: Panel) -> list[_Spy]:
        spies.append(_Spy(known, ("none", "full")))
        return spies[-1:]

    rolling = origins(panel, CUTOFF, 6, 3)
    backtests = run_backtest(fit, panel, rolling, product_ids=panel.product_ids[3:5])
    assert [spy.fitted_until for spy in spies] == [origin.week for origin in rolling]
    assert {(backtest.method, backtest.track) for backtest in backtests} == {("spy", "none"), ("spy", "full")}
    assert all(len(backtest.forecasts) == 2 for backtest in backtests)
    assert all(said.product_ids.tolist() == ["p03", "p04"] for backtest in backtests for said in backtest.forecasts)


def test_the_future_reaches_no_method_but_through_the_plan(panel: Panel) -> None:
    rolling = origins(panel, CUTOFF, 4, 4)
    later = panel.weeks >= rolling[0].weeks[0]
    other = replace(panel, units=np.where(later, 999.0, panel.units))

    def said(of: Panel) -> list[np.ndarray]:
        found = run_backtest(
            lambda _: (Naive(), Imapa(), MeanTimesElasticity()), of, rolling, product_ids=of.product_ids
        )
        return [forecast.quantiles for backtest in found for forecast in backtest.forecasts]

    assert all(np.array_equal(one, two) for one, two in zip(said(panel), said(other), strict=True))


def test_stores_stay_with_their_products(panel: Panel) -> None:
    chain = Naive().forecast(panel, Plan.unchanged(panel, 2), track="none")
    stores = replace(chain, store_ids=np.array([f"s{place}" for place in range(len(panel))]))
    kept = keep_products(stores, np.array(["p01", "p07"]))
    assert kept.store_ids is not None
    assert kept.store_ids.tolist() == ["s1", "s7"]
    assert np.array_equal(kept.mean, chain.mean[[1, 7]])
