"""Fit the room for suppliers on the lists of the cut-off, which nobody has bought from yet."""

from datetime import timedelta

import numpy as np
import numpy.typing as npt

from configs.fairness import SupplierSettings
from configs.settings import TwoTowerSettings
from fairness.rerank import ClassWeights, demand_shares, fit_weights
from fairness.suppliers import supplier_classes
from training.baselines import Task, blocks
from training.evaluation_results import TASKS
from training.feature_rows import customer_rows
from training.histories import Histories, from_arrow
from training.splits import bought_before, targets
from training.two_tower.exposure import SupplierExposure
from training.two_tower.fit import TrainingData
from training.two_tower.scorer import Scorer


def fit_exposure(
    scorer: Scorer, data: TrainingData, settings: TwoTowerSettings, suppliers: SupplierSettings
) -> SupplierExposure:
    """Fit class weights for each task.

    The lists are those of the training customers at the cut-off, before re-ranking. Demand is what they bought in
    the latest target windows before it: for `novel`, first purchases alone. The popular list takes the weights of
    `all`: its own would cost those who withhold consent a seventh of their NDCG@10 (.191 to .163 at the test cut-off)
    for a part of all exposure that hardly counts.

    Args:
        scorer: The fitted model with the sales figures of the cut-off.
        data: Features and purchases.
        settings: Target windows, and how much of the weights is used.
        suppliers: Who is small, and the bounds.
    """
    products = scorer.products
    classes = supplier_classes(products["brand"], products["manufacturer_id"], products["popularity"], suppliers)
    rows = customer_rows(data.store, data.customer_ids, [data.train_until])
    histories = from_arrow(rows, scorer.catalogue)
    demand = {task: demand_shares(sold, classes) for task, sold in _sold(scorer, data, settings).items()}
    weights: dict[Task, ClassWeights] = {
        task: fit_weights(*judged_candidates(scorer, histories, task, classes), demand[task], suppliers)
        for task in TASKS
    }
    return SupplierExposure(classes, weights, settings.exposure_strength)


def _sold(scorer: Scorer, data: TrainingData, settings: TwoTowerSettings) -> dict[Task, npt.NDArray[np.int64]]:
    """Count the buyers of each product in each of the latest target windows, together: (N,) per task."""
    sold: dict[Task, npt.NDArray[np.int64]] = {task: np.zeros(len(scorer.catalogue), dtype=np.int64) for task in TASKS}
    for window in range(settings.head.n_windows):
        end = data.train_until - timedelta(days=settings.target_days * window)
        start = end - timedelta(days=settings.target_days)
        bought = targets(data.purchases, scorer.catalogue, data.customer_ids, start, end)
        known = bought_before(data.purchases, scorer.catalogue, data.customer_ids, start)
        sold["all"] += np.asarray(bought.sum(axis=0), dtype=np.int64)
        sold["novel"] += np.asarray((bought > known).sum(axis=0), dtype=np.int64)
    return sold


def judged_candidates(
    scorer: Scorer, histories: Histories, task: Task, classes: npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.str_]]:
    """Judge the candidates of everyone with a history: whose each is, its score, and the class of its supplier."""
    with_history = np.flatnonzero(~histories.is_blank)
    customers, scores, positions = [], [], []
    for block in blocks(len(with_history)):
        rows = with_history[block]
        pairs = scorer.judged(histories.take(rows), task=task)
        customers.append(rows[pairs.customer])
        scores.append(pairs.scores)
        positions.append(pairs.product_idx)
    return np.concatenate(customers), np.concatenate(scores), classes[np.concatenate(positions)]
