"""Training examples: what was known of customers and products at a moment, and what was bought in the days after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from features.store import Store
from training.catalogue import Catalogue
from training.feature_rows import customer_rows, product_rows
from training.histories import Histories, from_arrow
from training.splits import targets
from training.two_tower.products import numeric_features


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One moment, for C customers and N products.

    Attributes:
        cutoff: The moment; histories lie strictly before it.
        histories: C customers, in the order of the ids they were asked for.
        numeric: (N, F) numeric product features.
        bought: (C, N) bool, in the history.
        targets: (C, N) bool, bought within the target window.
    """

    cutoff: datetime
    histories: Histories
    numeric: npt.NDArray[np.float32]
    bought: sparse.csr_array
    targets: sparse.csr_array

    @cached_property
    def novel_targets(self) -> sparse.csr_array:
        """(C, N) bool, bought within the window for the first time."""
        return sparse.csr_array(self.targets > self.bought)


def load_snapshots(
    store: Store,
    purchases: pd.DataFrame,
    catalogue: Catalogue,
    customer_ids: Sequence[str],
    cutoffs: Sequence[datetime],
    *,
    target_days: int,
    popularity_days: int,
) -> list[Snapshot]:
    """Join features as of each cut-off with the purchases that followed.

    Args:
        store: Feature store whose tables hold a snapshot at every cut-off.
        purchases: Lines that targets are read from.
        catalogue: The products.
        customer_ids: (C,) whose histories to load.
        cutoffs: Moments, in any order; the snapshots come in the same order.
        target_days: Length of the target window; days.
        popularity_days: Recent window behind the product features; days.
    """
    customers = customer_rows(store, customer_ids, cutoffs)
    products = product_rows(store, catalogue, cutoffs)
    n_customers, n_products = len(customer_ids), len(catalogue)
    snapshots = []
    for i, cutoff in enumerate(cutoffs):
        histories = from_arrow(customers.slice(i * n_customers, n_customers), catalogue)
        pairs = (np.ones(len(histories.product_idx), dtype=bool), histories.product_idx, histories.offsets)
        snapshots.append(
            Snapshot(
                cutoff=cutoff,
                histories=histories,
                numeric=numeric_features(products.slice(i * n_products, n_products), popularity_days),
                bought=sparse.csr_array(pairs, shape=(n_customers, n_products)),
                targets=targets(purchases, catalogue, customer_ids, cutoff, cutoff + timedelta(days=target_days)),
            )
        )
    return snapshots
