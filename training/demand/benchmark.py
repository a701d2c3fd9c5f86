"""The demand benchmark: our forecaster and its peers on the same panel, in one run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.demand import DemandEvaluationSettings
from training.benchmarks import Benchmark, BenchmarkRow, cpu_seconds, machine_facts, package_versions
from training.demand.backtest import Backtest, Origin, run_backtest
from training.demand.baselines import DemandForecaster, Imapa, Naive
from training.demand.evaluation import WQL, evaluate
from training.demand.evaluation_results import DemandEvaluation
from training.demand.panel import Panel
from training.demand.peers import AutoEts, TweedieTrees
from training.demand.plan import TRACKS, Track
from training.errors import ScoreUnknown

CPU: Final = "cpu_s"
_PACKAGES: Final = ("fairshelf", "lightgbm", "numpy", "scipy", "statsforecast", "torch")


@dataclass(frozen=True)
class Contender:
    """One method of the benchmark.

    Attributes:
        name: As its forecaster says.
        fit: From what was known at an origin to a forecaster; runs once per origin and is timed.
        ours: Whether it is compared with the others.
    """

    name: str
    fit: Callable[[Panel], DemandForecaster]
    ours: bool = False

    def methods(self, known: Panel) -> Sequence[DemandForecaster]:
        """Fit it, as a backtest asks for methods."""
        return (self.fit(known),)


def peer_contenders(*, horizon_weeks: int, seed: int, tracks: Sequence[Track] = TRACKS) -> list[Contender]:
    """List the peers: the naive forecast, IMAPA, AutoETS of statsforecast, and LightGBM with Tweedie loss.

    Args:
        horizon_weeks: Weeks the trees learn to look ahead.
        seed: Of the trees.
        tracks: What the trees learn to use.
    """

    def trees(known: Panel) -> DemandForecaster:
        return TweedieTrees(known, horizon_weeks=horizon_weeks, seed=seed, tracks=tracks)

    return [
        Contender(Naive.name, lambda _: Naive()),
        Contender(Imapa.name, lambda _: Imapa()),
        Contender(AutoEts.name, lambda _: AutoEts()),
        Contender(TweedieTrees.name, trees),
    ]


def bench_demand(
    contenders: Sequence[Contender],
    panel: Panel,
    rolling: Sequence[Origin],
    settings: DemandEvaluationSettings,
    *,
    product_ids: npt.NDArray[np.str_],
    train_until: datetime,
    data_snapshot_digest: str,
    provenance: str,
    tracks: Sequence[Track] = TRACKS,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Benchmark, DemandEvaluation]:
    """Fit and judge every contender at every origin, and time it.

    Args:
        contenders: Ours and the peers.
        panel: All weeks of the products every contender learns from.
        rolling: Origins.
        settings: Resampling and seed; intervals of the rows are always 95%.
        product_ids: What is judged.
        train_until: Time before which everything was known at the first origin.
        data_snapshot_digest: Which data this is.
        provenance: Where the data came from, in words.
        tracks: What is known of the future, each in turn.
        progress: Told each contender as it begins.

    Returns:
        The rows, and the evaluation they were taken from.
    """
    backtests: list[Backtest] = []
    seconds: dict[str, float] = {}
    for contender in contenders:
        progress(f"{contender.name}: fitting and forecasting from {len(rolling)} origin(s)")
        began = cpu_seconds()
        backtests += run_backtest(contender.methods, panel, rolling, product_ids=product_ids, tracks=tracks)
        seconds[contender.name] = cpu_seconds() - began
    ours = [contender.name for contender in contenders if contender.ours]
    judged = {
        name: evaluate(
            backtests,
            panel,
            settings.model_copy(update={"confidence": 0.95}),
            model=name,
            train_until=train_until,
            data_snapshot_digest=data_snapshot_digest,
            provenance=provenance,
        )
        for name in ours or [contenders[0].name]
    }
    rows = [row for contender in contenders for row in _rows(contender, contenders, judged, seconds)]
    benchmark = Benchmark(rows=tuple(rows), machine=machine_facts(), versions=package_versions(_PACKAGES))
    return benchmark, next(iter(judged.values()))


def _rows(
    contender: Contender,
    contenders: Sequence[Contender],
    judged: Mapping[str, DemandEvaluation],
    seconds: Mapping[str, float],
) -> list[BenchmarkRow]:
    """Lay out one contender's figures; ours once more per peer, with the ratio to it."""
    name = contender.name
    evaluation = judged.get(name, next(iter(judged.values())))
    tracks = [track for track in evaluation.tracks if _measured(evaluation, name, track)]
    rows = [_own_row(evaluation, name, track) for track in tracks]
    rows.append(_seconds_row(name, seconds[name]))
    if contender.ours:
        for peer in (other.name for other in contenders if not other.ours):
            shared = [track for track in tracks if _measured(evaluation, peer, track)]
            rows += [_ratio_row(evaluation, name, peer, track) for track in shared]
            rows.append(_seconds_row(name, seconds[name], peer, seconds[peer]))
    return rows


def _measured(evaluation: DemandEvaluation, name: str, track: Track) -> bool:
    try:
        evaluation.score(name, track=track, metric=WQL)
    except ScoreUnknown:
        return False
    return True


def _own_row(evaluation: DemandEvaluation, name: str, track: Track) -> BenchmarkRow:
    score = evaluation.score(name, track=track, metric=WQL)
    return BenchmarkRow(
        name=name,
        figure=f"{WQL}.{track}",
        value=score.value,
        unit="",
        ratio_to=None,
        ratio=None,
        interval_95=(score.low, score.high),
    )


def _ratio_row(evaluation: DemandEvaluation, name: str, peer: str, track: Track) -> BenchmarkRow:
    difference = evaluation.difference(peer, track=track, metric=WQL)
    return BenchmarkRow(
        name=name,
        figure=f"{WQL}.{track}",
        value=evaluation.score(name, track=track, metric=WQL).value,
        unit="",
        ratio_to=peer,
        ratio=1 + difference.relative,
        interval_95=(1 + difference.relative_low, 1 + difference.relative_high),
    )


def _seconds_row(name: str, value: float, peer: str | None = None, theirs: float | None = None) -> BenchmarkRow:
    return BenchmarkRow(
        name=name,
        figure=CPU,
        value=value,
        unit="s",
        ratio_to=peer,
        ratio=value / theirs if theirs else None,
        interval_95=None,
    )
