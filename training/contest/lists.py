"""The contest of lists: ours and the peers on the same rows, for everything and for what is new to each customer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from configs.settings import EvaluationSettings
from training.baselines import Recommender, Task
from training.benchmarks import BenchmarkRow, machine_facts, package_versions
from training.contest.contenders import Contender, Entry, StoredLists, enter
from training.contest.result import Contest
from training.evaluation import Floats, TestSet, evaluate
from training.evaluation_results import TASKS, Evaluation, Score, Subset
from training.peers.tuning import JUDGED_BY

ACCURACY: Final = ("ndcg@10", "ndcg@20", "recall@100")
COLD_CUSTOMERS: Final = "ndcg@20"
COLD_PRODUCTS: Final = "recall@100"
COVERAGE: Final = "coverage@10"
PERCENTILE: Final = "popularity_percentile@10"
COSTS: Final = ("tuning_cpu_s", "fit_cpu_s", "rank_cpu_s", "peak_memory_gb")

PACKAGES: Final = ("fairshelf", "implicit", "lightgbm", "numpy", "scipy", "torch")
_CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Ground:
    """What a contest is held on.

    Attributes:
        test_set: Who is ranked for, and what each of them bought.
        fallback: Not personalised: the list of customers who did not agree to personalisation, whoever ranks.
        popularity: (N,) how much each product sold before the cut-off, for the spread.
        cold: (N,) products with few buyers before the cut-off.
        data_snapshot_digest: Which data this is.
        provenance: Where the data came from, in words.
    """

    test_set: TestSet
    fallback: Recommender
    popularity: Floats
    cold: npt.NDArray[np.bool_]
    data_snapshot_digest: str
    provenance: str


def hold(
    contenders: Sequence[Contender],
    ground: Ground,
    settings: EvaluationSettings,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Contest:
    """Tune, fit, ask and judge every contender.

    Args:
        contenders: Ours and the peers.
        ground: Data, targets and the common fallback.
        settings: Length of lists, resampling, and when a customer counts as warm; intervals are always 95%.
        progress: Told each contender as it begins.

    Returns:
        Every figure of every contender, and ours against the best peer of each figure.
    """
    entries: list[Entry] = []
    for contender in contenders:
        progress(f"{contender.title}: tuning, fitting and ranking")
        entries.append(enter(contender, ground.test_set, settings.list_length))
        if entries[-1].method.left_out:
            progress(entries[-1].method.left_out)
    progress("judging")
    judge = _Judge(entries, ground, settings)
    return Contest(
        rows=tuple(judge.rows()),
        machine=machine_facts(),
        versions=package_versions(PACKAGES),
        discipline="lists",
        train_until=ground.test_set.holdout.train_until,
        test_end=ground.test_set.holdout.test_end,
        data_snapshot_digest=ground.data_snapshot_digest,
        provenance=ground.provenance,
        n_products=len(ground.test_set.catalogue),
        n_judged=int(ground.test_set.judged.sum()),
        judged_by=JUDGED_BY,
        notes=tuple(judge.notes()),
        methods=tuple(entry.method for entry in entries),
    )


def restricted(test_set: TestSet, products: npt.NDArray[np.bool_]) -> TestSet:
    """Judge by some products alone: the same customers and lists, the other purchases no longer wanted."""
    relevant = {
        task: sparse.csr_array(wanted.multiply(products[None, :])) for task, wanted in test_set.relevant.items()
    }
    for wanted in relevant.values():
        wanted.eliminate_zeros()
    return replace(test_set, relevant=relevant)


class _Judge:
    """Figures of all who took part."""

    def __init__(self, entries: Sequence[Entry], ground: Ground, settings: EvaluationSettings) -> None:
        self._entries = [entry for entry in entries if entry.lists is not None]
        self._ground = ground
        self._settings = settings.model_copy(update={"confidence": _CONFIDENCE})
        self._peers = [entry.method.name for entry in self._entries if not entry.method.ours]
        self._cold_set = restricted(ground.test_set, ground.cold)
        names = [entry.method.name for entry in self._entries if entry.method.ours] or self._peers[:1]
        self._by_model = {name: self._evaluate(name, ground.test_set) for name in names}
        has_cold = bool(self._cold_set.judged.any())
        self._cold = {name: self._evaluate(name, self._cold_set) for name in names} if has_cold else {}

    def rows(self) -> Iterator[BenchmarkRow]:
        for entry in self._entries:
            name = entry.method.name
            for evaluation, figure, score in self._scores(name):
                yield _own(name, figure, score.value, (score.low, score.high))
                if entry.method.ours and self._peers:
                    yield self._compared(evaluation, figure, score)
            yield from self._spreads(name)
            for figure in COSTS:
                yield _own(name, figure, getattr(entry, figure), None, unit="GB" if figure.endswith("gb") else "s")

    def notes(self) -> Iterator[str]:
        evaluation = next(iter(self._by_model.values()))
        yield f"{evaluation.n_judged:,} of {evaluation.n_customers:,} customers bought something in the window."
        yield (
            f"{evaluation.n_without_consent} of the judged did not agree to personalisation; whoever ranks, they get "
            "the same popular list."
        )
        yield f"Cold customers have fewer than {self._settings.warm_min_baskets} baskets before the cut-off."
        yield (
            f"Cold products: {int(self._ground.cold.sum()):,} of {len(self._ground.cold):,} products, bought "
            f"in the window by {int(self._cold_set.judged.sum()):,} of the judged. Products never sold before the "
            "cut-off are in nobody's catalogue here; --task cold ranks those."
        )
        yield "Intervals are 95%, by resampling customers, the same resamples for everyone."
        yield "Memory is the whole process's, data and libraries included; times are processor time."

    def _evaluate(self, model: str, test_set: TestSet) -> Evaluation:
        lists = [entry.lists for entry in self._entries if entry.lists is not None]
        ordered: list[StoredLists] = sorted(lists, key=lambda one: one.name != model)
        evaluation, _ = evaluate(
            ordered,
            self._ground.fallback,
            test_set,
            self._settings,
            popularity=self._ground.popularity,
            data_snapshot_digest=self._ground.data_snapshot_digest,
            provenance=self._ground.provenance,
        )
        return evaluation

    def _scores(self, name: str) -> Iterator[tuple[Evaluation, str, Score]]:
        """Give every score of a method with its figure's name and where it is from; short lists lack some."""
        evaluation = self._by_model.get(name, next(iter(self._by_model.values())))
        for task in TASKS:
            for metric in ACCURACY:
                yield from self._subset(evaluation, name, task, metric, "everyone", "")
        for task in TASKS:
            yield from self._subset(evaluation, name, task, COLD_CUSTOMERS, "cold", "cold_customers.")
        for task in TASKS if self._cold else ():
            cold = self._cold.get(name, next(iter(self._cold.values())))
            yield from self._subset(cold, name, task, COLD_PRODUCTS, "everyone", "cold_products.")

    @staticmethod
    def _subset(
        evaluation: Evaluation, name: str, task: Task, metric: str, subset: Subset, prefix: str
    ) -> Iterator[tuple[Evaluation, str, Score]]:
        for score in evaluation.scores:
            if (score.method, score.task, score.metric, score.subset) == (name, task, metric, subset):
                yield evaluation, f"{prefix}{task}.{metric}", score

    def _compared(self, evaluation: Evaluation, figure: str, score: Score) -> BenchmarkRow:
        """Compare one of our scores with that of the peer who is best by it."""
        place = {"task": score.task, "metric": score.metric, "subset": score.subset}
        rivals = [one for one in evaluation.scores if one.method in self._peers and one.subset == score.subset]
        rivals = [one for one in rivals if (one.task, one.metric) == (score.task, score.metric)]
        best = max(rivals, key=lambda one: one.value)
        difference = evaluation.difference(best.method, **place)  # type: ignore[arg-type]
        return BenchmarkRow(
            name=score.method,
            figure=figure,
            value=score.value,
            unit="",
            ratio_to=best.method,
            ratio=1 + difference.relative,
            interval_95=(1 + difference.relative_low, 1 + difference.relative_high),
        )

    def _spreads(self, name: str) -> Iterator[BenchmarkRow]:
        for spread in next(iter(self._by_model.values())).spreads:
            if spread.method == name:
                yield _own(name, f"{spread.task}.{COVERAGE}", spread.catalogue_coverage, None)
                yield _own(name, f"{spread.task}.{PERCENTILE}", spread.popularity_percentile, None)


def _own(name: str, figure: str, value: float, interval: tuple[float, float] | None, *, unit: str = "") -> BenchmarkRow:
    return BenchmarkRow(
        name=name, figure=figure, value=value, unit=unit, ratio_to=None, ratio=None, interval_95=interval
    )
