"""Features of customers and products as of past moments, from the feature store."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import pyarrow as pa

from features.columns import CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from features.services import CUSTOMER_V1, PRODUCT_V1
from features.store import Store
from training.catalogue import Catalogue


def customer_rows(store: Store, customer_ids: Sequence[str], cutoffs: Sequence[datetime]) -> pa.Table:
    """Fetch customer features as of each cut-off: all customers at the first, then all at the second, and so on."""
    return store.historical(_entities(CUSTOMER_ID, customer_ids, cutoffs), CUSTOMER_V1)


def product_rows(store: Store, catalogue: Catalogue, cutoffs: Sequence[datetime]) -> pa.Table:
    """Fetch product features likewise; a product not sold before a cut-off has nulls."""
    return store.historical(_entities(PRODUCT_ID, catalogue.product_ids.tolist(), cutoffs), PRODUCT_V1)


def _entities(key: str, ids: Sequence[str], cutoffs: Sequence[datetime]) -> pd.DataFrame:
    moments = pd.DatetimeIndex(list(cutoffs)).repeat(len(ids))
    return pd.DataFrame({key: list(ids) * len(cutoffs), EVENT_TIMESTAMP: moments})
