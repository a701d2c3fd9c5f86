"""The job behind `fairshelf bench demand`."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from configs.settings import Settings
from training.benchmarks import Benchmark
from training.demand.backtest import frequent_products, latest_cutoff, origins
from training.demand.baselines import DemandForecaster
from training.demand.benchmark import Contender, bench_demand, peer_contenders
from training.demand.evaluation_results import DemandEvaluation
from training.demand.fit import fit_forecaster
from training.demand.members import NAMES, MemberForecaster
from training.demand.panel import Panel
from training.demand.peers import require_peers
from training.demand.sources import prepare_demand
from training.lineage import provenance


def run_demand_benchmark(
    settings: Settings, *, train_until: date | None, n_products: int | None, progress: Callable[[str], None]
) -> tuple[Benchmark, DemandEvaluation]:
    """Compare the forecaster with its peers on the lake's products, all fitted afresh on the same weeks and products.

    Args:
        settings: Sections `storage` and `demand`.
        train_until: First day not known at the first origin; None takes the latest that leaves weeks enough.
        n_products: How many of the products that sell most are compared; None takes the settings'.
        progress: Told each step in words.

    Raises:
        PeersMissing: If a peer is not installed.
        LakeMissing: If there is no lake.
        TestWeeksUnavailable: If the panel is too short around the cut-off.
    """
    require_peers()
    demand = settings.demand
    judging = demand.evaluation
    if n_products is not None:
        judging = judging.model_copy(update={"max_products": n_products})
    sources = prepare_demand(settings.storage, progress)
    cutoff = train_until or latest_cutoff(sources.panel, judging.test_weeks)
    rolling = origins(sources.panel, cutoff, judging.test_weeks, demand.horizon_weeks)
    product_ids = frequent_products(rolling[0].known(sources.panel), judging)
    panel = sources.panel.take(np.searchsorted(sources.panel.product_ids, product_ids))

    def ours(known: Panel) -> DemandForecaster:
        with TemporaryDirectory(prefix="fairshelf-bench-") as checkpoints:
            fitted = fit_forecaster(known, None, demand, Path(checkpoints), progress=progress)
        return MemberForecaster(fitted.forecaster, "blend")

    peers = peer_contenders(horizon_weeks=demand.horizon_weeks, seed=demand.seed)
    return bench_demand(
        [Contender(NAMES["blend"], ours, ours=True), *peers],
        panel,
        rolling,
        judging,
        product_ids=product_ids,
        train_until=sources.cutoff(rolling[0].weeks[0]),
        data_snapshot_digest=sources.lake.manifest.snapshot_digest,
        provenance=provenance(sources.lake.manifest.source),
        progress=progress,
    )
