"""Live prices: what the shop suggested and what people were charged, as events and decisions tell."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from configs.settings import Settings
from fairness.audit import Findings, groupings_of
from fairness.drift import drift
from fairness.measures import Measure
from fairness.policy import Policy
from fairness.prices import PriceEvidence, price_measures, read_sales
from fairness.report import Report
from features.columns import CUSTOMER_ID, PRODUCT_ID
from features.journal import Event, Journal
from features.lake import Lake
from privacy.state import open_state
from serving.auditing.demand import DEFINITIONS
from serving.auditing.errors import LiveDecisionsTooFew
from serving.auditing.evidence import Evidence
from serving.decisions import Decision, decisions_since
from serving.lists import rfc3339
from training.artifact import Bundle

_SUGGESTIONS = "price_suggestions"  # kind of the decisions that hold suggestions
_DECIDING = ("shelf_surcharge", "surcharged_products", "suggested_price_change")


def audit_live_prices(
    bundle: Bundle,
    settings: Settings,
    policy: Policy,
    demographics: pd.DataFrame | None,
    released: Report,
    now: datetime,
    progress: Callable[[str], None],
) -> Evidence:
    """Judge the suggestions on record by the baskets they would move, and the prices charged by who paid them.

    Purchases come from the storefront's events; only those that say their unit price count.

    Args:
        bundle: The champion; suggestions of other versions are left out.
        settings: All sections.
        policy: That of the demand models; `live.window_days` says how far back.
        demographics: From the audit role's reader; None when there are none.
        released: The report that let the bundle through.
        now: The wall clock.
        progress: Told each step in words.

    Raises:
        LiveDecisionsTooFew: If fewer suggestions and priced purchases than `live.min_decisions` are on record.
    """
    live = policy.settings.live
    start = now - timedelta(days=live.window_days)
    engine = open_state(settings.storage.state_db)
    try:
        suggestions = suggestions_of(decisions_since(engine, rfc3339(start)), bundle.digest)
        events = [event for event in Journal(engine).purchases_since(start) if event.unit_price_usd is not None]
    finally:
        engine.dispose()
    if len(suggestions) + len(events) < live.min_decisions:
        raise LiveDecisionsTooFew(
            found=len(suggestions) + len(events), wanted=live.min_decisions, days=live.window_days
        )
    progress(f"live: {len(suggestions):,} suggested prices and {len(events):,} purchases with a price")
    lake = Lake.open(settings.storage.lake)
    past = read_sales(lake)
    charged = charged_lines(events, past, lake.manifest.trading_time_zone)
    measures = [
        measure
        for sales, names in ((past, _DECIDING[2:]), (charged, _DECIDING[:2]))
        for measure in _measures(sales, suggestions, demographics, policy)
        if measure.measure in names
    ]
    measures += drift(measures, released, policy)
    everyone = sorted(past[CUSTOMER_ID].unique())
    return Evidence(
        findings=Findings(
            tuple(measures),
            DEFINITIONS,
            (
                "Baskets that suggestions would move are those of the lake; new purchases are too few to weigh them.",
                "Purchases whose event names no unit price were left out, and so were visitors' without a group.",
            ),
        ),
        groupings=groupings_of(demographics, everyone, policy),
        n_customers=len(everyone),
        window=(start, now),
    )


def suggestions_of(decisions: Sequence[Decision], digest: str) -> pd.DataFrame:
    """Take each product's newest chain-wide suggestion of one bundle: product_id and both prices in USD."""
    newest: dict[str, tuple[float, float]] = {}
    for decision in decisions:  # oldest first
        if decision.facts.get("kind") != _SUGGESTIONS or decision.facts.get("bundle_digest") != digest:
            continue
        for one in decision.facts["items"]:
            if one.get("store_id") is None:
                newest[one[PRODUCT_ID]] = (_usd(one["current_price"]), _usd(one["suggested_price"]))
    rows = [(product_id, *amounts) for product_id, amounts in sorted(newest.items())]
    return pd.DataFrame(rows, columns=[PRODUCT_ID, "current_price", "suggested_price"])


def charged_lines(events: Sequence[Event], past: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Write purchase events as sales lines: what was charged is both shelf and paid price.

    Args:
        events: Purchases with a unit price.
        past: Sales of the lake, for what is known of the products.
        zone: Trading time zone, whose Monday begins a week.
    """
    known = past.drop_duplicates(PRODUCT_ID).set_index(PRODUCT_ID)[["department", "category", "sold_by_weight"]]
    rows = [
        {
            CUSTOMER_ID: event.customer_id,
            PRODUCT_ID: event.product_id,
            "store_id": event.store_id or "",
            "week": _monday(event.occurred_at, zone),
            "quantity": event.quantity or 1.0,
            "paid_amount": (event.unit_price_usd or 0.0) * (event.quantity or 1.0),
        }
        for event in events
        if event.product_id
    ]
    lines = pd.DataFrame(rows, columns=[CUSTOMER_ID, PRODUCT_ID, "store_id", "week", "quantity", "paid_amount"])
    lines = lines.assign(shelf_amount=lines["paid_amount"], loyalty_discount=0.0, coupon_discount=0.0)
    return lines.join(known, on=PRODUCT_ID, how="inner").reset_index(drop=True)


def _measures(
    sales: pd.DataFrame, suggestions: pd.DataFrame, demographics: pd.DataFrame | None, policy: Policy
) -> list[Measure]:
    customer_ids = sorted(sales[CUSTOMER_ID].unique())
    groupings = groupings_of(demographics, customer_ids, policy)
    return price_measures(PriceEvidence(sales, suggestions), customer_ids, groupings, policy)


def _monday(moment: datetime, zone: str) -> pd.Timestamp:
    day = pd.Timestamp(moment.astimezone(ZoneInfo(zone)).date())
    return day - pd.Timedelta(days=day.weekday())


def _usd(money: Any) -> float:
    return float(money["amount"] if isinstance(money, dict) else money)
