"""Purchase lines as models see them: merchandise only, up to a time, from people who agreed."""

from collections.abc import Collection
from datetime import datetime

import pandas as pd

from features.columns import (
    BASKET_ID,
    CUSTOMER_ID,
    EVENT_TIMESTAMP,
    IS_MERCHANDISE,
    PRODUCT_ID,
    PRODUCTS,
    STORE_ID,
    TRANSACTIONS,
)
from features.lake import Lake

PURCHASE_COLUMNS = (CUSTOMER_ID, PRODUCT_ID, BASKET_ID, STORE_ID, EVENT_TIMESTAMP)


def load_purchases(lake: Lake, *, until: datetime | None, customers: Collection[str] | None) -> pd.DataFrame:
    """Read the purchase lines of merchandise.

    Args:
        lake: Where the tables lie.
        until: Only lines before this time; None reads to the end of the data.
        customers: Only these customers' lines; None reads everyone's. Pass those who granted the purpose at hand.

    Returns:
        One row per line with `PURCHASE_COLUMNS`, in the lake's order (time, basket, product), numbered from 0.
        A product missing from the product table counts as merchandise.
    """
    purchases = lake.read(TRANSACTIONS, list(PURCHASE_COLUMNS))
    products = lake.read(PRODUCTS, [PRODUCT_ID, IS_MERCHANDISE])
    outside = products.loc[~products[IS_MERCHANDISE].astype(bool), PRODUCT_ID]
    wanted = ~purchases[PRODUCT_ID].isin(outside)
    if until is not None:
        wanted &= purchases[EVENT_TIMESTAMP] < until
    if customers is not None:
        wanted &= purchases[CUSTOMER_ID].isin(list(customers))
    return purchases.loc[wanted].reset_index(drop=True)
