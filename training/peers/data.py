"""What every peer is fitted on: who bought what in which basket before a cut-off, counted once."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from features.columns import BASKET_ID, CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from training.baselines import Histories, Ranked, Scores, Task, blocks
from training.catalogue import Catalogue
from training.splits import locate
from training.top_k import top_k

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
ScoreCustomers = Callable[[Ints], Scores]

_N_KEPT = 4  # matrices of other decays held at once; bounds memory, changes no result


class Rows(Histories):
    """Rows of a matrix of customers and products that was counted elsewhere; the last row is the unknown customer's."""

    def __init__(self, catalogue: Catalogue, customer_ids: npt.NDArray[np.str_], matrix: sparse.csr_array) -> None:
        self.catalogue = catalogue
        self.customer_ids = customer_ids
        self.matrix = matrix
        self._index = pd.Index(customer_ids.astype(object))


class PeerData:
    """Baskets before a cut-off, as positions: one entry for each product of each basket.

    What is learnt across people may come from `trainable` rows alone; the others' rows are only their own history.

    Args:
        training: Lines of people who agreed to model training.
        purchases: Lines of everyone who is ranked for; those at or after `cutoff` are ignored.
        catalogue: What can be recommended.
        cutoff: Time at which the peers are fitted.

    Attributes:
        customer_ids: (C,) everyone with a line, ascending.
        trainable: (C,) who agreed to model training.
        customer: (n,) position of the customer of each entry; product: (n,) and of the product.
        basket: (n,) place of the basket among the customer's, 0 the first.
        days_ago: (n,) days from the basket to the cut-off.
        n_baskets: (C,) baskets of each customer that hold a product of the catalogue.
    """

    def __init__(self, training: pd.DataFrame, purchases: pd.DataFrame, catalogue: Catalogue, cutoff: datetime) -> None:
        self.training, self.purchases, self.catalogue, self.cutoff = training, purchases, catalogue, cutoff
        before = purchases[purchases[EVENT_TIMESTAMP] < cutoff]
        lines = before[[CUSTOMER_ID, PRODUCT_ID, BASKET_ID, EVENT_TIMESTAMP]].drop_duplicates(
            [CUSTOMER_ID, PRODUCT_ID, BASKET_ID]
        )
        self.customer_ids = np.sort(lines[CUSTOMER_ID].unique().astype(str))
        self.trainable = np.isin(self.customer_ids, training[CUSTOMER_ID].unique().astype(str))
        self.customer, self.product, known = locate(lines, catalogue, self.customer_ids.tolist())
        times = lines.loc[known, EVENT_TIMESTAMP]
        self.days_ago = (pd.Timestamp(cutoff) - times).dt.total_seconds().to_numpy() / 86_400
        self.basket, self.n_baskets = _places(self.customer, lines.loc[known, BASKET_ID], self.days_ago, self.n)
        self._index = pd.Index(self.customer_ids.astype(object))
        self.counts = lru_cache(maxsize=_N_KEPT)(self._counts)

    @property
    def n(self) -> int:
        """How many customers there are."""
        return len(self.customer_ids)

    def forget(self) -> None:
        """Drop what was counted for others, so that the next one pays for what he asks."""
        self.counts.cache_clear()

    def matrix(self, weights: Floats, kept: npt.NDArray[np.bool_] | None = None) -> sparse.csr_array:
        """Add up the weights of entries: (n,) to (C + 1, N), the last row empty."""
        kept = np.ones(len(weights), dtype=bool) if kept is None else kept
        cells = (weights[kept], (self.customer[kept], self.product[kept]))
        return sparse.csr_array(sparse.coo_array(cells, shape=(self.n + 1, len(self.catalogue))))

    def rows(self, matrix: sparse.csr_array) -> Rows:
        """Make rows of a matrix that can be looked up by customer id."""
        return Rows(self.catalogue, self.customer_ids, matrix)

    def taught(self, matrix: sparse.csr_array) -> sparse.csr_array:
        """Keep the rows that may be learnt from: (C + 1, N) to (T, N)."""
        return matrix[np.flatnonzero(self.trainable)]

    def positions_of(self, customer_ids: Sequence[str]) -> Ints:
        """Find customers: (b,) positions; C, the empty row, stands for one without a line."""
        found = np.asarray(self._index.get_indexer(pd.Index(customer_ids, dtype=object)), dtype=np.int64)
        return np.where(found < 0, self.n, found)

    def rank(self, customer_ids: Sequence[str], score: ScoreCustomers, *, task: Task, k: int) -> Ranked:
        """Score customers a block at a time, leave out what `novel` forbids, and keep the best k.

        Args:
            customer_ids: Whom to rank for; an unknown one is scored as position C.
            score: From (b,) positions of customers to (b, N) scores.
            task: `novel` leaves out every product of the history.
            k: Length of the lists.
        """
        chosen = self.positions_of(customer_ids)
        positions = np.empty((len(chosen), k), dtype=np.int64)
        best = np.empty((len(chosen), k), dtype=np.float32)
        bought = self.counts(None)
        for block in blocks(len(chosen)):
            scores = score(chosen[block])
            if task == "novel":
                scores[bought[chosen[block]].nonzero()] = -np.inf
            positions[block], best[block] = top_k(scores, k)
        return positions, best

    def _counts(self, half_life_days: float | None) -> sparse.csr_array:
        """Count baskets, decayed by age: (C + 1, N); kept for the next who asks."""
        if half_life_days is None:
            return self.matrix(np.ones(len(self.customer)))
        return self.matrix(np.exp2(-self.days_ago / half_life_days))


def _places(customer: Ints, basket_ids: pd.Series, days_ago: Floats, n_customers: int) -> tuple[Ints, Ints]:
    """Number each customer's baskets from the first: (n,) places and (C,) how many; ties go by the order of lines."""
    code = np.asarray(pd.factorize(pd.Series(customer).astype(str) + " " + basket_ids.reset_index(drop=True))[0])
    n_codes = int(code.max(initial=-1)) + 1
    oldest = np.zeros(n_codes)
    np.maximum.at(oldest, code, days_ago)
    owner = np.zeros(n_codes, dtype=np.int64)
    owner[code] = customer
    order = np.lexsort((np.arange(n_codes), -oldest, owner))
    n_baskets = np.bincount(owner, minlength=n_customers).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(n_baskets)[:-1]])
    place = np.empty(n_codes, dtype=np.int64)
    place[order] = np.arange(n_codes) - first[owner[order]]
    return place[code], n_baskets
