"""What is public of a demand release: which products, weeks and stores there are, and what was promoted when."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.demand.elasticity import category_names
from training.demand.panel import Floats, Panel, Weeks
from training.demand.private_steps import Name, Step

Ints = npt.NDArray[np.int64]

_DEPTHS: Final = (0.03, 0.2, 0.35)  # share of the shelf price taken off, where bins of the discount begin
_DISPLAYS: Final = (0.02, 0.2)  # share of stores, where bins of the display begin
_MAILERS: Final = (0.02,)
N_REGIMES: Final = (len(_DEPTHS) + 1) * (len(_DISPLAYS) + 1) * (len(_MAILERS) + 1)
_PROMOTED: Final = (0.005, 0.02, 0.05, 0.1)  # mean share of stores with display or mailer, where classes begin


@dataclass(frozen=True, eq=False)
class Design:
    """The public frame that sums are asked in: P products, W weeks, G categories, S stores.

    Attributes:
        panel: Prices, promotions and attributes of every listed product; its units are nought.
        category: (P,) code.
        department: (G,) code of each category's department.
        regime: (P, W) kind of promotion in that week, 0 to `N_REGIMES` - 1: bins of discount, display and mailer.
        promoted: (P,) class by how much of the time and of the stores a product is promoted, which tells volume.
        store_ids: (S,) ascending.
        weights: (W,) what a week counts in a product's sum: 1 in the last one.
    """

    panel: Panel
    category: Ints
    department: Ints
    regime: Ints
    promoted: Ints
    store_ids: npt.NDArray[np.str_]
    weights: Floats

    @property
    def weeks(self) -> Weeks:
        """(W,) Mondays."""
        return self.panel.weeks

    @property
    def n_categories(self) -> int:
        """How many categories the products table names."""
        return len(self.department)

    def size(self, name: Name) -> int:
        """How many sums a family holds."""
        sizes: dict[Name, int] = {
            "products": len(self.panel),
            "regimes": self.n_categories * N_REGIMES,
            "weeks": len(self.weeks),
            "stores": len(self.store_ids),
        }
        return sizes[name]

    def n_sums(self, step: Step) -> int:
        """Length of a released vector."""
        return sum(self.size(family.name) for family in step.families)


def design_of(public: Panel, store_ids: npt.NDArray[np.str_], half_life_weeks: float) -> Design:
    """Lay out what is public.

    Args:
        public: From `public_panel`.
        store_ids: Every store of the shop.
        half_life_weeks: After so many weeks a sale counts half in its product's sum.
    """
    names, category = np.unique(category_names(public), return_inverse=True)
    departments = np.unique(public.attributes["department"].astype(str), return_inverse=True)[1]
    of_category = np.zeros(len(names), dtype=np.int64)
    of_category[category] = departments
    shown = (public.display + public.mailer).mean(axis=1)
    ages = np.arange(len(public.weeks))[::-1]
    return Design(
        panel=public,
        category=category.astype(np.int64),
        department=np.unique(of_category, return_inverse=True)[1].astype(np.int64),
        regime=regimes(public),
        promoted=np.where(shown > 0, 1 + np.digitize(shown, _PROMOTED), 0).astype(np.int64),
        store_ids=np.unique(store_ids),
        weights=0.5 ** (ages / half_life_weeks),
    )


def regimes(weeks: Panel) -> Ints:
    """Tell the kind of promotion of each product and week: (P, W) codes; weeks without a price count as undiscounted.

    Returns:
        From 0, no promotion at all, to `N_REGIMES` - 1.
    """
    depth = np.nan_to_num(weeks.discount_depth, nan=0.0)
    discount, display = np.digitize(depth, _DEPTHS), np.digitize(weeks.display, _DISPLAYS)
    found = (discount * (len(_DISPLAYS) + 1) + display) * (len(_MAILERS) + 1) + np.digitize(weeks.mailer, _MAILERS)
    return found.astype(np.int64)


def public_panel(panel: Panel) -> Panel:
    """Keep of a panel what is the shop's own: prices, promotions, attributes; no units, no first sale, no stock-out.

    A week's price stands whether or not anybody bought: it is carried on, and back to the first week, and no longer
    says that it was. Where the shop has no price list and receipts stand in for it, what a product cost in a week is
    told by who bought it; that stays, and is what the statement names.
    """
    shelf = _carried_back(panel.shelf_price)
    return Panel(
        product_ids=panel.product_ids,
        weeks=panel.weeks,
        units=np.zeros(panel.units.shape),
        shelf_price=shelf,
        paid_price=np.where(np.isfinite(panel.paid_price), panel.paid_price, shelf),
        imputed=~np.isfinite(shelf),
        display=panel.display,
        mailer=panel.mailer,
        stocked_out=np.zeros(panel.units.shape, dtype=bool),
        attributes=panel.attributes,
        sold_by_weight=panel.sold_by_weight,
    )


def _carried_back(prices: Floats) -> Floats:
    known = np.isfinite(prices)
    first = prices[np.arange(len(prices)), known.argmax(axis=1)]
    return np.where(known, prices, first[:, None])
