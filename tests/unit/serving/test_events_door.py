"""Event batches: partial success, nothing accepted is lost."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def event(event_id: str = "e1", **changed: Any) -> dict[str, Any]:
    """Make a good event; None takes a field away."""
    made = {
        "event_id": event_id,
        "type": "view",
        "customer_id": "42",
        "product_id": "11",
        "occurred_at": "2025-03-01T11:59:00Z",
        **changed,
    }
    return {key: value for key, value in made.items() if value is not None}


def post(shop: Any, *events: Any) -> dict[str, Any]:
    """Send a batch and expect 202."""
    answer = shop.call("POST", "/v1/events", json={"events": list(events)})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_good_event_is_recorded_under_a_pseudonym(shop: Any) -> None:
    sent = event(
        type="purchase",
        quantity=2,
        unit_price={"amount": "2.49", "currency": "USD"},
        store_id="s1",
        decision_id="dec_1",
    )
    assert post(shop, sent) == {"accepted": 1, "duplicates": 0, "rejected": 0, "errors": [], "warnings": []}
    recorded = shop.sink.seen["e1"]
    assert recorded.customer_id == shop.pseudonyms.pseudonym("42")
    assert (recorded.type, recorded.product_id, recorded.store_id) == ("purchase", "11", "s1")
    assert (recorded.quantity, recorded.unit_price_usd, recorded.decision_id) == (2.0, 2.49, "dec_1")
    assert recorded.occurred_at == NOW - timedelta(minutes=1)


def test_a_visitor_has_a_pseudonym_of_another_kind(shop: Any) -> None:
    post(shop, event(customer_id=None, visitor_id="42"))
    assert shop.sink.seen["e1"].customer_id == shop.pseudonyms.visitor("42")


def test_a_search_needs_no_product(shop: Any) -> None:
    assert post(shop, event(type="search", product_id=None))["accepted"] == 1


def test_duplicates_are_counted(shop: Any) -> None:
    post(shop, event("a"))
    answer = post(shop, event("a"), event("b"))
    assert (answer["accepted"], answer["duplicates"]) == (1, 1)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"occurred_at": "2025-03-01T12:06:00Z"}, "FUTURE_EVENT"),
        ({"occurred_at": "2025-01-29T12:00:00Z"}, "TOO_OLD"),
        ({"occurred_at": "2025-03-01T11:59:00"}, "NO_TIME_ZONE"),
        ({"occurred_at": "yesterday"}, "INVALID_TIME"),
        ({"occurred_at": 1740830400}, "INVALID_TIME"),
        ({"occurred_at": "1740830400"}, "INVALID_TIME"),
        ({"occurred_at": None}, "MISSING_FIELD"),
        ({"event_id": None}, "MISSING_FIELD"),
        ({"event_id": "x" * 129}, "TOO_LONG"),
        ({"type": "telepathy"}, "UNKNOWN_VALUE"),
        ({"customer_id": None}, "CUSTOMER_OR_VISITOR"),
        ({"visitor_id": "7"}, "CUSTOMER_OR_VISITOR"),
        ({"product_id": None}, "MISSING_FIELD"),
        ({"type": "purchase"}, "MISSING_FIELD"),
        ({"type": "purchase", "quantity": 0}, "OUT_OF_RANGE"),
        ({"type": "purchase", "quantity": "2"}, "WRONG_TYPE"),
        ({"quantity": float("1e9")}, "OUT_OF_RANGE"),
        ({"colour": "red"}, "UNKNOWN_FIELD"),
        ({"unit_price": 2.49}, "WRONG_TYPE"),
    ],
)
def test_a_bad_event_is_refused_and_the_others_accepted(shop: Any, changed: dict[str, Any], code: str) -> None:
    answer = post(shop, event("good"), event(**{"event_id": "bad", **changed}), event("also good"))
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    assert [(e["index"], e["code"]) for e in answer["errors"]] == [(1, code)]
    assert answer["errors"][0]["message"].endswith(".")
    assert shop.sink.seen.keys() == {"good", "also good"}


def test_an_entry_that_is_no_event_is_refused_alone(shop: Any) -> None:
    answer = post(shop, event("good"), 7, None, [])
    assert [e["index"] for e in answer["errors"]] == [1, 2, 3]
    assert answer["accepted"] == 1


def test_the_edges_of_the_time_window_are_inside(shop: Any) -> None:
    edges = [NOW + timedelta(minutes=5), NOW - timedelta(days=30)]
    answer = post(shop, *(event(f"e{i}", occurred_at=edge.isoformat()) for i, edge in enumerate(edges)))
    assert answer["accepted"] == 2


def test_not_a_number_is_refused(shop: Any) -> None:
    body = json.dumps({"events": [event(type="purchase", quantity=float("nan"))]})
    answer = shop.call("POST", "/v1/events", content=body, headers={"Content-Type": "application/json"})
    assert answer.json()["errors"][0]["code"] == "OUT_OF_RANGE"


def test_an_unknown_product_is_kept_with_a_warning(shop: Any) -> None:
    answer = post(shop, event("known"), event("new", product_id="999"))
    assert (answer["accepted"], answer["rejected"], answer["errors"]) == (2, 0, [])
    assert [(w["index"], w["code"]) for w in answer["warnings"]] == [(1, "UNKNOWN_PRODUCT")]


def test_a_batch_of_500_is_taken(shop: Any) -> None:
    assert post(shop, *(event(f"e{i}") for i in range(500)))["accepted"] == 500


@pytest.mark.parametrize("sent", [{"events": [event(f"e{i}") for i in range(501)]}, {"events": []}, {}])
def test_a_batch_of_501_or_of_nothing_is_422_as_a_whole(shop: Any, sent: dict[str, Any]) -> None:
    answer = shop.call("POST", "/v1/events", json=sent)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "events"
    if sent.get("events"):
        assert "500" in answer.json()["errors"][0]["message"]
    assert shop.sink.seen == {}


@pytest.mark.parametrize(
    "failure", [sa.exc.OperationalError("INSERT", {}, Exception("disk full")), OSError(28, "full")]
)
def test_a_full_disk_is_503_and_asks_to_come_back(shop: Any, failure: Exception) -> None:
    shop.sink.failure = failure
    answer = shop.call("POST", "/v1/events", json={"events": [event()]})
    assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "30"


def test_events_are_taken_without_a_model(shop: Any) -> None:
    shop.services.bundles.current = None
    assert post(shop, event(product_id="999")) == {
        "accepted": 1,
        "duplicates": 0,
        "rejected": 0,
        "errors": [],
        "warnings": [],
    }
