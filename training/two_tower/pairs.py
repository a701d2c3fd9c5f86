"""Customers and products that were judged for each other, and the lists made of them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from training.histories import Ints
from training.ranker.model import Judged

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ranking:
    """One list, best first.

    Attributes:
        product_idx: (K,) positions in the catalogue.
        scores: (K,) float32, never rising.
        sources: (K,) `repeat`, `two_tower`, `similar`, `together` or `popular`.
        because_idx: (K,) position of the bought, viewed or basketed product that explains each, -1 for none.
        causes: (K,) code of what each owes its place to, from `training.ranker.causes`; empty where nothing was asked.
    """

    product_idx: Ints
    scores: npt.NDArray[np.float32]
    sources: tuple[str, ...]
    because_idx: Ints
    causes: tuple[str | None, ...] = ()


@dataclass(frozen=True, eq=False)
class Pairs:
    """Scored (customer, product) pairs of a batch; from `Scorer.score` customer by customer, best first within each."""

    customer: Ints
    product_idx: Ints
    scores: npt.NDArray[np.float32]
    bought: Mask


@dataclass(frozen=True, eq=False)
class CandidatePairs:
    """(customer, product) pairs before the head judged them.

    Attributes:
        customer: (n,) row of the batch.
        product_idx: (n,) positions.
        bought: (n,) whether the product is in the customer's history.
        tower_p: (n,) the towers' probability of the product.
        features: (n, F) in the order of `PAIR_FEATURES`.
    """

    customer: Ints
    product_idx: Ints
    bought: Mask
    tower_p: Tensor
    features: Tensor


def pairs_of(judged: Judged, customer: int) -> Pairs:
    """Read what the ranker judged for one customer, in no order."""
    found = judged.candidates
    owners = np.full(len(found.product_idx), customer)
    return Pairs(owners, found.product_idx, judged.scores.astype(np.float32), found.is_bought)
