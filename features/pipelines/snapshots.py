"""Every view of one moment, from the same lines: customers' histories and profiles, and products."""

from dataclasses import dataclass
from datetime import datetime

import ibis.expr.types as ir

from configs.settings import FeatureSettings
from features.pipelines.customers import customer_histories, customer_profiles
from features.pipelines.products import product_profiles
from features.pipelines.purchases import basket_purchases, basket_visits
from features.tables import CUSTOMER_HISTORY, CUSTOMER_PROFILE, PRODUCT_PROFILE


@dataclass(frozen=True)
class Reduced:
    """What the views are computed from.

    Attributes:
        products: The lake's product table.
        lines: Merchandise lines of the customers who get histories.
        purchases: The same lines, one row per customer, product and basket.
        visits: The same lines, one row per customer, basket and store.
        counted_lines: Merchandise lines of the customers who count in product features.
        counted_purchases: The same lines, one row per customer, product and basket.
    """

    products: ir.Table
    lines: ir.Table
    purchases: ir.Table
    visits: ir.Table
    counted_lines: ir.Table
    counted_purchases: ir.Table

    @classmethod
    def of(cls, products: ir.Table, lines: ir.Table) -> "Reduced":
        """Reduce the same lines for everything."""
        purchases = basket_purchases(lines)
        return cls(products, lines, purchases, basket_visits(lines), lines, purchases)


def snapshot_views(reduced: Reduced, as_of: datetime, settings: FeatureSettings) -> dict[str, ir.Table]:
    """Give the expression of each view as of one moment."""
    return {
        CUSTOMER_HISTORY: customer_histories(reduced.purchases, as_of, settings),
        CUSTOMER_PROFILE: customer_profiles(reduced.lines, reduced.visits, as_of),
        PRODUCT_PROFILE: product_profiles(
            reduced.products, reduced.counted_purchases, reduced.counted_lines, as_of, settings
        ),
    }
