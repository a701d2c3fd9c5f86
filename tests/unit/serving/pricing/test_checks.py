"""Bad input about prices: each refused with the field, the value, the limit and the next step."""

from datetime import timedelta
from typing import Any

import pytest

from serving.pricing.personal import is_personal
from serving.pricing.schemas import (
    ApprovalRequest,
    ForecastsRequest,
    OverrideRequest,
    PriceSimulationsRequest,
    PricesRequest,
    PriceSuggestionsQuery,
    PriceSuggestionsRequest,
    PublicationRequest,
    RejectionRequest,
)
from serving.schemas import ImpersonalRequest

SUGGESTIONS = "/v1/price-suggestions"
BODIES = (
    ApprovalRequest,
    ForecastsRequest,
    OverrideRequest,
    PriceSimulationsRequest,
    PricesRequest,
    PriceSuggestionsQuery,
    PriceSuggestionsRequest,
    PublicationRequest,
    RejectionRequest,
)


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def faults(answer: Any) -> dict[str, tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "INVALID_FIELDS"
    return {fault["field"]: (fault["code"], fault["message"]) for fault in answer.json()["errors"]}


@pytest.mark.parametrize(
    ("item", "field", "code", "told"),
    [
        ({"current_price": usd("-3")}, "items.0.current_price.amount", "OUT_OF_RANGE", ["-3", "0.01", "10000"]),
        ({"current_price": usd("0")}, "items.0.current_price.amount", "OUT_OF_RANGE", ["0", "0.01", "10000"]),
        ({"current_price": usd("99999")}, "items.0.current_price.amount", "OUT_OF_RANGE", ["99999", "10000"]),
        ({"unit_cost": usd("-0.5")}, "items.0.unit_cost.amount", "OUT_OF_RANGE", ["-0.5", "0.01"]),
        ({"basket_margin": usd("-0.5")}, "items.0.basket_margin.amount", "OUT_OF_RANGE", ["-0.5", "0.00"]),
        (
            {"current_price": usd("2"), "unit_cost": usd("2.5")},
            "items.0.unit_cost",
            "COST_ABOVE_PRICE",
            ["2.5", "2", "Check"],
        ),
        (
            {"current_price": {"amount": "2", "currency": "EUR"}},
            "items.0.current_price.currency",
            "UNKNOWN_CURRENCY",
            ["EUR", "USD", "Convert"],
        ),
        ({"current_price": 2.5}, "items.0.current_price", "WRONG_TYPE", []),
        ({"current_price": {"amount": 2.5, "currency": "USD"}}, "items.0.current_price.amount", "WRONG_TYPE", []),
        ({"current_price": usd("1e3")}, "items.0.current_price.amount", "WRONG_FORMAT", []),
        ({"stock_units": -1}, "items.0.stock_units", "OUT_OF_RANGE", ["0"]),
        ({"product_id": ""}, "items.0.product_id", "TOO_SHORT", []),
        ({"colour": "red"}, "items.0.colour", "UNKNOWN_FIELD", []),
    ],
)
def test_an_item_that_cannot_be_used(
    counter: Any, item: dict[str, Any], field: str, code: str, told: list[str]
) -> None:
    found = faults(counter.call("POST", SUGGESTIONS, json={"items": [{"product_id": "10", **item}]}))
    matching = {name: fault for name, fault in found.items() if name.startswith(field)}
    assert len(found) == len(matching) >= 1
    got, message = next(iter(matching.values()))
    assert got == code
    assert all(word in message for word in told), message
    assert message.endswith(".")


def test_501_items_are_too_many(counter: Any) -> None:
    found = faults(counter.call("POST", SUGGESTIONS, json={"items": [{"product_id": str(i)} for i in range(501)]}))
    code, message = found["items"]
    assert code == "TOO_MANY"
    assert "500" in message
    assert "501" in message
    assert "Split" in message
    assert len(counter.ask(*({"product_id": str(i)} for i in range(500)))["refused"]) == 496


@pytest.mark.parametrize("sent", [{"items": []}, {}])
def test_nothing_asked_is_refused(counter: Any, sent: dict[str, Any]) -> None:
    assert faults(counter.call("POST", SUGGESTIONS, json=sent))["items"][0] in ("TOO_FEW", "MISSING_FIELD")


def test_a_product_named_twice_at_a_store_is_refused(counter: Any) -> None:
    items = [
        {"product_id": "10"},
        {"product_id": "10", "store_id": "s1"},
        {"product_id": "10", "store_id": "s1", "stock_units": 3},
    ]
    found = faults(counter.call("POST", SUGGESTIONS, json={"items": items}))
    assert found.keys() == {"items.2"}
    assert found["items.2"][0] == "DUPLICATE_ITEM"
    assert "items.1" in found["items.2"][1]


@pytest.mark.parametrize(
    ("begins_h", "ends_h", "field", "code"),
    [
        (2, 1, "valid_until", "ENDS_BEFORE_IT_BEGINS"),
        (1, 1, "valid_until", "ENDS_BEFORE_IT_BEGINS"),
        (-5, -1, "valid_until", "IN_THE_PAST"),
        (0, 24 * 367, "valid_until", "TOO_LONG"),
        (-25, None, "valid_from", "OUT_OF_RANGE"),
        (24 * 367, None, "valid_from", "OUT_OF_RANGE"),
    ],
)
def test_a_validity_that_makes_no_sense(counter: Any, begins_h: int, ends_h: int | None, field: str, code: str) -> None:
    now = counter.clock()
    sent = {"items": [{"product_id": "10"}], "valid_from": (now + timedelta(hours=begins_h)).isoformat()}
    if ends_h is not None:
        sent["valid_until"] = (now + timedelta(hours=ends_h)).isoformat()
    found = faults(counter.call("POST", SUGGESTIONS, json=sent))
    assert {name: fault[0] for name, fault in found.items()} == {field: code}
    assert "Choose" in found[field][1]
    assert "202" in found[field][1], "the time itself is told"


def test_a_time_without_a_zone_is_refused(counter: Any) -> None:
    sent = {"items": [{"product_id": "10"}], "valid_from": "2025-03-01T12:00:00"}
    assert faults(counter.call("POST", SUGGESTIONS, json=sent))["valid_from"][0] == "NO_TIME_ZONE"


@pytest.mark.parametrize("address", [SUGGESTIONS, "/v1/prices"])
def test_an_unknown_jurisdiction_is_refused_with_the_list(counter: Any, address: str) -> None:
    sent: dict[str, Any] = {"jurisdiction": "US-ZZ"}
    sent |= {"items": [{"product_id": "10"}]} if address == SUGGESTIONS else {"product_ids": ["10"]}
    who = "anna" if address == SUGGESTIONS else "till"
    code, message = faults(counter.call("POST", address, who=who, json=sent))["jurisdiction"]
    assert code == "UNKNOWN_JURISDICTION"
    assert all(word in message for word in ("'US-ZZ'", "US-NY", "US-MD", "DE"))


def test_every_fault_is_told_at_once(counter: Any) -> None:
    item = {"product_id": "10", "current_price": usd("-1"), "unit_cost": usd("99999999")}
    sent = {"items": [item, item], "jurisdiction": "XX", "valid_until": "2001-01-01T00:00:00Z"}
    found = faults(counter.call("POST", SUGGESTIONS, json=sent))
    assert len(found) == 9


@pytest.mark.parametrize(
    "name", ["customer_id", "visitor_id", "email", "age", "loyaltyTier", "household-id", "segment", "device_id", "zip"]
)
@pytest.mark.parametrize("place", ["body", "item"])
def test_a_personal_field_is_refused_by_name_with_the_rule(counter: Any, name: str, place: str) -> None:
    body: dict[str, Any] = {"items": [{"product_id": "10"}]}
    (body if place == "body" else body["items"][0])[name] = "secret-4711"
    answer = counter.call("POST", SUGGESTIONS, json=body)
    found = faults(answer)
    code, message = found[name if place == "body" else f"items.0.{name}"]
    assert code == "PERSONAL_FIELD"
    assert "349-a" in message
    assert "Leave it out" in message
    assert "4711" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "who", "sent"),
    [
        ("POST", "/v1/prices", "till", {"json": {"product_ids": ["10"], "customer_id": "1"}}),
        ("POST", "/v1/forecasts", "anna", {"json": {"product_ids": ["10"], "customer_id": "1"}}),
        ("POST", "/v1/price-simulations", "anna", {"json": {"items": [], "customer_id": "1"}}),
        ("POST", f"{SUGGESTIONS}/ps_1/approve", "anna", {"json": {"customer_id": "1"}}),
        ("GET", SUGGESTIONS, "anna", {"params": {"customer_id": "1"}}),
    ],
)
def test_no_route_about_prices_takes_a_person(
    counter: Any, method: str, path: str, who: str, sent: dict[str, Any]
) -> None:
    assert faults(counter.call(method, path, who=who, **sent))["customer_id"][0] == "PERSONAL_FIELD"


def fields_of(model: type[Any]) -> set[str]:
    """Every field of a request, those of its parts among them."""
    found = set(model.model_fields)
    text = str(model.model_json_schema())
    for part in ImpersonalRequest.__subclasses__():
        if part.__name__ in text:
            found |= set(part.model_fields)
    return found


@pytest.mark.parametrize("model", BODIES, ids=lambda model: model.__name__)
def test_no_field_of_ours_speaks_of_a_person(model: type[Any]) -> None:
    assert issubclass(model, ImpersonalRequest)
    assert not [name for name in fields_of(model) if is_personal(name)]


def test_elsewhere_a_person_may_be_named(counter: Any) -> None:
    answer = counter.call("POST", "/v1/recommendations", who="till", json={"email": "x"})
    assert faults(answer)["email"][0] == "UNKNOWN_FIELD"
