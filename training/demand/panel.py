"""The panel: what each product sold, at what price and under which promotion, week by week."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Weeks = npt.NDArray[np.datetime64]  # Mondays of the trading calendar, unit D

TEXTS: Final = ("department", "category", "product_type", "brand", "manufacturer_id", "package_size")
NUMBERS: Final = ("unit_cost", "list_price")


@dataclass(frozen=True, eq=False)
class Panel:
    """Chain-wide weeks of products as dense arrays; P products by W consecutive weeks.

    Attributes:
        product_ids: (P,) str, ascending.
        weeks: (W,) Mondays of the trading calendar, ascending, none left out.
        units: (P, W) sold; 0 in a week without a sale.
        shelf_price: (P, W) USD before loyalty discounts; carried forward over weeks without one, NaN before the first.
        paid_price: (P, W) USD after loyalty discounts, before manufacturer coupons; equals `shelf_price` where imputed.
        imputed: (P, W) whether the price was carried forward, not observed.
        display: (P, W) share of the covered stores that displayed the product, 0 to 1.
        mailer: (P, W) share of the covered stores whose mailer held the product, 0 to 1.
        stocked_out: (P, W) whether the counted stock was nought all week; False everywhere without inventory.
        attributes: Columns of (P,) values: `TEXTS` (object, "" when unknown), `NUMBERS` (NaN when unknown).
        sold_by_weight: (P,) whether price and quantity vary by weight.
    """

    product_ids: npt.NDArray[np.str_]
    weeks: Weeks
    units: Floats
    shelf_price: Floats
    paid_price: Floats
    imputed: Flags
    display: Floats
    mailer: Floats
    stocked_out: Flags
    attributes: dict[str, npt.NDArray[Any]]
    sold_by_weight: Flags

    def __len__(self) -> int:
        return len(self.product_ids)

    @property
    def discount_depth(self) -> Floats:
        """(P, W) share of the shelf price taken off by loyalty discounts, 0 to 1; NaN before the first sale."""
        depth: Floats = 1 - self.paid_price / self.shelf_price
        return depth

    @property
    def first_sale(self) -> npt.NDArray[np.int64]:
        """(P,) position of the first week with a sale; W where there is none."""
        sold = self.units > 0
        first: npt.NDArray[np.int64] = np.where(sold.any(axis=1), sold.argmax(axis=1), self.units.shape[1])
        return first

    def until(self, week: np.datetime64) -> "Panel":
        """Keep the weeks that begin before a Monday: what was known when that week began."""
        return self._weeks(self.weeks < week)

    def since(self, week: np.datetime64) -> "Panel":
        """Keep the weeks from a Monday on."""
        return self._weeks(self.weeks >= week)

    def take(self, positions: npt.NDArray[np.int64]) -> "Panel":
        """Keep some products, in the order given."""
        weekly = {name: getattr(self, name)[positions] for name in _WEEKLY}
        return Panel(
            product_ids=self.product_ids[positions],
            weeks=self.weeks,
            attributes={name: values[positions] for name, values in self.attributes.items()},
            sold_by_weight=self.sold_by_weight[positions],
            **weekly,
        )

    def followed_by(self, later: "Panel") -> "Panel":
        """Add the weeks right after this panel's, of the same products in the same order."""
        weekly = {name: np.hstack([getattr(self, name), getattr(later, name)]) for name in _WEEKLY}
        return Panel(
            product_ids=self.product_ids,
            weeks=np.concatenate([self.weeks, later.weeks]),
            attributes=self.attributes,
            sold_by_weight=self.sold_by_weight,
            **weekly,
        )

    def _weeks(self, kept: Flags) -> "Panel":
        weekly = {name: getattr(self, name)[:, kept] for name in _WEEKLY}
        return Panel(
            product_ids=self.product_ids,
            weeks=self.weeks[kept],
            attributes=self.attributes,
            sold_by_weight=self.sold_by_weight,
            **weekly,
        )


_WEEKLY: Final = ("units", "shelf_price", "paid_price", "imputed", "display", "mailer", "stocked_out")


@dataclass(frozen=True, eq=False)
class StorePanel:
    """Weeks of product-store pairs; R pairs by the same W weeks as the chain's panel.

    Attributes:
        product_ids: (R,) str; with `store_ids` ascending.
        store_ids: (R,) str.
        weeks: (W,) Mondays.
        units: (R, W) sold at that store.
    """

    product_ids: npt.NDArray[np.str_]
    store_ids: npt.NDArray[np.str_]
    weeks: Weeks
    units: Floats

    def __len__(self) -> int:
        return len(self.product_ids)

    def until(self, week: np.datetime64) -> "StorePanel":
        """Keep the weeks that begin before a Monday."""
        kept = self.weeks < week
        return StorePanel(self.product_ids, self.store_ids, self.weeks[kept], self.units[:, kept])

    def take(self, positions: npt.NDArray[np.int64]) -> "StorePanel":
        """Keep some pairs, in the order given."""
        return StorePanel(self.product_ids[positions], self.store_ids[positions], self.weeks, self.units[positions])
