"""The released weeks of a private version: they go into its bundle, and answers begin from them, not from the sales.

A forecast begins from what sold lately. Were that read from the sales, the forecast would tell of single customers
however privately its weights were learnt. So a private bundle carries its own weeks, and whoever serves it reads
prices, promotions and attributes of the shop, and no units.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.artifact import Bundle
from training.demand.forecaster import Forecaster
from training.demand.panel import Floats, Panel, StorePanel, Weeks
from training.demand.plan import Plan
from training.demand.private_design import public_panel
from training.demand.private_panel import store_panel

UNITS: Final = "released_units"
WEEKS: Final = "released_weeks"
PRODUCTS: Final = "released_products"
STORES: Final = "released_stores"
_WEEK: Final = np.timedelta64(7, "D")


@dataclass(frozen=True, eq=False)
class ReleasedWeeks:
    """What a private version knows of sales.

    Attributes:
        product_ids: (P,) ascending.
        weeks: (W,) Mondays, none left out.
        units: (P, W) put together from the release.
        store_ids: (S,) ascending.
        store_shares: (S,) of the chain's units.
    """

    product_ids: npt.NDArray[np.str_]
    weeks: Weeks
    units: Floats
    store_ids: npt.NDArray[np.str_]
    store_shares: Floats

    def bundle_parts(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, pa.Table]]:
        """Lay out the arrays and frames that `load` reads back; products without a unit are left out."""
        some = self.units.any(axis=1)
        arrays: dict[str, npt.NDArray[Any]] = {
            UNITS: self.units[some].astype(np.int32),
            WEEKS: self.weeks.astype("datetime64[D]").astype(np.int64),
        }
        stores = {"store_id": pa.array(self.store_ids.tolist(), pa.string()), "share": self.store_shares}
        products = {"product_id": pa.array(self.product_ids[some].tolist(), pa.string())}
        return arrays, {PRODUCTS: pa.table(products), STORES: pa.table(stores)}

    @classmethod
    def load(cls, bundle: Bundle) -> "ReleasedWeeks | None":
        """Read a bundle's released weeks; None where it has none, and answers begin from the sales.

        Raises:
            BundleDamaged: If they cannot be read.
        """
        if bundle.manifest.privacy.mechanism == "none":
            return None
        products, stores = bundle.frame(PRODUCTS), bundle.frame(STORES)
        return cls(
            product_ids=np.array(products["product_id"].to_pylist(), dtype=np.str_),
            weeks=bundle.array(WEEKS).astype("datetime64[D]"),
            units=bundle.array(UNITS).astype(np.float64),
            store_ids=np.array(stores["store_id"].to_pylist(), dtype=np.str_),
            store_shares=stores["share"].to_numpy().astype(np.float64),
        )

    def panel(self, shop: Panel, forecaster: Forecaster) -> Panel:
        """Put released units beside the shop's own prices, promotions and attributes.

        Weeks after the release are filled with what the version itself expects of them at the shop's prices.

        Args:
            shop: Its units, sale weeks and stock-outs are not read.
            forecaster: Of the version.
        """
        listed = public_panel(shop.take(np.flatnonzero(np.isin(shop.product_ids, self.product_ids))))
        rows = np.searchsorted(self.product_ids, listed.product_ids)
        after = self.weeks[-1] + _WEEK
        history, later = listed.until(after), listed.since(after)
        units = np.zeros(history.units.shape)
        both = np.isin(history.weeks, self.weeks)
        units[:, both] = self.units[rows][:, np.isin(self.weeks, history.weeks)]
        history = replace(history, units=units)
        if not len(later.weeks):
            return history
        ahead = forecaster.forecast(history, Plan.observed(later), track="full").mean
        return replace(listed, units=np.hstack([units, ahead]))

    def stores(self, panel: Panel) -> StorePanel:
        """Share the units of `panel` among the released stores."""
        return store_panel(panel, self.store_ids, self.store_shares)
