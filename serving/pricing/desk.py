"""The demand desk: one loaded version of the demand models, with what it knows of every product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.demand import EventSettings
from fairness.clearance import Clearance
from serving.pricing.assortment import Assortment
from serving.pricing.ports import PlannedWeek
from training.demand.events import with_events
from training.demand.forecast import Forecast
from training.demand.forecaster import Forecaster
from training.demand.plan import Plan, Track
from training.demand.quantiles import negative_binomial_quantiles
from training.demand.state import State

Positions = npt.NDArray[np.int64]

_COVARIATES = ("shelf_price", "paid_price", "display", "mailer", "uplift")


@dataclass(frozen=True, eq=False)
class Desk:
    """A verified demand champion and the state it forecasts from.

    Attributes:
        name: Model name.
        version: Version of the bundle.
        digest: Digest of the bundle, as the champion pointer names it.
        clearance: Of its audit; it ends. None for a desk that answers nobody, as an audit makes one.
        card: The `model` block of every answer.
        assortment: What prices are reckoned from; its products are those of `state`.
        longest_weeks: Most weeks that can be forecast.
        forecaster: The loaded forecaster.
        state: What is known of every product at the end of the data.
        events: Known events with their uplift.
    """

    name: str
    version: str
    digest: str
    clearance: Clearance | None
    card: Mapping[str, Any]
    assortment: Assortment
    longest_weeks: int
    forecaster: Forecaster
    state: State
    events: Sequence[EventSettings]

    @property
    def cleared_until(self) -> datetime:
        """When it must leave service, unless it is cleared anew; always over for a desk that was never cleared."""
        return self.clearance.until if self.clearance else datetime.min.replace(tzinfo=UTC)

    def forecast(
        self,
        product_ids: Sequence[str],
        store_ids: Sequence[str] | None,
        *,
        n_weeks: int,
        track: Track,
        planned: Sequence[PlannedWeek],
    ) -> Forecast:
        """Forecast known products, chain-wide or at known stores; see `serving.pricing.ports.DemandDesk`.

        A store at which a product never sold has no row.
        """
        rows = self.assortment.index_of(product_ids)
        state = self.state.take(rows)
        plan = with_events(Plan.unchanged(state.history, n_weeks), self.events, state.history)
        for week in planned:
            _write(plan, week, product_ids)
        chain = self.forecaster.forecast_from(state, plan, track=track)
        return chain if store_ids is None else self._at_stores(chain, rows, store_ids)

    def _at_stores(self, chain: Forecast, rows: Positions, store_ids: Sequence[str]) -> Forecast:
        """Share a chain's forecast out as the split model did when the desk was loaded."""
        known, n_stores = self.assortment, len(store_ids)
        series = np.repeat(np.arange(len(rows)), n_stores)
        stores = np.tile(known.store_index_of(store_ids), len(rows))
        pairs = known.pair_of(rows[series], stores)
        kept = pairs >= 0
        series, pairs = series[kept], pairs[kept]
        mean = chain.mean[series] * known.pair_share[pairs, None]
        dispersion = np.broadcast_to(known.pair_dispersion[pairs, None], mean.shape)
        return Forecast(
            product_ids=chain.product_ids[series],
            store_ids=known.store_ids[known.pair_store_idx[pairs]],
            origin=chain.origin,
            weeks=chain.weeks,
            mean=mean,
            dispersion=dispersion,
            quantiles=negative_binomial_quantiles(mean, dispersion),
        )


def _write(plan: Plan, week: PlannedWeek, product_ids: Sequence[str]) -> None:
    """Put what is known of one week into a plan; weeks that are not forecast are passed over."""
    (columns,) = np.nonzero(plan.weeks == np.datetime64(week.week_start, "D"))
    rows = slice(None) if week.product_id is None else [product_ids.index(week.product_id)]
    if week.shelf_price is not None and week.paid_price is None:
        plan.paid_price[rows, columns] = week.shelf_price
    for name in _COVARIATES:
        value = getattr(week, name)
        if value is not None:
            getattr(plan, name)[rows, columns] = value
