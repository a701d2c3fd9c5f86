"""What room for suppliers costs: quality and exposure of the lists at several strengths of the re-ranking."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.settings import EvaluationSettings, Settings
from fairness.ranking_metrics import exposure_over_demand, ndcg_at_k, rank_discounts, sums_by_class
from fairness.suppliers import PRIVATE_LABEL, SMALL, SUPPLIER_CLASSES
from training.baselines import Ranked, Task
from training.evaluation import TestSet, rank_as_served
from training.evaluation_results import TASKS
from training.intervals import bootstrap_means, percentile_interval
from training.two_tower.backtest import ServedFallback
from training.two_tower.recommender import TwoTowerRecommender
from training.two_tower.scorer import Scorer
from training.two_tower.stage import Stage

K = 10
COLUMNS = (
    "strength",
    "task",
    "ndcg_at_10",
    "ndcg_change",
    "ndcg_change_low",
    "ndcg_change_high",
    "small_supplier_exposure",
    "private_label_exposure",
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def trade_off(stage: Stage, settings: Settings, progress: Callable[[str], None]) -> pd.DataFrame:
    """Re-rank the lists of a bundle's own test window at each strength of the policy.

    Args:
        stage: The bundle, set up at its cut-off.
        settings: All sections; strengths and list length are `fairness.suppliers`.
        progress: Told each step in words.

    Returns:
        A row per task and strength, in `COLUMNS`; `ndcg_change` is relative to strength 0, its interval by resampling
        the same customers for both; exposures are over demand share, NaN where a class has no demand. No rows for a
        bundle that holds no weights.
    """
    suppliers = settings.fairness.suppliers
    progress(f"trade-off: {len(suppliers.strengths)} strengths of the re-ranking for suppliers")
    strengths, length = suppliers.strengths, suppliers.list_length
    return curve(stage.scorer, stage.model, stage.test_set, strengths, length, settings.evaluation)


def curve(
    scorer: Scorer,
    model: TwoTowerRecommender,
    test_set: TestSet,
    strengths: Sequence[float],
    list_length: int,
    settings: EvaluationSettings,
) -> pd.DataFrame:
    """Measure each strength on the same candidates, judged once.

    Args:
        scorer: With room for suppliers.
        model: The same model, ready to rank the test set's customers.
        test_set: Who is ranked for, and what they bought.
        strengths: Shares of the weights; 0 is measured too where it is not among them, and not shown.
        list_length: Ranks that count as exposure.
        settings: Resampling and confidence.
    """
    if scorer.exposure is None:
        return pd.DataFrame(columns=list(COLUMNS))
    measured = sorted({0.0, *strengths})
    scorers = [scorer.with_exposure(scorer.exposure.at(strength)) for strength in measured]
    codes = np.searchsorted(sorted(SUPPLIER_CLASSES), scorer.exposure.classes)
    frames = []
    for task in TASKS:
        lists = _lists(scorers, model, test_set, task, max(K, list_length))
        changes = _changes([ndcg_at_k(positions, test_set.relevant[task], K) for positions in lists], settings)
        demand = np.bincount(codes, test_set.relevant[task].sum(axis=0), len(SUPPLIER_CLASSES)).astype(np.float64)
        exposures = [_exposures(positions[:, :list_length], codes, demand) for positions in lists]
        parts = zip(measured, changes, exposures, strict=True)
        frames += [{"strength": s, "task": task, **change, **exposure} for s, change, exposure in parts]
    rows = [row for row in frames if row["strength"] in strengths]
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _Prepared:
    """Lists made beforehand, for everyone who consented and nobody else."""

    name = "prepared"

    def __init__(self, ranked: Ranked) -> None:
        self._ranked = ranked

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:  # noqa: ARG002 - made for these
        return self._ranked


def _lists(scorers: Sequence[Scorer], model: TwoTowerRecommender, test_set: TestSet, task: Task, k: int) -> list[Ints]:
    """Rank for everybody as served, once per scorer: (C, k) positions each."""
    consenting = test_set.customer_ids[test_set.consenting].tolist()
    ranked = model.rank_by(scorers, consenting, task=task, k=k)
    return [
        rank_as_served(_Prepared(own), ServedFallback(scorer, model), test_set, task=task, k=k)[0]
        for scorer, own in zip(scorers, ranked, strict=True)
    ]


def _changes(ndcg: Sequence[Floats], settings: EvaluationSettings) -> list[Mapping[str, float]]:
    """Compare each (C,) NDCG with the first, customers resampled in pairs."""
    values = np.column_stack(ndcg)
    means = np.nanmean(values, axis=0)
    resampled = bootstrap_means(values, n_resamples=settings.n_bootstrap, seed=settings.seed)
    intervals = [percentile_interval(relative, settings.confidence) for relative in _relative(resampled).T]
    return [
        {"ndcg_at_10": mean, "ndcg_change": change, "ndcg_change_low": low, "ndcg_change_high": high}
        for mean, change, (low, high) in zip(means, _relative(means[None])[0], intervals, strict=True)
    ]


def _relative(means: Floats) -> Floats:
    """Change relative to the first column; NaN where that is 0."""
    base = means[:, :1]
    return np.divide(means - base, base, out=np.full_like(means, np.nan), where=base > 0)


def _exposures(positions: Ints, codes: Ints, demand: Floats) -> Mapping[str, float]:
    """Divide the exposure of all lists together by the demand."""
    exposure = sums_by_class(positions, codes, len(demand), rank_discounts(positions.shape[1])).sum(axis=0)
    ratios = dict(zip(sorted(SUPPLIER_CLASSES), exposure_over_demand(exposure, demand).tolist(), strict=True))
    return {"small_supplier_exposure": ratios[SMALL], "private_label_exposure": ratios[PRIVATE_LABEL]}
