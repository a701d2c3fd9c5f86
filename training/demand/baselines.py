"""Simple forecasters that any demand model has to beat."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from training.demand.counts import moment_dispersion
from training.demand.forecast import Forecast
from training.demand.panel import Floats, Panel
from training.demand.plan import TRACKS, Plan, Track
from training.demand.quantiles import negative_binomial_quantiles
from training.demand.responses import Known, Responses, drivers_of, fit_responses, reference_price
from training.demand.smoothers import imapa

NAIVE: Final = "naive"
MEAN_8_WEEKS: Final = "mean_8_weeks"
IMAPA: Final = "imapa"
MEAN_X_ELASTICITY: Final = "mean_8_weeks_x_elasticity"

MEAN_WEEKS: Final = 8


class DemandForecaster(Protocol):
    """What can be backtested: it has a name and forecasts the products of a panel."""

    @property
    def name(self) -> str:
        """Name in tables of figures."""
        ...

    @property
    def tracks(self) -> Sequence[Track]:
        """Tracks it can answer."""
        ...

    def forecast(self, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        """Forecast the plan's weeks for every product, chain-wide, from what the panel and the track know."""
        ...


class Naive:
    """Repeats last week.

    The dispersion of these baselines is that of each product's whole history, by the method of moments: around any
    single level the residuals would count a wrong level as spread.
    """

    name: str = NAIVE
    tracks: Sequence[Track] = TRACKS

    def forecast(self, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        """Forecast last week's units for all weeks; no track tells it anything but planned events."""
        del track
        return flat_forecast(panel, plan, panel.units[:, -1])


class MeanOfWeeks:
    """Averages the last eight weeks."""

    name: str = MEAN_8_WEEKS
    tracks: Sequence[Track] = TRACKS

    def forecast(self, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        """Forecast the mean for all weeks; no track tells it anything but planned events."""
        del track
        return flat_forecast(panel, plan, panel.units[:, -MEAN_WEEKS:].mean(axis=1))


class Imapa:
    """Smooths at every time scale: the best of the methods that know nothing of the weeks to come."""

    name: str = IMAPA
    tracks: Sequence[Track] = TRACKS

    def forecast(self, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        """Forecast one level for all weeks; no track tells it anything but planned events."""
        del track
        return flat_forecast(panel, plan, imapa(panel.units, panel.first_sale))


class MeanTimesElasticity:
    """Takes the promotions out of the last eight weeks' mean, and puts those of the plan in.

    Source: empirical-Bayes responses, product to category to chain; see `training.demand.responses`.
    """

    name: str = MEAN_X_ELASTICITY
    tracks: Sequence[Track] = ("promo", "full")

    def forecast(self, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        """Forecast the mean times the response to what the track knows."""
        known: Known = "promo" if track == "promo" else "full"
        reference = reference_price(panel)
        past = drivers_of(panel, reference)
        ahead = drivers_of(plan, reference, last=panel.shelf_price[:, -1])
        on_sale = np.arange(panel.units.shape[1]) >= panel.first_sale[:, None]
        families = np.unique(panel.attributes["category"].astype(str), return_inverse=True)[1]
        responses = fit_responses(panel.units, past, on_sale & ~panel.stocked_out, families.astype(np.int64), known)
        lift = _lift(responses, past[:, -MEAN_WEEKS:])
        base = panel.units[:, -MEAN_WEEKS:].sum(axis=1) / lift.sum(axis=1)
        most = panel.units.max(axis=1)  # a response read off few weeks must not promise what was never seen
        mean = np.minimum(base[:, None] * _lift(responses, ahead), most[:, None]) * plan.uplift
        return counts_forecast(panel, plan, mean)


def demand_baselines() -> tuple[DemandForecaster, ...]:
    """Give the baselines every demand model is held against; they need no fit beyond what they are shown."""
    return (Naive(), MeanOfWeeks(), Imapa(), MeanTimesElasticity())


def flat_forecast(panel: Panel, plan: Plan, level: Floats) -> Forecast:
    """Forecast one level (P,) per product, times planned events."""
    return counts_forecast(panel, plan, level[:, None] * plan.uplift)


def counts_forecast(panel: Panel, plan: Plan, mean: Floats, dispersion: Floats | None = None) -> Forecast:
    """Put a negative binomial around expected units.

    Args:
        panel: The history forecast from.
        plan: The weeks forecast.
        mean: (P, H) expected units.
        dispersion: (P, H); None takes each product's own, by the method of moments.
    """
    if dispersion is None:
        dispersion = np.repeat(moment_dispersion(panel.units)[:, None], mean.shape[1], axis=1)
    return Forecast(
        product_ids=panel.product_ids,
        store_ids=None,
        origin=panel.weeks[-1],
        weeks=plan.weeks,
        mean=mean,
        dispersion=dispersion,
        quantiles=negative_binomial_quantiles(mean, dispersion),
    )


def _lift(responses: Responses, drivers: Floats) -> Floats:
    lift: Floats = np.exp(responses.lift(drivers))
    return lift
