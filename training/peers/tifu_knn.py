"""TIFU-KNN: a customer's baskets decayed twice, mixed with those of the nearest customers."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from training.baselines import Ranked, Scores, Task
from training.peers.data import Floats, Ints, PeerData


class TifuKnn:
    """Temporal item frequency with nearest neighbours.

    A customer's baskets are cut into groups of nearly equal length. Within its group a basket weighs `within_decay`
    for each one after it, a group weighs `group_decay` for each one after it, and both are averaged. The score is
    `own_share` times this vector plus the rest times the mean vector of the nearest other customers.

    Args:
        data: Baskets before the cut-off; neighbours are people who agreed to model training.
        n_groups: Groups per customer; whoever has fewer baskets has as many groups.
        within_decay: 0 to 1.
        group_decay: 0 to 1.
        n_neighbours: Nearest by Euclidean distance; from 1.
        own_share: 0 to 1.

    Source: Hu, He, Gao and Zhang (2020), Modeling Personalized Item Frequency Information for Next-basket
        Recommendation, equations 1 to 5.
    """

    name = "tifu_knn"

    def __init__(
        self,
        data: PeerData,
        *,
        n_groups: int,
        within_decay: float,
        group_decay: float,
        n_neighbours: int,
        own_share: float,
    ) -> None:
        self._data = data
        self._own_share = own_share
        self._vectors = data.matrix(entry_weights(data, n_groups, within_decay, group_decay))  # (C + 1, N)
        self._teachers = np.flatnonzero(data.trainable)  # (T,)
        self._taught = sparse.csr_array(self._vectors[self._teachers].T)  # (N, T)
        self._squares = np.asarray(self._taught.multiply(self._taught).sum(axis=0)).ravel()  # (T,)
        self._n_neighbours = min(n_neighbours, max(len(self._teachers) - 1, 1))

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank by own and neighbours' frequency."""
        return self._data.rank(customer_ids, self.score, task=task, k=k)

    def score(self, customers: Ints) -> Scores:
        """Score every product: (b,) positions of customers to (b, N)."""
        own = self._vectors[customers]
        members = self._neighbours(customers, own)  # (b, T)
        around = (self._taught @ np.ascontiguousarray(members.T)).T  # (b, N)
        scores: Scores = self._own_share * own.toarray() + (1 - self._own_share) * around
        return scores

    def _neighbours(self, customers: Ints, own: sparse.csr_array) -> Floats:
        """Give each of the nearest people an equal share: (b, T), rows sum to 1."""
        distances = self._squares - 2 * (own @ self._taught).toarray()  # plus the own square, the same along a row
        distances[customers[:, None] == self._teachers[None, :]] = np.inf
        k = min(self._n_neighbours, distances.shape[1])
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :k]
        members: Floats = np.zeros_like(distances)
        np.put_along_axis(members, nearest, 1 / k, axis=1)
        return members


def entry_weights(data: PeerData, n_groups: int, within_decay: float, group_decay: float) -> Floats:
    """Weigh each product of each basket: (n,)."""
    n_baskets = data.n_baskets[data.customer]
    groups = np.minimum(n_groups, n_baskets)
    short, n_long = n_baskets // groups, n_baskets % groups  # the last n_long groups hold one basket more
    n_in_short = short * (groups - n_long)
    in_short = data.basket < n_in_short
    size = np.where(in_short, short, short + 1)
    beyond = data.basket - n_in_short
    group = np.where(in_short, data.basket // short, groups - n_long + beyond // (short + 1))
    place = np.where(in_short, data.basket % short, beyond % (short + 1))
    within = np.float_power(within_decay, size - 1 - place) / size
    return np.asarray(within * np.float_power(group_decay, groups - 1 - group) / groups, dtype=np.float64)
