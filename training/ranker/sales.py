"""Purchase lines with amounts, and promotions, as arrays that a moment can be cut from."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.columns import (
    BASKET_ID,
    COUPON_DISCOUNT,
    CUSTOMER_ID,
    DISPLAY,
    EVENT_TIMESTAMP,
    IS_MERCHANDISE,
    LOYALTY_DISCOUNT,
    MAILER,
    PAID_AMOUNT,
    PRODUCT_ID,
    PRODUCTS,
    PROMOTIONS,
    QUANTITY,
    SHELF_AMOUNT,
    STORE_ID,
    TRANSACTIONS,
    WEEK_START,
)
from features.engine import connect, quoted
from features.lake import Lake
from training.catalogue import Catalogue

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PROMOTION_WEEKS: Final = 4  # whole weeks before the moment whose promotions are read
_COLUMNS: Final = (CUSTOMER_ID, PRODUCT_ID, STORE_ID, BASKET_ID, EVENT_TIMESTAMP, QUANTITY, PAID_AMOUNT)
_OPTIONAL: Final = (SHELF_AMOUNT, LOYALTY_DISCOUNT, COUPON_DISCOUNT)
_SECONDS_PER_DAY: Final = 86_400
_COVERED: Final = f"SELECT count(DISTINCT {STORE_ID}) FROM read_parquet('{{path}}')"  # noqa: S608 - names are constants
_PROMOTED: Final = f"""
    SELECT {PRODUCT_ID}, datediff('day', {WEEK_START} + INTERVAL 7 DAY, ?) // 7 AS weeks_back,
           count(*) FILTER (coalesce({DISPLAY}, '0') <> '0') AS {DISPLAY},
           count(*) FILTER (coalesce({MAILER}, '0') <> '0') AS {MAILER}
    FROM read_parquet('{{path}}')
    WHERE {WEEK_START} > ? AND {WEEK_START} + INTERVAL 7 DAY <= ? GROUP BY ALL
"""  # noqa: S608 - names are constants, the path is quoted


@dataclass(frozen=True, eq=False)
class Sales:
    """Lines before a moment of products in a catalogue, each with the time since.

    Attributes:
        n_products: Size of the catalogue.
        n_customers: Size of the customers' numbering.
        customer: (L,) numbered from 0.
        product_idx: (L,) positions in the catalogue.
        store: (L,) numbered from 0 as `SalesLog.store_ids`.
        days_ago: (L,) above 0.
        units: (L,) quantity.
        shelf_usd: (L,) before discounts.
        discount_usd: (L,) loyalty discount.
        with_coupon: (L,) whether the maker's coupon was used.
    """

    n_products: int
    n_customers: int
    customer: Ints
    product_idx: Ints
    store: Ints
    days_ago: Floats
    units: Floats
    shelf_usd: Floats
    discount_usd: Floats
    with_coupon: npt.NDArray[np.bool_]

    def within(self, days: float, *, after: float = 0.0) -> npt.NDArray[np.bool_]:
        """Mark the lines at most `days` and more than `after` days ago."""
        return (self.days_ago <= days) & (self.days_ago > after)

    def buyers(self, lines: npt.NDArray[np.bool_]) -> Floats:
        """Count each product's distinct customers over marked lines: (N,)."""
        pairs = np.unique(self.customer[lines] * self.n_products + self.product_idx[lines])
        return np.bincount(pairs % self.n_products, minlength=self.n_products).astype(np.float64)


class SalesLog:
    """Every merchandise line of some people, read once; a moment of any cut-off is cut from it.

    Args:
        lake: Where the tables lie.
        customers: People who agreed to model training.
        until: Lines at or after this time are not read.
    """

    def __init__(self, lake: Lake, customers: Collection[str], until: datetime) -> None:
        lines = lake.read(TRANSACTIONS, [*_COLUMNS, *_OPTIONAL])
        products = lake.read(PRODUCTS, [PRODUCT_ID, IS_MERCHANDISE])
        outside = products.loc[~products[IS_MERCHANDISE].astype(bool), PRODUCT_ID]
        kept = (lines[EVENT_TIMESTAMP] < until) & lines[CUSTOMER_ID].isin(list(customers))
        lines = lines.loc[kept & ~lines[PRODUCT_ID].isin(outside)]
        self._customer, _ = pd.factorize(lines[CUSTOMER_ID], sort=True)
        self._product, self._product_ids = pd.factorize(lines[PRODUCT_ID], sort=True)
        self._store, store_ids = pd.factorize(lines[STORE_ID], sort=True)
        self.store_ids = np.asarray(store_ids, dtype=str)
        self._times = lines[EVENT_TIMESTAMP].to_numpy("datetime64[us]").astype(np.int64)
        shelf = lines[SHELF_AMOUNT].fillna(lines[PAID_AMOUNT])
        self._amounts = {
            "units": lines[QUANTITY].to_numpy(np.float64),
            "shelf_usd": shelf.to_numpy(np.float64),
            "discount_usd": lines[LOYALTY_DISCOUNT].fillna(0.0).to_numpy(np.float64),
        }
        self._with_coupon = lines[COUPON_DISCOUNT].fillna(0.0).to_numpy(np.float64) > 0
        self._promotions = quoted(lake.path(PROMOTIONS)) if lake.has(PROMOTIONS) else None
        self._n_covered = 0
        if self._promotions is not None:
            with connect() as database:
                counted = database.execute(_COVERED.format(path=self._promotions)).fetchone()
            self._n_covered = 0 if counted is None else int(counted[0])

    def before(self, catalogue: Catalogue, moment: datetime, *, days: float | None = None) -> Sales:
        """Cut the lines strictly before a moment, of the last `days` if given."""
        at = int(moment.timestamp() * 1e6)
        days_ago = (at - self._times) / (1e6 * _SECONDS_PER_DAY)
        positions = catalogue.index_of(np.asarray(self._product_ids, dtype=str))[self._product]
        kept = (days_ago > 0) & (positions >= 0)
        if days is not None:
            kept &= days_ago <= days
        return Sales(
            n_products=len(catalogue),
            n_customers=int(self._customer.max(initial=-1)) + 1,
            customer=self._customer[kept].astype(np.int64),
            product_idx=positions[kept],
            store=self._store[kept].astype(np.int64),
            days_ago=days_ago[kept],
            with_coupon=self._with_coupon[kept],
            **{name: values[kept] for name, values in self._amounts.items()},
        )

    def promotion_shares(self, catalogue: Catalogue, moment: datetime) -> Floats:
        """Tell how widely each product was promoted in the whole weeks before a moment, which is all that is known.

        Returns:
            (N, 4) share of the covered stores with a display and with a mailer: last week, then the mean of four.
        """
        weekly = np.zeros((PROMOTION_WEEKS, len(catalogue), 2))
        if self._promotions is None:
            return np.concatenate([weekly[0], weekly.mean(axis=0)], axis=1)
        day = moment.astimezone(UTC).date()
        starts = day - timedelta(weeks=PROMOTION_WEEKS + 1)
        with connect() as database:
            found = database.execute(_PROMOTED.format(path=self._promotions), [day, starts, day]).df()
        positions, back = catalogue.index_of(found[PRODUCT_ID]), found["weeks_back"].to_numpy(np.int64)
        kept = (positions >= 0) & (back < PROMOTION_WEEKS)
        weekly[back[kept], positions[kept]] = found.loc[kept, [DISPLAY, MAILER]].to_numpy(np.float64)
        shares: Floats = np.concatenate([weekly[0], weekly.mean(axis=0)], axis=1)
        return shares / max(self._n_covered, 1)
