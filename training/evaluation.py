"""Backtest recommenders on the weeks after a cut-off, as they would have served them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from configs.settings import EvaluationSettings
from features.columns import BASKET_ID, CUSTOMER_ID, EVENT_TIMESTAMP
from training.baselines import Ranked, Recommender, Task, blocks
from training.catalogue import Catalogue
from training.errors import HistoryUnavailable, NobodyToJudge, RankingMalformed
from training.evaluation_results import SUBSETS, TASKS, Difference, Evaluation, Score, Spread, Subset
from training.intervals import bootstrap_means, percentile_interval
from training.metrics import catalogue_coverage_at_k, hit_rate_at_k, ndcg_at_k, popularity_percentile, recall_at_k
from training.splits import Holdout, bought_before, targets

Floats = npt.NDArray[np.float64]
Metric = Callable[[npt.NDArray[np.bool_], npt.NDArray[np.int64], int], Floats]
Rankings = dict[str, dict[Task, Ranked]]

METRICS: Mapping[str, tuple[Metric, int]] = {
    "ndcg@10": (ndcg_at_k, 10),
    "ndcg@20": (ndcg_at_k, 20),
    "recall@100": (recall_at_k, 100),
    "hit_rate@10": (hit_rate_at_k, 10),
}
SPREAD_K = 10


@dataclass(frozen=True)
class TestSet:
    """Who is ranked for, who is judged, and what each of them bought in the window.

    Attributes:
        customer_ids: (C,) everyone with a history before the cut-off, ascending.
        consenting: (C,) who had granted personalisation at the cut-off.
        n_baskets: (C,) merchandise baskets before the cut-off.
        relevant: Per task (C, N) bool, what was bought in the window; `novel` without what was bought before.
    """

    __test__ = False  # pytest must not take this class for a test

    holdout: Holdout
    catalogue: Catalogue
    customer_ids: npt.NDArray[np.str_]
    consenting: npt.NDArray[np.bool_]
    n_baskets: npt.NDArray[np.int64]
    relevant: Mapping[Task, sparse.csr_array]

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        """(C,) who bought any catalogue product in the window."""
        return np.asarray(self.relevant["all"].sum(axis=1)) > 0


def build_test_set(
    purchases: pd.DataFrame, catalogue: Catalogue, holdout: Holdout, consenting: Collection[str]
) -> TestSet:
    """Collect the targets of a holdout.

    Args:
        purchases: Everyone's lines, up to the end of the window at least.
        catalogue: What can be recommended; targets outside it are left out.
        holdout: The window.
        consenting: Customers who had granted personalisation at the cut-off; the others are ranked without their data.

    Raises:
        HistoryUnavailable: If nobody bought before the cut-off.
        NobodyToJudge: If nobody with a history bought a catalogue product in the window.
    """
    before = purchases[purchases[EVENT_TIMESTAMP] < holdout.train_until]
    if before.empty:
        times = purchases[EVENT_TIMESTAMP]
        raise HistoryUnavailable(train_until=holdout.train_until, data_start=times.min(), data_end=times.max())
    n_baskets = before.drop_duplicates([CUSTOMER_ID, BASKET_ID]).groupby(CUSTOMER_ID).size().sort_index()
    customer_ids = n_baskets.index.to_numpy(dtype=str)
    bought = targets(purchases, catalogue, customer_ids.tolist(), holdout.train_until, holdout.test_end)
    known = bought_before(purchases, catalogue, customer_ids.tolist(), holdout.train_until)
    test_set = TestSet(
        holdout=holdout,
        catalogue=catalogue,
        customer_ids=customer_ids,
        consenting=np.isin(customer_ids, list(consenting)),
        n_baskets=np.asarray(n_baskets, dtype=np.int64),
        relevant={"all": bought, "novel": sparse.csr_array(bought > known)},
    )
    if not test_set.judged.any():
        raise NobodyToJudge(train_until=holdout.train_until, test_end=holdout.test_end, n_customers=len(customer_ids))
    return test_set


def rank_as_served(recommender: Recommender, fallback: Recommender, test_set: TestSet, *, task: Task, k: int) -> Ranked:
    """Rank for every customer of a test set; those without consent get the fallback's lists.

    The fallback must not personalise. For `novel` it still leaves out what the customer bought, because that is
    what the task means, not because serving would look.

    Returns:
        (C, k) positions and scores, rows as `test_set.customer_ids`.

    Raises:
        RankingMalformed: If a recommender answers with another shape.
    """
    n_customers = len(test_set.customer_ids)
    positions = np.empty((n_customers, k), dtype=np.int64)
    scores = np.empty((n_customers, k), dtype=np.float32)
    for ranker, served in ((recommender, test_set.consenting), (fallback, ~test_set.consenting)):
        got = ranker.rank(test_set.customer_ids[served].tolist(), task=task, k=k)
        wanted = (int(served.sum()), k)
        if got[0].shape != wanted or got[1].shape != wanted:
            raise RankingMalformed(method=ranker.name, got=got[0].shape, wanted=wanted)
        positions[served], scores[served] = got
    return positions, scores


def mark_hits(product_idx: npt.NDArray[np.int64], relevant: sparse.csr_array) -> npt.NDArray[np.bool_]:
    """Mark which listed products were bought: (B, K) positions and (B, N) bool to (B, K) bool; -1 is never a hit."""
    hits = np.zeros(product_idx.shape, dtype=bool)
    for block in blocks(len(product_idx)):
        dense = relevant[block].toarray()
        hits[block] = np.take_along_axis(dense, np.maximum(product_idx[block], 0), axis=1)
    return hits & (product_idx >= 0)


def evaluate(
    recommenders: Sequence[Recommender],
    fallback: Recommender,
    test_set: TestSet,
    settings: EvaluationSettings,
    *,
    popularity: Floats,
    data_snapshot_digest: str,
    provenance: str,
) -> tuple[Evaluation, Rankings]:
    """Rank with every recommender and judge the lists.

    Args:
        recommenders: The model first, then its baselines.
        fallback: Non-personalised recommender for customers without consent; may be one of the baselines.
        test_set: Customers and their targets.
        settings: List length, resampling, and when a customer counts as warm.
        popularity: (N,) how much each product sold before the cut-off, for the spread.
        data_snapshot_digest: Which data this is.
        provenance: Where the data came from, in words.

    Returns:
        The figures, and every method's lists per task with rows as `test_set.customer_ids`.

    Raises:
        RankingMalformed: If a recommender answers with another shape.
    """
    k = settings.list_length
    rankings: Rankings = {
        recommender.name: {task: rank_as_served(recommender, fallback, test_set, task=task, k=k) for task in TASKS}
        for recommender in recommenders
    }
    scores, differences = _judge(rankings, test_set, settings)
    evaluation = Evaluation(
        model=recommenders[0].name,
        train_until=test_set.holdout.train_until,
        test_end=test_set.holdout.test_end,
        data_snapshot_digest=data_snapshot_digest,
        provenance=provenance,
        n_products=len(test_set.catalogue),
        n_customers=len(test_set.customer_ids),
        n_judged=int(test_set.judged.sum()),
        n_without_consent=int((test_set.judged & ~test_set.consenting).sum()),
        confidence=settings.confidence,
        n_bootstrap=settings.n_bootstrap,
        seed=settings.seed,
        warm_min_baskets=settings.warm_min_baskets,
        scores=tuple(scores),
        differences=tuple(differences),
        spreads=tuple(_spreads(rankings, popularity)),
    )
    return evaluation, rankings


def _judge(rankings: Rankings, test_set: TestSet, settings: EvaluationSettings) -> tuple[list[Score], list[Difference]]:
    scores: list[Score] = []
    differences: list[Difference] = []
    for task in TASKS:
        columns, values = _values(rankings, test_set, task, settings.list_length)
        for subset, members in _subsets(test_set, settings.warm_min_baskets).items():
            table = _Table(columns, values[members], task, subset, settings)
            scores += table.scores()
            differences += table.differences(model=next(iter(rankings)))
    return scores, differences


def _values(
    rankings: Rankings, test_set: TestSet, task: Task, list_length: int
) -> tuple[list[tuple[str, str]], Floats]:
    """Score every customer: the (method, metric) of each column, and (C, m) values, NaN where nothing is relevant."""
    relevant = test_set.relevant[task]
    n_relevant = np.asarray(relevant.sum(axis=1), dtype=np.int64)
    columns: list[tuple[str, str]] = []
    values: list[Floats] = []
    for method, ranked in rankings.items():
        hits = mark_hits(ranked[task][0], relevant)
        for metric, (measure, k) in METRICS.items():
            if k <= list_length:
                columns.append((method, metric))
                values.append(measure(hits, n_relevant, k))
    return columns, np.column_stack(values)


def _subsets(test_set: TestSet, warm_min_baskets: int) -> dict[Subset, npt.NDArray[np.bool_]]:
    warm = test_set.n_baskets >= warm_min_baskets
    members = (np.ones_like(warm), test_set.consenting, warm, ~warm)
    return {subset: test_set.judged & chosen for subset, chosen in zip(SUBSETS, members, strict=True)}


class _Table:
    """Values of one task over the customers of one subset, and their shared resamples."""

    def __init__(
        self,
        columns: Sequence[tuple[str, str]],
        values: Floats,
        task: Task,
        subset: Subset,
        settings: EvaluationSettings,
    ) -> None:
        self._place = {"task": task, "subset": subset}
        self._confidence = settings.confidence
        known = ~np.isnan(values)
        self._columns = {
            column: i for i, column in enumerate(columns) if known[:, i].any()
        }  # an empty subset has no scores
        self._n_customers = known.sum(axis=0)
        self._means = np.where(known, values, 0).sum(axis=0) / np.maximum(self._n_customers, 1)
        self._resampled = bootstrap_means(values, n_resamples=settings.n_bootstrap, seed=settings.seed)  # (R, m)

    def scores(self) -> list[Score]:
        return [
            Score(
                method=method,
                metric=metric,
                value=float(self._means[i]),
                **percentile_interval(self._resampled[:, i], self._confidence)._asdict(),
                n_customers=int(self._n_customers[i]),
                **self._place,
            )
            for (method, metric), i in self._columns.items()
        ]

    def differences(self, *, model: str) -> list[Difference]:
        return [
            self._difference(method, metric, self._columns[model, metric], i)
            for (method, metric), i in self._columns.items()
            if method != model
        ]

    def _difference(self, baseline: str, metric: str, ours: int, theirs: int) -> Difference:
        gains = self._resampled[:, ours] - self._resampled[:, theirs]
        interval = percentile_interval(gains, self._confidence)
        relative = percentile_interval(_ratio(gains, self._resampled[:, theirs]), self._confidence)
        gain = self._means[ours] - self._means[theirs]
        return Difference(
            method=next(method for (method, _), i in self._columns.items() if i == ours),
            baseline=baseline,
            metric=metric,
            value=float(gain),
            low=interval.low,
            high=interval.high,
            relative=float(_ratio(gain, self._means[theirs])),
            relative_low=relative.low,
            relative_high=relative.high,
            n_customers=int(self._n_customers[ours]),
            **self._place,
        )


def _ratio(gains: Floats, base: Floats) -> Floats:
    """Divide, giving NaN where the base is 0: a gain over nothing has no relative size."""
    gains, base = np.asarray(gains, dtype=np.float64), np.asarray(base, dtype=np.float64)
    return np.divide(gains, base, out=np.full_like(gains, np.nan), where=base > 0)


def _spreads(rankings: Rankings, popularity: Floats) -> list[Spread]:
    return [
        Spread(
            method=method,
            task=task,
            k=SPREAD_K,
            catalogue_coverage=catalogue_coverage_at_k(positions, len(popularity), SPREAD_K),
            popularity_percentile=popularity_percentile(positions, popularity, SPREAD_K),
        )
        for method, ranked in rankings.items()
        for task, (positions, _) in ranked.items()
    ]
