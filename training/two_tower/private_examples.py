"""One example per customer: what his history said at past moments, and what he then bought for the first time.

Each row is worked out from one customer's records, public content and the released counts, from nothing else: with
another customer added or removed it stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy import sparse
from torch import Tensor

from features.columns import CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from features.store import Store
from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, Customers
from training.catalogue import Catalogue
from training.splits import locate, targets
from training.two_tower.histories import from_arrow
from training.two_tower.private_model import PrivateTowers
from training.two_tower.snapshots import customer_rows

POOLS: Final = "pools"
KNOWN: Final = "known"
MOMENTS: Final = "moments"

Ints = npt.NDArray[np.int64]


def counted_pairs(
    purchases: pd.DataFrame, catalogue: Catalogue, customer_ids: Sequence[str], train_until: datetime, *, days: int
) -> tuple[Ints, Ints]:
    """List who bought what in the window before the cut-off, each pair once.

    Returns:
        (n,) rows of the customers and (n,) positions of the products; products outside the public table are left out.
    """
    start = train_until - timedelta(days=days)
    within = (purchases[EVENT_TIMESTAMP] >= start) & (purchases[EVENT_TIMESTAMP] < train_until)
    pairs = purchases.loc[within, [CUSTOMER_ID, PRODUCT_ID]].drop_duplicates()
    owners, products, _ = locate(pairs, catalogue, customer_ids)
    return owners, products


@dataclass(frozen=True, eq=False)
class Teaching:
    """What examples are made of, for all customers alike.

    Attributes:
        store: Holds the customers' features at every cut-off.
        purchases: Lines of those customers.
        catalogue: The public products.
        customer_ids: (C,) who agreed to model training.
        cutoffs: S moments, latest first.
        target_days: Length of the window after each moment; days.
    """

    store: Store
    purchases: pd.DataFrame
    catalogue: Catalogue
    customer_ids: Sequence[str]
    cutoffs: Sequence[datetime]
    target_days: int


def private_customers(teaching: Teaching, towers: PrivateTowers, taught: Ints, *, max_products: int) -> Customers:
    """Lay out one row per customer, everybody's of one shape, those with nothing to teach included.

    Args:
        teaching: Data.
        towers: Pool the histories by frozen content.
        taught: (V,) catalogue positions of the vocabulary.
        max_products: Most first purchases M of one customer; the latest are kept.

    Returns:
        `POOLS` (C, S, D); `KNOWN` (C, S, V) what was bought before each moment; `MOMENTS` and `TARGETS` (C, M) moment
        and vocabulary position of each first purchase; `TARGET_WEIGHTS` (C, M), which sum to 1 or are 0.
    """
    pools, known, rows = [], [], []
    for number, cutoff in enumerate(teaching.cutoffs):
        pooled, bought, answers = _moment(teaching, cutoff, towers, taught)
        pools.append(pooled)
        known.append(torch.from_numpy(bought.toarray()))
        rows.append(np.insert(answers, 1, number, axis=1))
    laid = _laid_out(np.concatenate(rows), len(teaching.customer_ids), max_products)
    return Customers({POOLS: torch.stack(pools, dim=1), KNOWN: torch.stack(known, dim=1), **laid})


def _moment(
    teaching: Teaching, cutoff: datetime, towers: PrivateTowers, taught: Ints
) -> tuple[Tensor, sparse.csr_array, Ints]:
    """Give (C, D) pools, (C, V) what was bought before, and (n, 2) who with a history then bought what first."""
    data, until = teaching, cutoff + timedelta(days=teaching.target_days)
    histories = from_arrow(customer_rows(data.store, data.customer_ids, [cutoff]), data.catalogue)
    marks = np.ones(len(histories.product_idx), dtype=bool)
    shape = (len(histories), len(data.catalogue))
    bought = sparse.csr_array((marks, histories.product_idx, histories.offsets), shape=shape)[:, taught]
    later = targets(data.purchases, data.catalogue, data.customer_ids, cutoff, until)[:, taught]
    new = sparse.coo_array(later > bought)
    has_history = np.diff(histories.offsets)[new.row] > 0
    answers = np.column_stack([new.row, new.col])[has_history].astype(np.int64)
    with torch.no_grad():
        return towers.pooled(histories), bought, answers


def _laid_out(rows: Ints, n_customers: int, max_products: int) -> dict[str, Tensor]:
    """Turn (n, 3) of customer, moment, answer into rows of M per customer, the latest moments first."""
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    counts = np.bincount(rows[:, 0], minlength=n_customers)
    place = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows[:, 0]]
    rows, place = rows[place < max_products], place[place < max_products]
    moments, answers = (torch.zeros(n_customers, max_products, dtype=torch.int64) for _ in range(2))
    weights = torch.zeros(n_customers, max_products, dtype=torch.float64)
    moments[rows[:, 0], place] = torch.from_numpy(rows[:, 1])
    answers[rows[:, 0], place] = torch.from_numpy(rows[:, 2])
    weights[rows[:, 0], place] = torch.from_numpy(1 / np.clip(counts, 1, max_products)[rows[:, 0]])
    return {MOMENTS: moments, TARGETS: answers, TARGET_WEIGHTS: weights}
