"""Recommendations: consent, fallbacks, filters, reasons."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privacy.consent import PERSONALIZATION
from serving.schemas_recommend import RecommendationsAnswer


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["product_id"] for item in answer["items"]]


def test_a_known_customer_with_consent_gets_a_profiled_list(shop: Any) -> None:
    shop.know("42", "12", "15")
    answer = shop.recommend(customer_id="42", limit=4)
    RecommendationsAnswer.model_validate_json(json.dumps(answer))
    assert ids(answer) == ["12", "15", "10", "11"]
    assert [item["source"] for item in answer["items"]] == ["repeat", "repeat", "two_tower", "two_tower"]
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3, 4]
    assert {item["propensity"] for item in answer["items"]} == {1.0}
    assert answer["personalization"] == {
        "applied": True,
        "reason": None,
        "consent_version": "c-7",
        "non_profiled_available": True,
    }
    assert answer["model"]["version"] == "3"
    assert "your past purchases" in answer["main_parameters"]
    assert answer["fallback_used"] is False
    assert answer["decision_id"].startswith("dec_")


def test_reasons_are_words_about_products(shop: Any) -> None:
    shop.know("42", "12")
    first, second = shop.recommend(customer_id="42", limit=2)["items"]
    assert first["reasons"] == [
        {"code": "BOUGHT_REGULARLY", "text": "Rye Bread: you have bought it before.", "product_ids": []}
    ]
    assert second["reasons"][0]["text"] == "Whole Milk: often chosen by customers who buy Rye Bread."
    assert second["reasons"][0]["product_ids"] == ["12"]


def test_explain_false_leaves_reasons_out(shop: Any) -> None:
    assert all(item["reasons"] == [] for item in shop.recommend(explain=False)["items"])


@pytest.mark.parametrize(("granted", "reason", "version"), [(False, "opted_out", "c-7"), (None, "no_consent", None)])
def test_without_consent_no_profile_is_used(shop: Any, granted: bool | None, reason: str, version: str | None) -> None:
    shop.know("42", "17", granted=granted)
    answer = shop.recommend(customer_id="42", limit=3)
    assert ids(answer) == ["10", "11", "12"]
    assert (answer["personalization"]["applied"], answer["personalization"]["reason"]) == (False, reason)
    assert answer["personalization"]["consent_version"] == version
    assert answer["fallback_used"] is True
    assert "your past purchases" not in answer["main_parameters"]


def test_withdrawing_consent_works_on_the_next_call(shop: Any) -> None:
    pseudonym = shop.know("42", "17")
    assert ids(shop.recommend(customer_id="42", limit=1)) == ["17"]
    noon = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)  # the same moment as the grant: a refusal outweighs it
    shop.consent.record(pseudonym, PERSONALIZATION, granted=False, at=noon, version="c-8", source="test")
    answer = shop.recommend(customer_id="42", limit=1)
    assert (ids(answer), answer["personalization"]["reason"]) == (["10"], "opted_out")


def test_a_refusal_without_a_version_is_a_refusal(shop: Any) -> None:
    pseudonym = shop.know("42", "17", granted=None)
    at = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
    shop.consent.record(pseudonym, PERSONALIZATION, granted=False, at=at, version=None, source="test")
    assert shop.recommend(customer_id="42")["personalization"]["reason"] == "opted_out"


def test_a_caller_can_narrow_consent_but_not_widen_it(shop: Any) -> None:
    shop.know("42", "17")
    shop.know("43", "17", granted=False)
    narrowed = shop.recommend(customer_id="42", consent={"personalization": False})
    assert narrowed["personalization"]["reason"] == "opted_out"
    widened = shop.recommend(customer_id="43", consent={"personalization": True})
    assert widened["personalization"]["applied"] is False


def test_an_unknown_customer_gets_what_sells(shop: Any) -> None:
    answer = shop.recommend(customer_id="nobody knows me", limit=2)
    assert (ids(answer), answer["personalization"]["reason"]) == (["10", "11"], "unknown_customer")
    assert answer["items"][0]["reasons"][0]["code"] == "SELLS_WELL"


def test_consent_without_any_history_is_an_unknown_customer(shop: Any) -> None:
    shop.know("42")
    shop.features.rows.clear()
    answer = shop.recommend(customer_id="42")
    assert (answer["personalization"]["reason"], answer["personalization"]["consent_version"]) == (
        "unknown_customer",
        "c-7",
    )


def test_customer_and_visitor_of_one_id_are_different_people(shop: Any) -> None:
    shop.know("42", "17")
    assert shop.recommend(visitor_id="42")["personalization"]["reason"] == "unknown_customer"


def test_a_store_that_is_down_is_a_reason_not_an_error(shop: Any) -> None:
    shop.know("42", "17")
    shop.features.broken = True
    answer = shop.recommend(customer_id="42", limit=2)
    assert (ids(answer), answer["personalization"]["reason"]) == (["10", "11"], "features_unavailable")
    assert answer["fallback_used"] is True


def test_a_basket_nobody_knows_falls_back_and_says_so(shop: Any) -> None:
    answer = shop.recommend(context={"basket": ["999"]}, limit=2)
    assert (ids(answer), answer["missing_ids"], answer["fallback_used"]) == (["10", "11"], ["999"], True)


def test_a_basket_alone_brings_what_goes_with_it_then_what_sells(shop: Any) -> None:
    answer = shop.recommend(context={"basket": ["11", "999"]}, limit=4)
    assert ids(answer) == ["12", "13", "10", "14"]
    assert answer["items"][0]["reasons"][0]["text"] == (
        "Rye Bread: often bought together with Oat Milk, in your basket."
    )
    assert answer["missing_ids"] == ["999"]
    assert answer["filtered_out"] == {"basket": 1}
    assert answer["fallback_used"] is True  # two places were filled with popular products


def test_the_basket_is_never_recommended_back(shop: Any) -> None:
    shop.know("42", "12", "15")
    assert "12" not in ids(shop.recommend(customer_id="42", context={"basket": ["12"]}))


@pytest.mark.parametrize("asked", [{"filter": {"exclude_purchased": True}}, {"placement": "discover"}])
def test_new_products_only(shop: Any, asked: dict[str, Any]) -> None:
    shop.know("42", "10", "11")
    answer = shop.recommend(customer_id="42", **asked)
    assert ids(answer) == ["12", "13", "14", "15", "16", "17"]
    assert answer["filtered_out"] == {"exclude_purchased": 2, "no_more_products": 4}
    assert answer["filters_not_applied"] == []


def test_exclude_purchased_without_a_profile_is_said_not_to_apply(shop: Any) -> None:
    answer = shop.recommend(filter={"exclude_purchased": True}, mode="non_profiled")
    assert answer["filters_not_applied"] == ["exclude_purchased"]


def test_a_short_list_says_why(shop: Any) -> None:
    answer = shop.recommend(limit=10)
    assert (len(answer["items"]), answer["filtered_out"]) == (8, {"no_more_products": 2})


def test_filters_that_leave_nothing_give_an_empty_list_and_counts(shop: Any) -> None:
    answer = shop.recommend(filter={"departments": ["grocery"], "categories": ["BEEF"]})
    assert answer["items"] == []
    assert answer["filtered_out"] == {"departments": 4, "categories": 6, "no_more_products": 10}


def test_a_dry_run_leaves_no_decision(shop: Any) -> None:
    assert shop.recommend(dry_run=True)["decision_id"] is None


def test_a_decision_says_that_suppliers_were_given_room_where_they_were(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def guardrails(**asked: Any) -> Any:
        answer = shop.recommend(**asked)
        shop.services.decisions.flush()
        found = shop.call("GET", f"/v1/decisions/{answer['decision_id']}", role="ethics")
        assert found.status_code == 200
        return found.json()["guardrails"]

    assert guardrails() == []
    monkeypatch.setattr(shop.services.bundles.champion().ranker, "exposure_strength", 0.75)
    assert guardrails() == [{"code": "SUPPLIER_EXPOSURE", "kind": "soft", "strength": 0.75}]
    assert guardrails(filter={"departments": ["grocery"], "categories": ["BEEF"]}) == []  # nothing was shown


def test_the_default_length_is_ten_and_the_greatest_a_hundred(shop: Any) -> None:
    assert shop.recommend()["filtered_out"] == {"no_more_products": 2}
    assert shop.recommend(limit=100)["filtered_out"] == {"no_more_products": 92}


customers = st.sampled_from(["known", "refused", "never asked", "unheard of", None])
baskets = st.lists(st.sampled_from(["10", "12", "16", "404"]), max_size=3)
filters = st.fixed_dictionaries({}, optional={"brands": st.just(["PRIVATE"]), "exclude_purchased": st.booleans()})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=customers, other=customers, basket=baskets, wanted=filters)
def test_non_profiled_lists_depend_on_the_context_alone(
    shop: Any, one: str | None, other: str | None, basket: list[str], wanted: dict[str, Any]
) -> None:
    for name, granted in (("known", True), ("refused", False), ("never asked", None)):
        if shop.pseudonyms.pseudonym(name) not in shop.features.rows:
            shop.know(name, "17", "12", granted=granted)
    asked = {"mode": "non_profiled", "context": {"basket": basket}, "filter": wanted}
    answers = [shop.recommend(**asked, **({"customer_id": who} if who else {})) for who in (one, other)]
    shown = [{k: v for k, v in a.items() if k not in ("decision_id", "took_ms")} for a in answers]
    assert shown[0] == shown[1]
    assert shown[0]["personalization"]["reason"] == "non_profiled_mode"
