"""Two versions of the demand models on the same rows: the same products and weeks, from the same known sales."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from configs.settings import Settings
from training.artifact import Bundle
from training.demand.backtest import frequent_products, origins, run_backtest
from training.demand.baselines import DemandForecaster
from training.demand.evaluation import evaluate
from training.demand.evaluation_results import DemandEvaluation
from training.demand.forecast import Forecast
from training.demand.forecaster import Forecaster
from training.demand.panel import Panel
from training.demand.plan import TRACKS, Plan, Track
from training.demand.sources import prepare_demand
from training.lineage import provenance

CHALLENGER: Final = "challenger"
CHAMPION: Final = "champion"


@dataclass(frozen=True)
class NamedForecaster:
    """A version's forecaster under the name of its part in the comparison."""

    name: str
    forecaster: Forecaster
    tracks: Sequence[Track] = TRACKS

    def forecast(self, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        """Forecast as the version does."""
        return self.forecaster.forecast(panel, plan, track=track)


def compare_demand(
    challenger: Bundle, champion: Bundle, settings: Settings, progress: Callable[[str], None]
) -> DemandEvaluation | None:
    """Judge both versions chain-wide by what sold after the challenger's cut-off.

    Both forecast from the sales known at each origin; neither is fitted again.

    Args:
        challenger: Its cut-off is the first origin.
        champion: Must have learnt from no later week.
        settings: All sections.
        progress: Told each step in words.

    Returns:
        The figures of `challenger` and `champion`, and their differences paired by product; None where a version
        forecasts from released weeks of its own, so that there are no common rows.

    Raises:
        TestWeeksUnavailable: If the data ends before the weeks that judge.
        LakeMissing, LakeDamaged, BundleDamaged: If the data or a bundle cannot be read.
    """
    if any(bundle.manifest.privacy.mechanism != "none" for bundle in (challenger, champion)):
        progress("comparison: a private version forecasts from weeks of its own; the gate alone decides")
        return None
    sources = prepare_demand(settings.storage, progress)
    manifest, demand = sources.lake.manifest, settings.demand
    day = challenger.manifest.train_until.astimezone(ZoneInfo(manifest.trading_time_zone)).date()
    rolling = origins(sources.panel, day, demand.evaluation.test_weeks, demand.horizon_weeks)
    rivals: list[DemandForecaster] = [
        NamedForecaster(CHALLENGER, Forecaster.load(challenger)),
        NamedForecaster(CHAMPION, Forecaster.load(champion)),
    ]
    judged = frequent_products(rolling[0].known(sources.panel), demand.evaluation)
    found = run_backtest(lambda _: rivals, sources.panel, rolling, product_ids=judged, events=demand.events)
    return evaluate(
        found,
        sources.panel,
        demand.evaluation,
        model=CHALLENGER,
        train_until=sources.cutoff(rolling[0].weeks[0]),
        data_snapshot_digest=manifest.snapshot_digest,
        provenance=provenance(manifest.source),
    )
