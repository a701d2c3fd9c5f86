"""What a private demand run reads: the shop's own tables at once, sales line by line only once they are charged for."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.columns import (
    CUSTOMER_ID,
    EVENT_TIMESTAMP,
    IS_MERCHANDISE,
    PRODUCT_ID,
    PRODUCTS,
    QUANTITY,
    STORE_ID,
    TRANSACTIONS,
)
from features.lake import Lake
from training.demand.panel import Weeks
from training.demand.private_design import Design
from training.demand.private_release import Sales
from training.errors import PublicProductsMissing

_COLUMNS = (CUSTOMER_ID, PRODUCT_ID, STORE_ID, EVENT_TIMESTAMP, QUANTITY)


def listed_products(lake: Lake) -> list[str]:
    """List the products of the public product table, sold or not.

    Raises:
        PublicProductsMissing: If it lists no merchandise.
    """
    products = lake.read(PRODUCTS, [PRODUCT_ID, IS_MERCHANDISE])
    listed = products.loc[products[IS_MERCHANDISE].astype(bool), PRODUCT_ID].astype(str)
    if listed.empty:
        raise PublicProductsMissing(source=lake.manifest.source)
    return sorted(set(listed))


def read_sales(lake: Lake, design: Design) -> Sales:
    """Read the lines of sales of listed products in the design's weeks, at its stores.

    Call it only under a reservation whose access is noted: these are records of persons.
    """
    lines = lake.read(TRANSACTIONS, list(_COLUMNS))
    weeks = _week_positions(lines[EVENT_TIMESTAMP], design.weeks, lake.manifest.trading_time_zone)
    products = pd.Index(design.panel.product_ids).get_indexer(pd.Index(lines[PRODUCT_ID]))
    stores = pd.Index(design.store_ids).get_indexer(pd.Index(lines[STORE_ID]))
    kept = (weeks >= 0) & (products >= 0) & (stores >= 0)
    return Sales(
        customers=pd.factorize(lines[CUSTOMER_ID])[0][kept].astype(np.int64),
        products=products[kept].astype(np.int64),
        weeks=weeks[kept],
        stores=stores[kept].astype(np.int64),
        units=lines[QUANTITY].to_numpy(dtype=np.float64)[kept],
    )


def _week_positions(moments: "pd.Series[pd.Timestamp]", weeks: Weeks, zone: str) -> npt.NDArray[np.int64]:
    """Find the trading week of each moment; -1 outside."""
    days = moments.dt.tz_convert(zone).dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    at = (days - weeks[0]) // np.timedelta64(7, "D")
    return np.where((at >= 0) & (at < len(weeks)), at, -1).astype(np.int64)
