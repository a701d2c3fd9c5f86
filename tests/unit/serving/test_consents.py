"""Consents over HTTP: what is recorded, what is refused, and from when on it holds."""

from datetime import timedelta
from typing import Any

import pytest

from privacy.consent import MARKETING, MODEL_TRAINING, PERSONALIZATION, PRICE_PERSONALIZATION, PURPOSES

PATH = "/v1/customers/42/consents"


def consent(purpose: str, granted: bool) -> dict[str, Any]:
    return {"purpose": purpose, "granted": granted, "version": "c-8", "source": "account page"}


def put(shop: Any, body: dict[str, Any], *, path: str = PATH, role: str = "privacy") -> Any:
    return shop.call("PUT", path, role=role, json=body)


def test_a_grant_is_recorded_with_version_source_and_time(shop: Any) -> None:
    answer = put(shop, {"consents": [consent(MARKETING, True)]})
    assert answer.status_code == 200
    standing = {one["purpose"]: one for one in answer.json()["consents"]}
    assert set(standing) == set(PURPOSES)
    assert standing[MARKETING] == {
        "purpose": MARKETING,
        "granted": True,
        "on_file": True,
        "version": "c-8",
        "source": "account page",
        "since": "2025-03-01T12:00:00.000Z",
    }
    assert standing[PERSONALIZATION]["granted"] is False
    assert standing[PERSONALIZATION]["on_file"] is False


def test_a_withdrawal_holds_from_the_next_call(shop: Any) -> None:
    shop.know("42", "12")
    assert shop.recommend(customer_id="42")["personalization"]["applied"] is True
    assert put(shop, {"consents": [consent(PERSONALIZATION, False)]}).status_code == 200
    after = shop.recommend(customer_id="42")["personalization"]
    assert (after["applied"], after["reason"]) == (False, "opted_out")
    assert after["consent_version"] == "c-8"


def test_do_not_profile_leaves_contact_alone_and_the_other_way_round(shop: Any) -> None:
    everything = [consent(purpose, True) for purpose in PURPOSES]
    put(shop, {"consents": everything})
    unprofiled = put(shop, {"do_not_profile": {"version": "c-9", "source": "call centre"}}).json()
    granted = {one["purpose"] for one in unprofiled["consents"] if one["granted"]}
    assert granted == {MARKETING}
    assert (unprofiled["do_not_profile"], unprofiled["do_not_contact"]) == (True, False)

    other = "/v1/customers/43/consents"
    put(shop, {"consents": everything}, path=other)
    uncontacted = put(shop, {"do_not_contact": {"version": "c-9", "source": "call centre"}}, path=other).json()
    granted = {one["purpose"] for one in uncontacted["consents"] if one["granted"]}
    assert granted == {PERSONALIZATION, MODEL_TRAINING, PRICE_PERSONALIZATION}
    assert (uncontacted["do_not_profile"], uncontacted["do_not_contact"]) == (False, True)


def test_a_visitor_of_the_same_id_is_another_person(shop: Any) -> None:
    put(shop, {"subject": "visitor", "consents": [consent(PERSONALIZATION, True)]})
    shop.features.rows[shop.pseudonyms.visitor("42")] = {"product_ids": ["12"], "session_product_ids": []}
    shop.features.rows[shop.pseudonyms.pseudonym("42")] = {"product_ids": ["12"], "session_product_ids": []}
    assert shop.recommend(visitor_id="42")["personalization"]["applied"] is True
    assert shop.recommend(customer_id="42")["personalization"]["applied"] is False


def test_a_withdrawal_outlives_a_grant_that_a_wrong_clock_dated_later(shop: Any) -> None:
    pseudonym = shop.know("42", "12")
    later = shop.consent.on_file(pseudonym, shop_now(shop) + timedelta(days=9))[0].since + timedelta(days=3)
    shop.consent.record(pseudonym, PERSONALIZATION, granted=True, at=later, version="c-7", source="import")
    put(shop, {"consents": [consent(PERSONALIZATION, False)]})
    assert shop.recommend(customer_id="42")["personalization"]["applied"] is False
    assert not shop.consent.granted(pseudonym, PERSONALIZATION, later + timedelta(days=1)).granted
    refused = put(shop, {"consents": [consent(PERSONALIZATION, True)]})
    assert (refused.status_code, refused.json()["code"]) == (409, "CONSENT_BACKDATED")
    assert "clock" in refused.json()["detail"]


def shop_now(shop: Any) -> Any:
    from datetime import UTC, datetime

    return datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"consents": [consent("research", True)]}, "consents.0.purpose", "UNKNOWN_VALUE"),
        ({"consents": [{**consent(MARKETING, True), "granted": "yes"}]}, "consents.0.granted", "WRONG_TYPE"),
        ({"consents": [{"purpose": MARKETING, "granted": True}]}, "consents.0.version", "MISSING_FIELD"),
        ({}, "consents", "MISSING_FIELD"),
        ({"consents": [consent(MARKETING, True), consent(MARKETING, False)]}, "consents.1.purpose", "CONTRADICTION"),
        (
            {"consents": [consent(MODEL_TRAINING, True)], "do_not_profile": {"version": "1", "source": "x"}},
            "consents.0.purpose",
            "CONTRADICTION",
        ),
        ({"do_not_profile": False}, "do_not_profile", "WRONG_TYPE"),
        ({"consent": []}, "consent", "UNKNOWN_FIELD"),
    ],
)
def test_what_cannot_be_recorded_is_said_and_nothing_is_kept(
    shop: Any, body: dict[str, Any], field: str, code: str
) -> None:
    answer = put(shop, body)
    assert answer.status_code == 422
    assert (field, code) in {(fault["field"], fault["code"]) for fault in answer.json()["errors"]}
    assert shop.consent.on_file(shop.pseudonyms.pseudonym("42"), shop_now(shop)) == []


def test_an_id_longer_than_the_contract_is_refused(shop: Any) -> None:
    body = {"consents": [consent(MARKETING, True)]}
    assert put(shop, body, path=f"/v1/customers/{'4' * 129}/consents").status_code == 422


def test_only_the_privacy_role_records(shop: Any) -> None:
    body = {"consents": [consent(MARKETING, True)]}
    for role in ("storefront", "marketer", "ethics", "operator"):
        assert put(shop, body, role=role).status_code == 403
