"""Matrix factorisation of implicit counts by alternating least squares."""

import importlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from training.baselines import Ranked, Scores, Task
from training.peers.data import Ints, PeerData
from training.peers.errors import PeerNotInstalled


class ImplicitAls:
    """Implicit ALS of the package `implicit`; customers are folded in, so that nobody needs to have been learnt from.

    Args:
        data: Baskets before the cut-off; products are learnt from people who agreed to model training.
        n_factors: Width; from 1.
        regularization: Ridge penalty.
        confidence: Weight of each basket, alpha.
        n_iterations: Sweeps over both sides.
        seed: Of the first factors.

    Raises:
        PeerNotInstalled: If `implicit` cannot be imported.

    Source: Hu, Koren and Volinsky (2008), Collaborative Filtering for Implicit Feedback Datasets.
    """

    name = "implicit_als"

    def __init__(
        self,
        data: PeerData,
        *,
        n_factors: int,
        regularization: float,
        confidence: float,
        n_iterations: int,
        seed: int,
    ) -> None:
        self._data = data
        counts = sparse.csr_matrix(data.counts(None).astype(np.float32))  # what implicit takes is a matrix
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=RuntimeWarning, module="implicit")  # on BLAS threads: slower
            model = _als()(
                factors=n_factors,
                regularization=regularization,
                alpha=confidence,
                iterations=n_iterations,
                random_state=seed,
            )
            model.fit(counts[np.flatnonzero(data.trainable)], show_progress=False)
            everyone = np.arange(counts.shape[0])
            self._customers = np.asarray(model.recalculate_user(everyone, counts))  # (C + 1, F)
        self._products = np.ascontiguousarray(model.item_factors.T)  # (F, N)

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank by the product of factors."""
        return self._data.rank(customer_ids, self.score, task=task, k=k)

    def score(self, customers: Ints) -> Scores:
        """Score every product: (b,) positions of customers to (b, N)."""
        return np.asarray(self._customers[customers] @ self._products, dtype=np.float64)


def _als() -> Any:
    try:
        return importlib.import_module("implicit.cpu.als").AlternatingLeastSquares
    except ImportError:
        raise PeerNotInstalled(name=ImplicitAls.name, package="implicit>=0.7,<0.8") from None
