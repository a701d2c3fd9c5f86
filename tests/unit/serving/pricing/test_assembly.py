"""The parts together: the real search for a price behind the routes, from a suggestion to the price in force."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from configs.pricing import PricingSettings
from serving.pricing.advisor import Advisor
from serving.pricing.assembly import build_pricing

SUGGESTIONS = "/v1/price-suggestions"


@pytest.fixture
def real(counter: Any, pricing_settings: PricingSettings) -> Any:
    """The counter with the real advisor."""
    pricing = build_pricing(
        pricing_settings,
        engine=counter.engine,
        decisions=counter.shop.services.decisions,
        desk=lambda: counter.desk,
        advisor=Advisor(pricing_settings, currency="USD"),
        currency="USD",
        personal_data_used=(),
        horizon_weeks=4,
        now=counter.clock,
        data_now=counter.clock,
    )
    counter.shop.services = replace(counter.shop.services, pricing=pricing)
    counter.pricing = pricing
    return counter


def within(price: Decimal, limits: list[dict[str, Any]]) -> bool:
    return all(
        (limit["low"] is None or Decimal(limit["low"]) <= price)
        and (limit["high"] is None or price <= Decimal(limit["high"]))
        for limit in limits
    )


@pytest.mark.parametrize("objective", ["margin", "revenue", "units", "clearance"])
def test_a_suggestion_keeps_the_limits_that_it_tells(real: Any, objective: str) -> None:
    asked = {"objective": objective, "jurisdiction": "DE"}
    answer = real.ask(*({"product_id": name, "stock_units": 30} for name in ("10", "11", "12", "13")), **asked)
    assert answer["suggestions"], answer["refused"]
    for one in answer["suggestions"]:
        price = Decimal(one["suggested_price"]["amount"])
        assert price == Decimal(one["current_price"]["amount"]) or within(price, one["hard_limits"])
        assert {limit["code"] for limit in one["hard_limits"]} >= {"COST_FLOOR", "MIN_MARGIN", "MAX_CHANGE"}
        assert {rule["code"] for rule in one["guardrails"]} >= {"COST_FLOOR", "MAX_CHANGE"}
    assert "13" in {refused["product_id"] for refused in answer["refused"]}


def test_what_the_advisor_may_suggest_a_person_may_set(real: Any) -> None:
    """An override to the suggested price itself breaks no rule."""
    for one in real.ask({"product_id": "10"}, {"product_id": "11"}, objective="units")["suggestions"]:
        sent = {"price": one["suggested_price"], "reason": "the same"}
        assert real.move(one["suggestion_id"], "override", **sent).status_code == 200


def test_from_a_question_to_the_price_in_force(real: Any) -> None:
    made = real.published("10", objective="units")
    (price,) = real.call("POST", "/v1/prices", who="till", json={"product_ids": ["10"]}).json()["prices"]
    assert (price["suggestion_id"], price["source"]) == (made, "published")
    assert price["personalized"] is False
    real.pricing.review.verify()


def test_a_model_older_than_its_limit_suggests_nothing(real: Any) -> None:
    real.clock.pass_(days=365)
    answer = real.ask({"product_id": "10"})
    assert [refused["code"] for refused in answer["refused"]] == ["MODEL_TOO_OLD"]
    assert answer["suggestions"] == []


def test_unknown_products_and_stores_are_refused_by_name(real: Any) -> None:
    answer = real.ask({"product_id": "nope"}, {"product_id": "10", "store_id": "moon"})
    assert [(refused["code"], refused["field"]) for refused in answer["refused"]] == [
        ("UNKNOWN_PRODUCT", "product_id"),
        ("UNKNOWN_STORE", "store_id"),
    ]
    assert all(refused["message"].endswith(".") for refused in answer["refused"])


def test_what_ifs_answer_and_refuse(real: Any) -> None:
    items = [{"product_id": name, "price": {"amount": "1.99", "currency": "USD"}} for name in ("10", "nope")]
    answer = real.call("POST", "/v1/price-simulations", json={"items": items}).json()
    assert [one["product_id"] for one in answer["simulations"]] == ["10"]
    assert answer["simulations"][0]["units"] > 0
    assert [one["code"] for one in answer["refused"]] == ["UNKNOWN_PRODUCT"]
