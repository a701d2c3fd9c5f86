"""Forecast everything at once, from a promoted bundle."""

from collections.abc import Iterator
from pathlib import Path

from configs.demand import DemandSettings
from training.artifact import Bundle
from training.demand.evaluation_files import write_forecast_file
from training.demand.events import with_events
from training.demand.forecast import Forecast
from training.demand.forecaster import Forecaster
from training.demand.plan import Plan
from training.demand.private_bundle import ReleasedWeeks
from training.demand.sources import DemandSources
from training.demand.state import state_of


def forecast_everything(
    bundle: Bundle, sources: DemandSources, settings: DemandSettings, *, n_weeks: int, stores: bool, out: Path
) -> tuple[int, int]:
    """Write forecasts of every product, and of every pair of product and store, for the weeks after the data.

    Prices stay as they were last, without promotions; known events count.

    Args:
        bundle: The models to forecast with.
        sources: The lake's panel.
        settings: Known events.
        n_weeks: Weeks ahead, from 1.
        stores: Forecast every pair that ever sold too; their means sum to the product's own.
        out: Parquet file, replaced when it is whole.

    Returns:
        Number of products and of pairs forecast.
    """
    forecaster = Forecaster.load(bundle)
    released, panel, pairs = ReleasedWeeks.load(bundle), sources.panel, sources.stores
    if released is not None:
        panel = released.panel(panel, forecaster)
        pairs = released.stores(panel)
    plan = with_events(Plan.unchanged(panel, n_weeks), settings.events, panel)
    chain = forecaster.forecast_from(state_of(panel), plan, track="full")

    def forecasts() -> Iterator[Forecast]:
        yield chain
        if stores:
            yield forecaster.split(chain, panel, pairs)

    write_forecast_file(forecasts(), out)
    return len(panel), len(pairs) if stores else 0
