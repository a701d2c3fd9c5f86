"""Customer features as of one moment: purchase history and shopping profile."""

from datetime import datetime
from typing import Final

import ibis
import ibis.expr.types as ir
from ibis import _

from configs.settings import FeatureSettings
from features import columns
from features.pipelines.purchases import (
    DAYS_AGO,
    MONEY_PARTS,
    WEIGHT_PARTS,
    before,
    decayed,
    exact_total,
    moment_literal,
)

PROFILE_WINDOW_DAYS: Final = 28  # the window that `n_baskets_28d` and `spend_usd_28d` carry in their names

_MEASURES: Final = ("n_baskets", "decayed_short", "decayed_long", "days_since_last", "days_since_first")


def customer_histories(purchases: ir.Table, as_of: datetime, settings: FeatureSettings) -> ir.Table:
    """Describe each customer's distinct products as parallel arrays, most recent last purchase first.

    Args:
        purchases: One row per customer, product and basket (`basket_purchases`).
        as_of: Only purchases strictly before this moment count.
        settings: Half-lives in days and the cap on distinct products.

    Returns:
        One row per customer who bought before `as_of`; ties in recency are ordered by product_id.
    """
    held = _products_held(before(purchases, as_of), settings)
    recency = ibis.window(group_by=columns.CUSTOMER_ID, order_by=[held.days_since_last, held[columns.PRODUCT_ID]])
    ranked = held.mutate(place=ibis.row_number().over(recency))
    ranked = ranked.filter(ranked.place < settings.history_length)
    entry = ibis.struct({name: ranked[name] for name in ("place", columns.PRODUCT_ID, *_MEASURES)})
    entries = ranked.group_by(columns.CUSTOMER_ID).agg(entries=entry.collect())
    entries = entries.mutate(entries=entries.entries.sort())  # by place, the first field: Spark has no ordered collect
    return entries.select(
        columns.CUSTOMER_ID,
        product_ids=entries.entries.map(lambda held_product: held_product[columns.PRODUCT_ID]),
        **{name: entries.entries.map(lambda held_product, name=name: held_product[name]) for name in _MEASURES},
        session_product_ids=ibis.literal([], type="array<string>"),
        as_of_epoch_s=ibis.literal(int(as_of.timestamp()), type="int64"),
        journal_seq=ibis.literal(0, type="int64"),
        event_timestamp=moment_literal(as_of),
    )


def _products_held(known: ir.Table, settings: FeatureSettings) -> ir.Table:
    days_ago = known[DAYS_AGO]
    return known.group_by([columns.CUSTOMER_ID, columns.PRODUCT_ID]).agg(
        n_baskets=_.count(),
        decayed_short=exact_total(decayed(days_ago, settings.half_life_short_days), WEIGHT_PARTS),
        decayed_long=exact_total(decayed(days_ago, settings.half_life_long_days), WEIGHT_PARTS),
        days_since_last=days_ago.min(),
        days_since_first=days_ago.max(),
    )


def customer_profiles(lines: ir.Table, visits: ir.Table, as_of: datetime) -> ir.Table:
    """Summarise how often, how much and where each customer shops.

    A customer seen in a single basket has no interval between baskets yet; the time since that basket stands in.

    Args:
        lines: Merchandise lines with paid amounts.
        visits: One row per customer, basket and store (`basket_visits`).
        as_of: Only what lies strictly before this moment counts.

    Returns:
        One row per customer who bought before `as_of`.
    """
    rhythms = _rhythms(before(visits, as_of))
    profiles = rhythms.join(_spending(before(lines, as_of)), columns.CUSTOMER_ID)
    profiles = profiles.join(_home_stores(before(visits, as_of)), columns.CUSTOMER_ID)
    gaps = (profiles.n_baskets_total - 1).nullif(0)
    return profiles.select(
        columns.CUSTOMER_ID,
        "n_baskets_total",
        "n_products",
        "n_baskets_28d",
        "spend_usd_28d",
        mean_basket_usd=profiles.spend_usd / profiles.n_baskets_total.nullif(0),
        days_since_last_basket=profiles.days_since_last_basket,
        mean_days_between_baskets=ibis.coalesce(
            (profiles.tenure_days - profiles.days_since_last_basket) / gaps, profiles.tenure_days
        ),
        tenure_days=profiles.tenure_days,
        store_id=profiles.store_id,
        event_timestamp=moment_literal(as_of),
    )


def _rhythms(visits: ir.Table) -> ir.Table:
    days_ago = visits[DAYS_AGO]
    return visits.group_by(columns.CUSTOMER_ID).agg(
        n_baskets_total=_.count(),
        n_baskets_28d=(days_ago <= PROFILE_WINDOW_DAYS).cast("int64").sum().cast("int64"),
        days_since_last_basket=days_ago.min(),
        tenure_days=days_ago.max(),
    )


def _spending(lines: ir.Table) -> ir.Table:
    paid = lines[columns.PAID_AMOUNT]
    recent = (lines[DAYS_AGO] <= PROFILE_WINDOW_DAYS).cast("int64")
    return lines.group_by(columns.CUSTOMER_ID).agg(
        n_products=lines[columns.PRODUCT_ID].nunique(),
        spend_usd=exact_total(paid, MONEY_PARTS),
        spend_usd_28d=exact_total(paid * recent, MONEY_PARTS),
    )


def _home_stores(visits: ir.Table) -> ir.Table:
    counts = visits.group_by([columns.CUSTOMER_ID, columns.STORE_ID]).agg(n_visits=_.count())
    most_visited = ibis.window(
        group_by=columns.CUSTOMER_ID, order_by=[counts.n_visits.desc(), counts[columns.STORE_ID]]
    )
    ranked = counts.mutate(place=ibis.row_number().over(most_visited))
    return ranked.filter(ranked.place == 0).select(columns.CUSTOMER_ID, columns.STORE_ID)
