"""Product features as of one moment: attributes, popularity, price and rhythm."""

from datetime import datetime
from typing import Final

import ibis
import ibis.expr.types as ir
from ibis import _

from configs.settings import FeatureSettings
from features import columns
from features.pipelines.purchases import DAYS_AGO, MONEY_PARTS, before, exact_total, moment_literal

SEASON_DAYS: Final = 90  # the window that `n_baskets_90d` carries in its name

_TEXTS: Final = (
    columns.DEPARTMENT,
    columns.CATEGORY,
    columns.PRODUCT_TYPE,
    columns.BRAND,
    columns.MANUFACTURER_ID,
    columns.PACKAGE_SIZE,
)


def product_profiles(
    products: ir.Table, purchases: ir.Table, lines: ir.Table, as_of: datetime, settings: FeatureSettings
) -> ir.Table:
    """Describe each product sold before a moment.

    Args:
        products: The lake's product table.
        purchases: One row per customer, product and basket (`basket_purchases`).
        lines: Merchandise lines with amounts.
        as_of: Only what lies strictly before this moment counts.
        settings: Windows of popularity and price in days.

    Returns:
        One row per product sold before `as_of`; texts the catalogue lacks are "".
    """
    known = before(purchases, as_of)
    profiles = products.join(_sales(known, settings), columns.PRODUCT_ID)
    profiles = profiles.join(_buyers(known, settings), columns.PRODUCT_ID)
    profiles = profiles.left_join(_prices(before(lines, as_of), settings), columns.PRODUCT_ID)
    return profiles.select(
        columns.PRODUCT_ID,
        **{name: ibis.coalesce(profiles[name], "") for name in _TEXTS},
        sold_by_weight=ibis.coalesce(profiles[columns.SOLD_BY_WEIGHT], False),
        n_buyers=profiles.n_buyers,
        n_baskets=profiles.n_baskets,
        n_baskets_recent=profiles.n_baskets_recent,
        n_baskets_prior=profiles.n_baskets_prior,
        n_baskets_90d=profiles.n_baskets_90d,
        n_first_buyers_recent=profiles.n_first_buyers_recent,
        price_usd=ibis.coalesce(profiles.window_price_usd, profiles.last_price_usd),
        discount_depth=ibis.coalesce(profiles.discount_depth, 0.0),
        repeat_rate=profiles.n_repeat_buyers / profiles.n_buyers.nullif(0),
        days_since_first_sale=profiles.days_since_first_sale,
        days_since_last_sale=profiles.days_since_last_sale,
        event_timestamp=moment_literal(as_of),
    )


def _sales(known: ir.Table, settings: FeatureSettings) -> ir.Table:
    days_ago, window = known[DAYS_AGO], settings.popularity_days
    return known.group_by(columns.PRODUCT_ID).agg(
        n_baskets=_.count(),
        n_baskets_recent=_count_where(days_ago <= window),
        n_baskets_prior=_count_where((days_ago > window) & (days_ago <= 2 * window)),
        n_baskets_90d=_count_where(days_ago <= SEASON_DAYS),
        days_since_first_sale=days_ago.max(),
        days_since_last_sale=days_ago.min(),
    )


def _buyers(known: ir.Table, settings: FeatureSettings) -> ir.Table:
    pairs = known.group_by([columns.CUSTOMER_ID, columns.PRODUCT_ID]).agg(
        n_times=_.count(), first_days_ago=known[DAYS_AGO].max()
    )
    return pairs.group_by(columns.PRODUCT_ID).agg(
        n_buyers=_.count(),
        n_repeat_buyers=_count_where(pairs.n_times >= 2),
        n_first_buyers_recent=_count_where(pairs.first_days_ago <= settings.popularity_days),
    )


def _prices(known: ir.Table, settings: FeatureSettings) -> ir.Table:
    shelf = ibis.coalesce(known[columns.SHELF_AMOUNT], known[columns.PAID_AMOUNT])
    priced = known.mutate(
        shelf_usd=shelf,
        discount_usd=ibis.coalesce(known[columns.LOYALTY_DISCOUNT], 0.0),
        unit_price_usd=shelf / known[columns.QUANTITY].nullif(0),
    )
    # One price per product and time of sale, so that "the last" is never a choice between equals.
    moments = priced.group_by([columns.PRODUCT_ID, DAYS_AGO]).agg(unit_price_usd=_.unit_price_usd.max())
    last = moments.group_by(columns.PRODUCT_ID).agg(last_price_usd=_.unit_price_usd.argmin(_[DAYS_AGO]))
    recent = priced.filter(priced[DAYS_AGO] <= settings.price_window_days)
    windows = recent.group_by(columns.PRODUCT_ID).agg(
        window_price_usd=recent.unit_price_usd.median(),
        discount_depth=exact_total(recent.discount_usd, MONEY_PARTS)
        / exact_total(recent.shelf_usd, MONEY_PARTS).nullif(0),
    )
    return last.left_join(windows, columns.PRODUCT_ID).drop(f"{columns.PRODUCT_ID}_right")


def _count_where(condition: ir.BooleanValue) -> ir.NumericValue:
    return condition.cast("int64").sum().cast("int64")
