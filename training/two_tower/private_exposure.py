"""Room for suppliers without anybody's lists: weights fitted on made-up customers drawn from the released popularity.

A made-up customer is a function of the release and of a public seed, so the weights cost nothing further. What they are
worth for real lists is for the fairness audit to say.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.fairness import SupplierSettings
from configs.settings import TwoTowerSettings
from fairness.rerank import ClassWeights, demand_shares, fit_weights
from fairness.suppliers import supplier_classes
from training.baselines import Task
from training.evaluation_results import TASKS
from training.histories import PAIR_FIELDS, PROFILE_FIELDS, Histories
from training.two_tower.exposure import SupplierExposure
from training.two_tower.fit_exposure import judged_candidates
from training.two_tower.private_popularity import ReleasedPopularity
from training.two_tower.scorer import Scorer

Floats = npt.NDArray[np.float64]

N_MADE_UP: Final = 512
N_PURCHASES: Final = 150  # in a made-up history; what is popular is drawn again and again, as real people buy it
_DAYS: Final = 84.0  # that it spans
_HALF_LIVES: Final = {"decayed_short": 30.0, "decayed_long": 90.0}


def private_exposure(
    scorer: Scorer, popularity: ReleasedPopularity, settings: TwoTowerSettings, suppliers: SupplierSettings
) -> SupplierExposure:
    """Fit class weights for each task; demand is the released counts.

    Args:
        scorer: The private model.
        popularity: What was released.
        settings: Seed, how much of the weights is used, and what small manufacturers are to get.
        suppliers: Who is small, and the other bounds.
    """
    products = scorer.products
    classes = supplier_classes(products["brand"], products["manufacturer_id"], products["popularity"], suppliers)
    demand: dict[Task, dict[str, float]] = {
        "all": demand_shares(popularity.counts, classes),
        "novel": demand_shares(popularity.first, classes),
    }
    aim = suppliers.model_copy(update={"small_target": settings.private.small_target})
    made_up = made_up_histories(popularity, settings.seed)
    ready = scorer.with_exposure(_without_weights(classes, demand))
    weights: dict[Task, ClassWeights] = {
        task: fit_weights(*judged_candidates(ready, made_up, task, classes), demand[task], aim) for task in TASKS
    }
    return SupplierExposure(classes, weights, settings.exposure_strength)


def made_up_histories(popularity: ReleasedPopularity, seed: int) -> Histories:
    """Draw customers who buy what is popular; nobody real is among them.

    Args:
        popularity: What was released.
        seed: Public; the same draws every time.
    """
    rng = np.random.default_rng(seed)
    n_products = len(popularity.counts)
    drawn = rng.choice(n_products, (N_MADE_UP, N_PURCHASES), p=popularity.counts / popularity.counts.sum())
    ages = rng.uniform(0, _DAYS, size=drawn.shape).ravel()
    pairs, place = np.unique(np.arange(N_MADE_UP).repeat(N_PURCHASES) * n_products + drawn.ravel(), return_inverse=True)
    columns: dict[str, Floats] = {"n_baskets": np.bincount(place).astype(np.float64)}
    for name, half_life in _HALF_LIVES.items():
        columns[name] = np.bincount(place, np.exp2(-ages / half_life)).astype(np.float64)
    columns |= {"days_since_last": np.full(len(pairs), np.inf), "days_since_first": np.zeros(len(pairs))}
    np.minimum.at(columns["days_since_last"], place, ages)
    np.maximum.at(columns["days_since_first"], place, ages)
    return Histories(
        offsets=np.searchsorted(pairs, np.arange(N_MADE_UP + 1, dtype=np.int64) * n_products).astype(np.int64),
        product_idx=(pairs % n_products).astype(np.int64),
        pairs=np.column_stack([columns[field] for field in PAIR_FIELDS]).astype(np.float32),
        profiles=np.full((N_MADE_UP, len(PROFILE_FIELDS)), np.nan, dtype=np.float32),
        session_offsets=np.zeros(N_MADE_UP + 1, dtype=np.int64),
        session_idx=np.empty(0, dtype=np.int64),
        stores=np.full(N_MADE_UP, ""),
    )


def _without_weights(classes: npt.NDArray[np.str_], demand: Mapping[Task, Mapping[str, float]]) -> SupplierExposure:
    """Tell classes but change no order, so that candidates are those of the lists to come."""
    none = {
        task: ClassWeights(dict.fromkeys(shares, 0.0), shares, shares, shares, met=False)
        for task, shares in demand.items()
    }
    return SupplierExposure(classes, none, 0.0)
