"""Peers that complete a basket: given what it holds, what else belongs into it."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from scipy import sparse

from training.baselines import Popularity, Scores, blocks
from training.peers.content import ContentNeighbours
from training.peers.data import Ints, PeerData
from training.top_k import top_k

ScoreBlock = Callable[[slice], Scores]


class BasketCompleter(Protocol):
    """Anything that can complete baskets."""

    @property
    def name(self) -> str:
        """Short name under which results are reported."""
        ...

    def complete(self, customer_ids: Sequence[str], held: sparse.csr_array, *, k: int) -> Ints:
        """Say what else belongs into baskets.

        Args:
            customer_ids: (B,) whose baskets they are.
            held: (B, N) bool, what each basket holds.
            k: Length of the lists.

        Returns:
            (B, k) positions in the catalogue, best first, never what the basket holds; -1 ends a short row.
        """
        ...


class BasketPopularity:
    """Everyone gets what the most customers bought lately.

    Args:
        data: Baskets before the cut-off.
        days: Length of the window; days.
    """

    name = "popularity"

    def __init__(self, data: PeerData, *, days: int) -> None:
        self._counts = Popularity(data.training, data.rows(data.counts(None)), data.cutoff, days=days).counts

    def complete(self, customer_ids: Sequence[str], held: sparse.csr_array, *, k: int) -> Ints:  # noqa: ARG002 the same for everyone
        """Rank by customers in the window."""
        return complete_in_blocks(held, lambda rows: np.tile(self._counts, (rows.stop - rows.start, 1)), k)


class BasketFrequency:
    """What the customer buys often and lately, and does not hold yet; then what everyone does.

    Args:
        data: Baskets before the cut-off.
        half_life_days: Decay of both counts; days.
    """

    name = "personal_frequency"

    def __init__(self, data: PeerData, *, half_life_days: float) -> None:
        self._data = data
        self._own = data.counts(half_life_days)
        general = np.asarray(data.taught(self._own).sum(axis=0)).ravel()
        self._general = general / max(float(general.max(initial=0.0)), 1e-12) * 1e-9  # breaks ties alone

    def complete(self, customer_ids: Sequence[str], held: sparse.csr_array, *, k: int) -> Ints:
        """Rank by own decayed counts."""
        chosen = self._data.positions_of(customer_ids)
        return complete_in_blocks(held, lambda rows: self._own[chosen[rows]].toarray() + self._general, k)


class CoOccurrence:
    """Mean over the products held of the share of their baskets that hold the other product too.

    Args:
        data: Baskets before the cut-off; those of people who agreed to model training are counted.
        shrinkage: Baskets added to each product's own count, against chance.
    """

    name = "co_occurrence"

    def __init__(self, data: PeerData, *, shrinkage: float) -> None:
        shared, size = shared_baskets(data)
        self._shares = sparse.csr_array(sparse.diags_array(1 / (size + shrinkage + (size == 0))) @ shared)

    def complete(self, customer_ids: Sequence[str], held: sparse.csr_array, *, k: int) -> Ints:  # noqa: ARG002 the basket alone
        """Rank by shares of baskets."""
        return complete_in_blocks(held, lambda rows: (held[rows].astype(float) @ self._shares).toarray(), k)


class BasketCosine:
    """Sum over the products held of the cosine with the other product, over the baskets that hold them.

    Args:
        data: Baskets before the cut-off; those of people who agreed to model training are counted.
        shrinkage: Baskets added to each product's own count, against chance.
    """

    name = "basket_cosine"

    def __init__(self, data: PeerData, *, shrinkage: float) -> None:
        shared, size = shared_baskets(data)
        scale = sparse.diags_array(1 / np.sqrt(size + shrinkage + (size == 0)))
        self._cosine = sparse.csr_array(scale @ shared @ scale)

    def complete(self, customer_ids: Sequence[str], held: sparse.csr_array, *, k: int) -> Ints:  # noqa: ARG002 the basket alone
        """Rank by cosine."""
        return complete_in_blocks(held, lambda rows: (held[rows].astype(float) @ self._cosine).toarray(), k)


class BasketContent:
    """What is most like the products held, told by content alone.

    Args:
        neighbours: Scores rows of products.
    """

    name = ContentNeighbours.name

    def __init__(self, neighbours: ContentNeighbours) -> None:
        self._neighbours = neighbours

    def complete(self, customer_ids: Sequence[str], held: sparse.csr_array, *, k: int) -> Ints:  # noqa: ARG002 the basket alone
        """Rank by cosine of content."""
        return complete_in_blocks(held, lambda rows: self._neighbours.score_rows(held[rows].astype(float)), k)


def shared_baskets(data: PeerData) -> tuple[sparse.csr_array, Scores]:
    """Count the baskets that hold two products: (N, N) without the diagonal, and (N,) that hold each."""
    taught = data.trainable[data.customer]
    width = int(data.n_baskets.max(initial=0)) + 1
    baskets = pd.factorize(data.customer[taught] * width + data.basket[taught])[0]
    shape = (int(baskets.max(initial=-1)) + 1, len(data.catalogue))
    cells = (np.ones(len(baskets), dtype=np.float32), (baskets, data.product[taught]))
    holds = sparse.csr_array(sparse.coo_array(cells, shape=shape))
    shared = sparse.csr_array(holds.T @ holds)
    size = np.asarray(shared.diagonal(), dtype=np.float64)
    shared.setdiag(0)
    shared.eliminate_zeros()
    return shared, size


def complete_in_blocks(held: sparse.csr_array, score: ScoreBlock, k: int) -> Ints:
    """Score baskets a block at a time, leave out what they hold, and keep the best k.

    Args:
        held: (B, N) bool.
        score: From the rows of a block to (b, N) scores; 0 or less is never recommended.
        k: Length of the lists.
    """
    positions = np.empty((held.shape[0], k), dtype=np.int64)
    for block in blocks(held.shape[0]):
        scores = score(block)
        scores[held[block].nonzero()] = -np.inf
        positions[block] = top_k(np.where(scores > 0, scores, -np.inf), k)[0]
    return positions
