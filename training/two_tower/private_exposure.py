"""Room for suppliers without anybody's lists: weights fitted on made-up customers drawn from the released popularity.

A made-up customer is a function of the release and of a public seed, so the weights cost nothing further. What they are
worth for real lists is for the fairness audit to say.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from configs.fairness import SupplierSettings
from configs.settings import TwoTowerSettings
from fairness.rerank import ClassWeights, demand_shares, fit_weights
from fairness.suppliers import supplier_classes
from training.baselines import Task
from training.evaluation_results import TASKS
from training.two_tower.exposure import SupplierExposure
from training.two_tower.fit_exposure import judged_candidates
from training.two_tower.histories import PAIR_FIELDS, PROFILE_FIELDS, Histories
from training.two_tower.private_popularity import ReleasedPopularity
from training.two_tower.scorer import Scorer

N_MADE_UP: Final = 512
N_PRODUCTS: Final = 48  # in a made-up history
_DAYS: Final = 84.0  # that it spans
_HALF_LIVES: Final = {"decayed_short": 30.0, "decayed_long": 90.0}


def private_exposure(
    scorer: Scorer, popularity: ReleasedPopularity, settings: TwoTowerSettings, suppliers: SupplierSettings
) -> SupplierExposure:
    """Fit class weights for each task; demand is the released counts.

    Args:
        scorer: The private model.
        popularity: What was released.
        settings: Seed, and how much of the weights is used.
        suppliers: Who is small, and the bounds.
    """
    products = scorer.products
    classes = supplier_classes(products["brand"], products["manufacturer_id"], products["popularity"], suppliers)
    demand = demand_shares(popularity.counts, classes)
    made_up = made_up_histories(popularity, settings.seed)
    weights: dict[Task, ClassWeights] = {
        task: fit_weights(*judged_candidates(scorer, made_up, task, classes), demand, suppliers) for task in TASKS
    }
    return SupplierExposure(classes, weights, settings.exposure_strength)


def made_up_histories(popularity: ReleasedPopularity, seed: int) -> Histories:
    """Draw customers who buy what is popular; nobody real is among them.

    Args:
        popularity: What was released.
        seed: Public; the same draws every time.
    """
    rng = np.random.default_rng(seed)
    n = min(N_PRODUCTS, len(popularity.counts))
    shares = popularity.counts / popularity.counts.sum()
    drawn = [np.sort(rng.choice(len(shares), n, replace=False, p=shares)) for _ in range(N_MADE_UP)]
    product_idx = np.stack(drawn).astype(np.int64)
    ages = rng.uniform(0, _DAYS, size=product_idx.shape)
    columns: dict[str, npt.NDArray[np.float64]] = {"n_baskets": np.ones_like(ages)}
    columns |= {name: np.exp2(-ages / half_life) for name, half_life in _HALF_LIVES.items()}
    columns |= {"days_since_last": ages, "days_since_first": ages}
    return Histories(
        offsets=np.arange(N_MADE_UP + 1, dtype=np.int64) * n,
        product_idx=product_idx.ravel(),
        pairs=np.column_stack([columns[field].ravel() for field in PAIR_FIELDS]).astype(np.float32),
        profiles=np.full((N_MADE_UP, len(PROFILE_FIELDS)), np.nan, dtype=np.float32),
        session_offsets=np.zeros(N_MADE_UP + 1, dtype=np.int64),
        session_idx=np.empty(0, dtype=np.int64),
    )
