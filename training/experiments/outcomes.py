"""What customers and stores did, day by day and block by block, from the lake."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.experiments import Measure
from features.columns import (
    BASKET_ID,
    CUSTOMER_ID,
    EVENT_TIMESTAMP,
    IS_MERCHANDISE,
    LOYALTY_DISCOUNT,
    PAID_AMOUNT,
    PRODUCT_ID,
    PRODUCTS,
    STORE_ID,
    TRANSACTIONS,
)
from features.lake import Lake
from training.experiments.errors import NobodyToReadOf

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines of merchandise of the people who allow what is learnt from them.

    Attributes:
        table: With the columns of the lake and `at`, the time in the trading calendar.
        first: Trading day of the first line.
        last: Trading day of the last.
    """

    table: pd.DataFrame
    first: date
    last: date

    @property
    def customer_ids(self) -> list[str]:
        """Everybody who bought anything, sorted."""
        return sorted(self.table[CUSTOMER_ID].unique().tolist())

    def before(self, day: date) -> "Lines":
        """Keep the lines before a trading day."""
        moment = pd.Timestamp(day, tz=self.table["at"].dt.tz)
        return Lines(self.table[self.table["at"] < moment], self.first, day - timedelta(days=1))


def read_lines(lake: Lake, customers: Collection[str]) -> Lines:
    """Read what is needed of the transactions.

    Args:
        lake: Where they lie.
        customers: Pseudonyms of those who allow model training; nobody else's lines are kept.

    Raises:
        NobodyToReadOf: If nothing is left.
    """
    columns = [CUSTOMER_ID, STORE_ID, BASKET_ID, PRODUCT_ID, EVENT_TIMESTAMP, PAID_AMOUNT, LOYALTY_DISCOUNT]
    lines = lake.read(TRANSACTIONS, columns)
    products = lake.read(PRODUCTS, [PRODUCT_ID, IS_MERCHANDISE])
    outside = products.loc[~products[IS_MERCHANDISE].astype(bool), PRODUCT_ID]
    kept = lines[lines[CUSTOMER_ID].isin(list(customers)) & ~lines[PRODUCT_ID].isin(outside)]
    if kept.empty:
        raise NobodyToReadOf(n_lines=len(lines), n_allowing=len(customers))
    at = kept[EVENT_TIMESTAMP].dt.tz_convert(lake.manifest.trading_time_zone)
    kept = kept.assign(at=at)
    return Lines(kept.reset_index(drop=True), at.min().date(), at.max().date())


def amounts(table: pd.DataFrame, measure: Measure) -> Floats:
    """Give what each line adds to a measure.

    A basket counts with its first line, a product once per basket.
    """
    if measure == "spend_usd":
        return table[PAID_AMOUNT].to_numpy(dtype=np.float64)
    if measure == "discount_usd":
        return table[LOYALTY_DISCOUNT].fillna(0).to_numpy(dtype=np.float64)
    counted = [BASKET_ID] if measure == "baskets" else [BASKET_ID, PRODUCT_ID]
    first: Floats = (~table.duplicated(counted)).to_numpy().astype(np.float64)
    return first


def customer_days(lines: Lines, measure: Measure, customer_ids: Sequence[str], first: date, n_days: int) -> Floats:
    """Sum a measure by customer and trading day.

    Args:
        lines: From `read_lines`.
        measure: What is summed.
        customer_ids: Rows wanted, sorted.
        first: First day.
        n_days: Columns wanted.

    Returns:
        (C, D), 0 where nothing was bought.
    """
    table = lines.table
    row = np.searchsorted(np.asarray(customer_ids), table[CUSTOMER_ID].to_numpy(dtype=str))
    row = np.minimum(row, len(customer_ids) - 1)
    known = np.asarray(customer_ids)[row] == table[CUSTOMER_ID].to_numpy(dtype=str)
    local = table["at"].dt.tz_localize(None)
    day = ((local - pd.Timestamp(first)) // pd.Timedelta(days=1)).to_numpy(dtype=np.int64)
    kept = known & (day >= 0) & (day < n_days)
    cells = row[kept] * n_days + day[kept]
    summed = np.bincount(cells, weights=amounts(table, measure)[kept], minlength=len(customer_ids) * n_days)
    return summed.reshape(len(customer_ids), n_days).astype(np.float64)


def store_blocks(
    lines: Lines,
    measure: Measure,
    store_ids: Sequence[str],
    first: pd.Timestamp,
    n_blocks: int,
    *,
    block_hours: float,
    washout_hours: float,
) -> Floats:
    """Sum a measure by store and block of time, the hours after each possible switch left out.

    Args:
        lines: From `read_lines`.
        measure: What is summed.
        store_ids: Rows wanted, sorted.
        first: When the first block begins, in the trading calendar.
        n_blocks: Columns wanted.
        block_hours: Length of a block.
        washout_hours: Hours at the beginning of every block that do not count.

    Returns:
        (S, B), 0 where nothing was bought.
    """
    table = lines.table
    stores = np.asarray(store_ids)
    row = np.minimum(np.searchsorted(stores, table[STORE_ID].to_numpy(dtype=str)), len(stores) - 1)
    hours = (table["at"].dt.tz_localize(None) - first).dt.total_seconds().to_numpy() / 3600
    block = np.floor(hours / block_hours).astype(np.int64)
    settled = hours - block * block_hours >= washout_hours
    kept = (stores[row] == table[STORE_ID].to_numpy(dtype=str)) & (block >= 0) & (block < n_blocks) & settled
    cells = row[kept] * n_blocks + block[kept]
    summed = np.bincount(cells, weights=amounts(table, measure)[kept], minlength=len(stores) * n_blocks)
    return summed.reshape(len(stores), n_blocks).astype(np.float64)
