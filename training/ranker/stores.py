"""How many customers bought each product at each store lately."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from training.ranker.sales import Sales

Floats = npt.NDArray[np.float32]

UNKNOWN_STORE: Final = -1
SHORT_DAYS, LONG_DAYS = 28.0, 84.0


@dataclass(frozen=True, eq=False)
class Stores:
    """Buyers by store and product.

    Attributes:
        store_ids: (S,) ascending.
        short: (S, N) buyers in the last 28 days.
        long: (S, N) buyers in the last 84 days.
    """

    store_ids: npt.NDArray[np.str_]
    short: sparse.csr_array
    long: sparse.csr_array

    def place_of(self, store_id: str | None) -> int:
        """Find a store, -1 for one that is not known."""
        place = int(np.searchsorted(self.store_ids, store_id or ""))
        known = place < len(self.store_ids) and self.store_ids[place] == store_id
        return place if known else UNKNOWN_STORE

    def buyers(self, store: int) -> tuple[Floats, Floats]:
        """Give (N,) buyers of the short and the long window at a store; zeros at an unknown one."""
        return _row(self.short, store), _row(self.long, store)


def count_stores(sales: Sales, store_ids: npt.NDArray[np.str_]) -> Stores:
    """Count distinct customers by store and product."""
    return Stores(store_ids, *(_counts(sales, len(store_ids), days) for days in (SHORT_DAYS, LONG_DAYS)))


def _counts(sales: Sales, n_stores: int, days: float) -> sparse.csr_array:
    lines, n = sales.within(days), sales.n_products
    cells = sales.store[lines] * n + sales.product_idx[lines]
    cells = np.unique(cells * sales.n_customers + sales.customer[lines]) // max(sales.n_customers, 1)
    ones = np.ones(len(cells), dtype=np.float32)
    return sparse.csr_array(sparse.coo_array((ones, (cells // n, cells % n)), shape=(n_stores, n)))


def _row(counts: sparse.csr_array, store: int) -> Floats:
    row = np.zeros(counts.shape[1], dtype=np.float32)
    if store != UNKNOWN_STORE:
        within = slice(counts.indptr[store], counts.indptr[store + 1])
        row[counts.indices[within]] = counts.data[within]
    return row
