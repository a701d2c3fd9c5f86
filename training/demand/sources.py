"""What a demand run reads: the lake's weekly panel, chain-wide and by store."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from configs.settings import StorageSettings
from features.columns import PRODUCT_ID, PRODUCTS
from features.lake import Lake
from features.preparation import ensure_price_tables
from training.demand.errors import PanelEmpty
from training.demand.panel import Panel, StorePanel
from training.demand.panel_reader import read_panel, read_store_panel
from training.demand.product_lists import ProductList

NO_CONSENT: Final = "none needed: sums over all sales, no person's record is read"
PRIVATE_CONSENT: Final = "none needed: noisy sums over all sales; records are read to bound what each person adds"


@dataclass(frozen=True, eq=False)
class DemandSources:
    """Data of one run.

    Attributes:
        lake: Where it lies.
        panel: Every product that is merchandise, all whole weeks.
        stores: Every pair of product and store that ever sold, the same weeks.
    """

    lake: Lake
    panel: Panel
    stores: StorePanel

    def cutoff(self, week: np.datetime64) -> datetime:
        """Give the moment at which a trading week begins; UTC."""
        zone = ZoneInfo(self.lake.manifest.trading_time_zone)
        return datetime.combine(day_of(week), time(), zone).astimezone(UTC)


def prepare_demand(
    storage: StorageSettings, progress: Callable[[str], None], listed: ProductList | None = None
) -> DemandSources:
    """Build the price tables if they are not there, and read them.

    Args:
        storage: Where the lake and the features lie.
        progress: Told each step in words.
        listed: Products that must be in the panel, even those that never sold.

    Raises:
        ListedUnknown: If the list names products or stores that the lake does not know.
        LakeMissing, LakeDamaged, LakeVersionMismatch: If there is no usable lake.
        PanelEmpty: If the lake holds no whole week of sales.
    """
    lake = Lake.open(storage.lake)
    progress("prices: weekly panel of products and stores")
    store = ensure_price_tables(storage, lake)
    panel = read_panel(store)
    if not len(panel) or not len(panel.weeks):
        raise PanelEmpty(n_products=len(panel), n_weeks=len(panel.weeks))
    stores = read_store_panel(store, panel, None)
    if listed is not None:
        known = set(lake.read(PRODUCTS, [PRODUCT_ID])[PRODUCT_ID]) | set(panel.product_ids.tolist())
        listed.require_known(known, set(stores.store_ids.tolist()))
        if not np.isin(listed.all_product_ids, panel.product_ids).all():
            panel = read_panel(store, np.union1d(panel.product_ids, listed.all_product_ids).tolist())
    return DemandSources(lake, panel, stores)


def day_of(week: np.datetime64) -> date:
    """Turn a Monday into a date.

    >>> day_of(np.datetime64("2017-01-02"))
    datetime.date(2017, 1, 2)
    """
    found: date = week.astype("datetime64[D]").astype(object)
    return found
