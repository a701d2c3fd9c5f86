"""Price suggestions over HTTP: what is asked, what is answered, what is put on record."""

from datetime import timedelta
from typing import Any

import pytest

from serving.pricing.answers import PriceSuggestionDetail, PriceSuggestionsAnswer, PriceSuggestionsPage

SUGGESTIONS = "/v1/price-suggestions"


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def test_the_answer_has_the_form_of_the_contract(counter: Any) -> None:
    answer = counter.ask(
        {"product_id": "10", "current_price": usd("2.49"), "unit_cost": usd("1.75")},
        {"product_id": "nope", "store_id": "s1"},
        channel="store",
        jurisdiction="US-NY",
    )
    PriceSuggestionsAnswer.model_validate(answer)
    (one,) = answer["suggestions"]
    assert one["status"] == "pending_approval"
    assert one["current_price"] == usd("2.49")
    assert one["suggested_price"] == one["price"] == usd("2.24")
    assert one["personalized"] is False
    assert one["personal_data_used"] == []
    law = "New York General Business Law 349-a"
    assert one["disclosure"] == {"required": False, "text": None, "law": law, "jurisdiction": "US-NY"}
    assert {"code": "MAX_CHANGE", "kind": "hard", "limit": 0.1, "binding": True}.items() <= one["guardrails"][1].items()
    assert one["elasticity"] == {"value": -2.0, "interval_80": [-2.6, -1.4], "source": "product"}
    assert one["forecast"] == {"units": 10.0, "interval_80": [9.0, 11.0], "in_support": True, "n_weeks": 1}
    assert one["expected"]["revenue"] == "22.40"
    assert one["expected"]["margin_change_interval_80"] == ["-4.10", "6.00"]
    assert one["approval"] == {"required": True, "reasons": ["MAX_CHANGE"]}
    assert (one["channel"], one["store_id"]) == ("store", None)
    assert answer["refused"] == [
        {
            "product_id": "nope",
            "store_id": "s1",
            "code": "UNKNOWN_PRODUCT",
            "field": "product_id",
            "message": "product 'nope' is unknown. Check the id.",
        }
    ]


def test_the_advisor_gets_what_was_asked(counter: Any) -> None:
    until = (counter.clock() + timedelta(days=15)).isoformat()
    counter.ask(
        {"product_id": "10", "store_id": "s2", "stock_units": 5, "basket_margin": usd("0"), "family_cross_effect": 0.2},
        objective="clearance",
        valid_until=until,
    )
    (asked,) = counter.advisor.asked
    ask = asked["asks"][0]
    assert (ask.product_id, ask.store_id, ask.stock_units, ask.family_cross_effect) == ("10", "s2", 5, 0.2)
    assert (asked["objective"], asked["n_weeks"]) == ("clearance", 3)
    assert asked["now"] == counter.clock() - timedelta(days=1), "the data's own time tells whether a model is stale"


def test_what_needs_nobody_is_approved_by_nobody(counter: Any) -> None:
    made = counter.suggestion("11")
    shown = counter.call("GET", f"{SUGGESTIONS}/{made}").json()
    PriceSuggestionDetail.model_validate(shown)
    assert shown["status"] == "approved"
    assert [(move["actor"], move["action"]) for move in shown["moves"]] == [
        ("anna", "create"),
        ("automatic", "approve"),
    ]


def test_a_dry_run_stores_nothing(counter: Any) -> None:
    answer = counter.ask(dry_run=True)
    assert answer["decision_id"] is None
    assert answer["suggestions"][0]["suggestion_id"] is None
    assert counter.call("GET", SUGGESTIONS).json()["suggestions"] == []
    counter.pricing.review.verify()


def test_the_decision_tells_what_was_suggested(counter: Any) -> None:
    answer = counter.ask(jurisdiction="DE")
    found = counter.call("GET", f"/v1/decisions/{answer['decision_id']}").json()
    assert found["kind"] == "price_suggestions"
    assert found["guardrails"] == ["MAX_CHANGE"]
    assert found["model"] == {"name": "demand", "version": "7"}
    assert found["items"][0]["suggestion_id"] == answer["suggestions"][0]["suggestion_id"]
    assert found["personal_data_used"] == []


def test_pricing_sees_no_decision_about_a_person(counter: Any) -> None:
    made = counter.shop.call("POST", "/v1/recommendations", role=None, headers={"X-API-Key": "key-of-till"}, json={})
    address = f"/v1/decisions/{made.json()['decision_id']}"
    assert counter.call("GET", address, who="eve").status_code == 200
    assert counter.call("GET", address).status_code == 404


def test_without_a_model_it_is_503_but_bad_input_is_still_422(counter: Any) -> None:
    counter.loaded = False
    answer = counter.call("POST", SUGGESTIONS, json={"items": [{"product_id": "10"}]})
    assert (answer.status_code, answer.json()["code"]) == (503, "NO_CHAMPION")
    assert "fairshelf train demand" in answer.json()["detail"]
    bad = counter.call("POST", SUGGESTIONS, json={"items": [{"product_id": "10"}], "jurisdiction": "ATLANTIS"})
    assert bad.status_code == 422


def test_lists_page_from_newest_to_oldest_and_filter(counter: Any) -> None:
    made = [counter.suggestion(product, store_id=store) for product in ("10", "12", "11") for store in ("s1", "s2")]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = counter.call("GET", SUGGESTIONS, params={"limit": "4", **cursor}).json()
        PriceSuggestionsPage.model_validate(page)
        seen += [one["suggestion_id"] for one in page["suggestions"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == made[::-1]
    approved = counter.call("GET", SUGGESTIONS, params={"status": "approved", "store_id": "s1"}).json()
    assert [one["suggestion_id"] for one in approved["suggestions"]] == [made[4]]
    of_product = counter.call("GET", SUGGESTIONS, params={"product_id": "12"}).json()["suggestions"]
    assert [one["suggestion_id"] for one in of_product] == made[3:1:-1]


@pytest.mark.parametrize("cursor", ["x", "cHMveA==", "bWU=", "%20", "cHMvMTIzNDU2Nzg5MDEyMzQ1Njc4OTA="])
def test_a_foreign_cursor_is_refused(counter: Any, cursor: str) -> None:
    answer = counter.call("GET", SUGGESTIONS, params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "UNKNOWN_CURSOR"


def test_the_same_key_gives_the_same_answer_once(counter: Any) -> None:
    sent = {"json": {"items": [{"product_id": "10"}]}, "headers": {"Idempotency-Key": "k-1"}}
    first = counter.call("POST", SUGGESTIONS, **sent)
    again = counter.call("POST", SUGGESTIONS, **sent)
    assert first.json() == again.json()
    assert len(counter.call("GET", SUGGESTIONS).json()["suggestions"]) == 1
    other = counter.call("POST", SUGGESTIONS, json={"items": [{"product_id": "11"}]}, headers=sent["headers"])
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    somebody = counter.call("POST", SUGGESTIONS, who="bert", **sent)
    assert somebody.json()["decision_id"] != first.json()["decision_id"]


def test_a_kept_answer_is_forgotten_in_time(counter: Any) -> None:
    sent = {"json": {"items": [{"product_id": "10"}]}, "headers": {"Idempotency-Key": "k-1"}}
    first = counter.call("POST", SUGGESTIONS, **sent).json()
    counter.clock.pass_(hours=25)
    counter.call("POST", SUGGESTIONS, **{**sent, "headers": {"Idempotency-Key": "k-2"}})
    assert counter.call("POST", SUGGESTIONS, **sent).json()["decision_id"] != first["decision_id"]
