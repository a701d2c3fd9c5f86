"""UP-CF: how often similar customers bought each product in their latest baskets."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from training.baselines import Ranked, Scores, Task
from training.peers.data import Ints, PeerData


class UpCf:
    """Recency-aware user popularity with collaborative filtering.

    The score is the sum over customers of their similarity to the power of `locality` times the share of their latest
    baskets that hold the product. The customer's own similarity is 1.

    Args:
        data: Baskets before the cut-off; the others summed over are people who agreed to model training.
        n_recent_baskets: Latest baskets counted; None counts all.
        asymmetry: Exponent of the customer's own number of products in the cosine, the other's has the rest; 0 to 1.
        locality: Exponent of the similarity; the higher, the more the nearest count.

    Source: Faggioli, Polato and Aiolli (2020), Recency Aware Collaborative Filtering for Next Basket Recommendation.
    """

    name = "up_cf"

    def __init__(self, data: PeerData, *, n_recent_baskets: int | None, asymmetry: float, locality: float) -> None:
        self._data = data
        self._locality = locality
        limit = int(data.n_baskets.max(initial=1)) if n_recent_baskets is None else n_recent_baskets
        counted = np.minimum(data.n_baskets, limit)[data.customer]
        recent = data.n_baskets[data.customer] - data.basket <= limit
        self._shares = sparse.csr_array(data.matrix(1 / counted, recent).T)  # (N, C + 1)
        self._bought = data.counts(None).sign()  # (C + 1, N)
        size = np.maximum(self._bought.sum(axis=1), 1.0)  # (C + 1,)
        self._own_size, self._other_size = size**asymmetry, size ** (1 - asymmetry)
        self._others = np.append(data.trainable, False)  # (C + 1,)

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank by similar customers' shares."""
        return self._data.rank(customer_ids, self.score, task=task, k=k)

    def score(self, customers: Ints) -> Scores:
        """Score every product: (b,) positions of customers to (b, N)."""
        shared = (self._bought[customers] @ self._bought.T).toarray()  # (b, C + 1)
        similarity = shared / self._own_size[customers][:, None] / self._other_size[None, :]
        weights = np.where(self._others, similarity**self._locality, 0.0)
        weights[np.arange(len(customers)), customers] = 1.0
        scores: Scores = (self._shares @ np.ascontiguousarray(weights.T)).T
        return scores
