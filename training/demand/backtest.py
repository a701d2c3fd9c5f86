"""Rolling origins: what was known at each, what then happened, and what every method said would."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from configs.demand import DemandEvaluationSettings, EventSettings
from training.demand.baselines import DemandForecaster
from training.demand.errors import TestWeeksUnavailable
from training.demand.events import with_events
from training.demand.forecast import Forecast
from training.demand.panel import Panel, Weeks
from training.demand.plan import TRACKS, Plan, Track

_LEAST_KNOWN: Final = 2  # weeks; with one nothing has moved yet

Fit = Callable[[Panel], Sequence[DemandForecaster]]


@dataclass(frozen=True, eq=False)
class Origin:
    """One point in time from which forecasts are made.

    Attributes:
        week: Monday of the last week known.
        weeks: (H,) Mondays forecast.
    """

    week: np.datetime64
    weeks: Weeks

    def known(self, panel: Panel) -> Panel:
        """Give the weeks up to this origin."""
        return panel.until(self.weeks[0])

    def future(self, panel: Panel) -> Panel:
        """Give the weeks forecast."""
        return panel.since(self.weeks[0]).until(self.weeks[-1] + np.timedelta64(7, "D"))


@dataclass(frozen=True, eq=False)
class Backtest:
    """What one method said in one track.

    Attributes:
        method: Its name.
        track: What it knew of the future.
        forecasts: One per origin, for the same series; all chain-wide or all by store.
    """

    method: str
    track: Track
    forecasts: tuple[Forecast, ...]


def origins(panel: Panel, train_until: date, test_weeks: int, horizon_weeks: int) -> list[Origin]:
    """Roll origins over the weeks after a cut-off: every horizon one, the last may be shorter.

    Args:
        panel: Whose weeks there are.
        train_until: Day of the trading calendar; weeks that end before its midnight are known at the first origin.
        test_weeks: Weeks forecast in all.
        horizon_weeks: Weeks forecast from each origin.

    Raises:
        TestWeeksUnavailable: If the panel has no two weeks before the cut-off, or too few from it on.
    """
    ends = panel.weeks + np.timedelta64(7, "D")
    known = ends <= np.datetime64(train_until, "D")
    n_after = int((~known).sum())
    if known.sum() < _LEAST_KNOWN or n_after < test_weeks:
        raise TestWeeksUnavailable(
            train_until=train_until, test_weeks=test_weeks, n_before=int(known.sum()), n_after=n_after
        )
    first = int(known.sum())
    starts = range(first, first + test_weeks, horizon_weeks)
    stops = (min(start + horizon_weeks, first + test_weeks) for start in starts)
    return [Origin(panel.weeks[start - 1], panel.weeks[start:stop]) for start, stop in zip(starts, stops, strict=True)]


def latest_cutoff(panel: Panel, test_weeks: int) -> date:
    """Give the latest day that leaves so many whole weeks to be judged on.

    Raises:
        TestWeeksUnavailable: If the panel is not longer than that by two weeks.
    """
    n_before = len(panel.weeks) - test_weeks
    day = cast("date", panel.weeks[max(n_before, 0)].astype("datetime64[D]").astype(object))
    if n_before < _LEAST_KNOWN:
        raise TestWeeksUnavailable(train_until=day, test_weeks=test_weeks, n_before=n_before, n_after=test_weeks)
    return day


def frequent_products(known: Panel, settings: DemandEvaluationSettings) -> npt.NDArray[np.str_]:
    """Choose what is judged where no list is given: packed goods that sell most weeks, those that sold most first.

    Args:
        known: The weeks before the first origin.
        settings: Least weeks with a sale, and how many products at most.

    Returns:
        Ids, ascending.
    """
    enough = (known.units > 0).sum(axis=1) >= settings.min_selling_weeks
    eligible = np.flatnonzero(enough & ~known.sold_by_weight)
    by_volume = np.argsort(-known.units[eligible].sum(axis=1), kind="stable")
    return np.sort(known.product_ids[eligible[by_volume[: settings.max_products]]])


def keep_products(forecast: Forecast, product_ids: npt.NDArray[np.str_]) -> Forecast:
    """Keep the series of some products, in the forecast's order."""
    return forecast.take(np.flatnonzero(np.isin(forecast.product_ids, product_ids)))


def run_backtest(
    fit: Fit,
    panel: Panel,
    rolling: Sequence[Origin],
    *,
    product_ids: npt.NDArray[np.str_],
    tracks: Sequence[Track] = TRACKS,
    events: Sequence[EventSettings] = (),
) -> list[Backtest]:
    """Fit afresh at each origin, forecast every track, and keep what was said of the products judged.

    Args:
        fit: From what was known to the methods; a method that cannot answer a track is not asked for it: see
            `DemandForecaster.tracks`.
        panel: All weeks; methods see those up to each origin, and of later ones what their track may know.
        rolling: From `origins`.
        product_ids: What is judged.
        tracks: What is known of the future, each in turn.
        events: Known events with their uplift, which every method takes into account.
    """
    said: dict[tuple[Track, str], list[Forecast]] = {}
    for origin in rolling:
        known = origin.known(panel)
        plan = with_events(Plan.observed(origin.future(panel)), events=events, panel=known)
        for method in fit(known):
            for track in (track for track in tracks if track in method.tracks):
                forecast = method.forecast(known, plan, track=track)
                said.setdefault((track, method.name), []).append(keep_products(forecast, product_ids))
    return [Backtest(method, track, tuple(forecasts)) for (track, method), forecasts in said.items()]
