"""Item-item cosine: what is bought by the customers who bought what this one bought."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from training.baselines import Ranked, Scores, Task, rank_in_blocks
from training.peers.data import PeerData, Rows

_BLOCK = 512  # products compared at a time; bounds memory, changes no result


class ItemCosine:
    """Item-item collaborative filtering over log(1 + baskets).

    Args:
        data: Baskets before the cut-off; the products are compared over people who agreed to model training.
        half_life_days: Decay of the basket counts; None for none.
        n_neighbours: Most similar products kept for each product; from 1.
        keeps_itself: Whether a product is its own neighbour, with similarity 1; without, repeats are found by others.

    Source: Sarwar, Karypis, Konstan and Riedl (2001), Item-based Collaborative Filtering Recommendation Algorithms.
    """

    name = "item_cosine"

    def __init__(self, data: PeerData, *, half_life_days: float | None, n_neighbours: int, keeps_itself: bool) -> None:
        counts = data.counts(half_life_days)
        self._histories: Rows = data.rows(counts.log1p())
        taught = data.taught(self._histories.matrix)  # (T, N)
        norms = np.sqrt(np.asarray(taught.multiply(taught).sum(axis=0)).ravel())
        unit = sparse.csr_array(taught.multiply(1 / np.maximum(norms, 1e-12)[None, :]))
        self._similarity = nearest_products(unit, n_neighbours, keeps_itself=keeps_itself)  # (N, N)

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank by similarity to the history."""
        return rank_in_blocks(customer_ids, self._histories, self.score, task=task, k=k)

    def score(self, rows: sparse.csr_array) -> Scores:
        """Score every product for (b, N) rows of logged counts."""
        scores: Scores = (rows @ self._similarity).toarray()
        return scores


def nearest_products(unit: sparse.csr_array, n_neighbours: int, *, keeps_itself: bool) -> sparse.csr_array:
    """Keep the most similar products of each product.

    Args:
        unit: (T, N) columns of length 1.
        n_neighbours: How many are kept; the product itself comes on top.
        keeps_itself: Whether its own similarity of 1 is kept.

    Returns:
        (N, N) cosine, one row of at most `n_neighbours` + 1 others for each product.
    """
    by_product = sparse.csr_array(unit.T)
    n_products = unit.shape[1]
    k = min(n_neighbours, n_products)
    parts: list[sparse.csr_array] = []
    for start in range(0, n_products, _BLOCK):
        cosine = (by_product[start : start + _BLOCK] @ unit).toarray()  # (b, N)
        rows = np.arange(len(cosine))
        itself = cosine[rows, start + rows]
        cosine[rows, start + rows] = 0
        others = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(cosine, others, axis=1)
        row, place = np.nonzero(values > 0)
        cells = (values[row, place], (row, others[row, place]))
        kept = sparse.coo_array(cells, shape=cosine.shape)
        own = sparse.coo_array((itself, (rows, start + rows)), shape=cosine.shape)
        parts.append(sparse.csr_array(kept + own) if keeps_itself else sparse.csr_array(kept))
    return sparse.csr_array(sparse.vstack(parts))
