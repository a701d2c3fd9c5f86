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

from configs.settings import PrivateTrainingSettings
from features.columns import CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from features.store import Store
from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, Customers
from training.catalogue import Catalogue
from training.feature_rows import customer_rows
from training.histories import Histories, from_arrow
from training.splits import locate, targets
from training.two_tower.private_model import PrivateTowers

AFFINITIES: Final = "affinities"
MIX: Final = "mix"
KNOWN: Final = "known"
MOMENTS: Final = "moments"

_DAY_S: Final = 86_400
_ROWS: Final = 128  # customers at a time; bounds memory, changes no result

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def counted_entries(
    purchases: pd.DataFrame,
    catalogue: Catalogue,
    customer_ids: Sequence[str],
    train_until: datetime,
    settings: PrivateTrainingSettings,
) -> tuple[Ints, Ints, Floats]:
    """List what each customer adds to the counts: what he bought lately, and what he bought first of late.

    Both fade with time: a purchase one half-life before the cut-off counts half. A product counts once in each.

    Returns:
        (n,) rows of the customers, (n,) columns and (n,) entries. Columns below N are products by the latest purchase;
        from N on, by the first one ever. Products outside the public table are left out.
    """
    known = purchases.loc[purchases[EVENT_TIMESTAMP] < train_until, [CUSTOMER_ID, PRODUCT_ID, EVENT_TIMESTAMP]]
    times = known.groupby([CUSTOMER_ID, PRODUCT_ID], sort=True)[EVENT_TIMESTAMP].agg(["max", "min"]).reset_index()
    owners, products, located = locate(times, catalogue, customer_ids)
    parts = []
    for block, (column, half_life, days, weight) in enumerate(
        (
            ("max", settings.popularity_half_life_days, settings.popularity_days, 1.0),
            ("min", settings.first_half_life_days, settings.first_days, settings.first_share),
        )
    ):
        age = (train_until - times.loc[located, column]).dt.total_seconds().to_numpy() / _DAY_S
        entries = np.where(age <= days, weight * np.exp2(-age / half_life), 0.0)
        counted = entries > 0
        parts.append((owners[counted], products[counted] + block * len(catalogue), entries[counted]))
    rows, columns, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    return rows, columns, values


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
        towers: Tell what histories say of the products.
        taught: (V,) catalogue positions of the vocabulary.
        max_products: Most first purchases M of one customer; the latest are kept.

    Returns:
        `AFFINITIES` (C, S, V, L) what the history says of each product on each level; `MIX` (C, S, 2); `KNOWN`
        (C, S, V) what was bought before each moment; `MOMENTS` and `TARGETS` (C, M) moment and vocabulary position of
        each first purchase; `TARGET_WEIGHTS` (C, M), which sum to 1 or are 0.
    """
    affinities, mixes, known, rows = [], [], [], []
    for number, cutoff in enumerate(teaching.cutoffs):
        histories, bought, answers = _moment(teaching, cutoff, taught)
        affinities.append(_affinities(histories, towers, taught))
        mixes.append(towers.mix(histories))
        known.append(torch.from_numpy(bought.toarray()))
        rows.append(np.insert(answers, 1, number, axis=1))
    laid = _laid_out(np.concatenate(rows), len(teaching.customer_ids), max_products)
    stacked = {AFFINITIES: affinities, MIX: mixes, KNOWN: known}
    return Customers({name: torch.stack(parts, dim=1) for name, parts in stacked.items()} | laid)


def _moment(teaching: Teaching, cutoff: datetime, taught: Ints) -> tuple[Histories, sparse.csr_array, Ints]:
    """Give C histories, (C, V) what was bought before, and (n, 2) who with a history then bought what first."""
    data, until = teaching, cutoff + timedelta(days=teaching.target_days)
    histories = from_arrow(customer_rows(data.store, data.customer_ids, [cutoff]), data.catalogue)
    marks = np.ones(len(histories.product_idx), dtype=bool)
    shape = (len(histories), len(data.catalogue))
    bought = sparse.csr_array((marks, histories.product_idx, histories.offsets), shape=shape)[:, taught]
    later = targets(data.purchases, data.catalogue, data.customer_ids, cutoff, until)[:, taught]
    new = sparse.coo_array(later > bought)
    has_history = np.diff(histories.offsets)[new.row] > 0
    answers = np.column_stack([new.row, new.col])[has_history].astype(np.int64)
    return histories, bought, answers


@torch.no_grad()
def _affinities(histories: Histories, towers: PrivateTowers, taught: Ints) -> Tensor:
    """Spread what each history says of groups over the vocabulary: (C, V, L)."""
    groups = towers.products.groups[torch.from_numpy(taught)]  # (V, L)
    blocks = np.array_split(np.arange(len(histories)), max(1, -(-len(histories) // _ROWS)))
    return torch.cat([towers.affinities(histories.take(rows))[:, groups] for rows in blocks])


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
