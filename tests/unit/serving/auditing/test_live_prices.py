"""Live prices: suggestions on record, and what events say was charged."""

from datetime import UTC, datetime

import pandas as pd

from features.journal import Event
from serving.auditing.live_prices import charged_lines, suggestions_of
from serving.decisions import Decision

DIGEST = "a" * 64


def decision(
    at: str, price: str, *, store: str | None = None, digest: str = DIGEST, kind: str = "price_suggestions"
) -> Decision:
    item = {
        "product_id": "p1",
        "store_id": store,
        "current_price": {"amount": "2.00", "currency": "USD"},
        "suggested_price": {"amount": price, "currency": "USD"},
    }
    return Decision(f"dec_{at}", at, None, {"kind": kind, "bundle_digest": digest, "items": [item]})


def test_the_newest_chain_price_of_this_version_counts() -> None:
    found = suggestions_of(
        [
            decision("1", "2.10"),
            decision("2", "2.20"),
            decision("3", "9.00", store="s1"),
            decision("4", "9.00", digest="b" * 64),
            decision("5", "9.00", kind="recommendations"),
        ],
        DIGEST,
    )
    assert found.to_dict("records") == [{"product_id": "p1", "current_price": 2.0, "suggested_price": 2.2}]


def test_events_become_lines_of_their_trading_week() -> None:
    past = pd.DataFrame({"product_id": ["p1"], "department": ["DELI"], "category": ["HAM"], "sold_by_weight": [False]})
    late = datetime(2026, 1, 5, 3, tzinfo=UTC)  # still Sunday evening in New York
    events = [
        Event("e1", "purchase", "ada", "p1", "s1", 2.0, 1.5, None, late),
        Event("e2", "purchase", "ada", "unheard of", "s1", 1.0, 1.5, None, late),
    ]
    (line,) = charged_lines(events, past, "America/New_York").to_dict("records")
    assert line["week"] == pd.Timestamp("2025-12-29")
    assert (line["paid_amount"], line["shelf_amount"], line["quantity"]) == (3.0, 3.0, 2.0)
    assert (line["category"], line["loyalty_discount"], line["coupon_discount"]) == ("HAM", 0.0, 0.0)
