"""Bad input and bad callers: each gets a problem document with a code and a next step, never a stack trace."""

import json
import re
from typing import Any

import pytest

from serving.problems import PROBLEM_TYPE

RECOMMENDATIONS = "/v1/recommendations"
JSON = {"Content-Type": "application/json"}


def check(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Expect a problem document."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM_TYPE
    document: dict[str, Any] = answer.json()
    assert set(document) == {"type", "title", "status", "detail", "instance", "code", "errors", "request_id"}
    assert (document["status"], document["code"]) == (status, code)
    assert document["request_id"] == answer.headers["x-request-id"]
    assert len(document["detail"].split(". ")) >= 2, "the detail must name a next step"
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    return document


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"limit": 3,}',
        b"\xff\xfe{}",
        b'{"customer_id": "\\ud800"}',
        b'{"limit": 1e999}{}',
        b'{"limit": ' + b"9" * 5000 + b"}",
    ],
)
def test_malformed_json_is_400(shop: Any, body: bytes) -> None:
    check(shop.call("POST", RECOMMENDATIONS, content=body, headers=JSON), 400, "MALFORMED_JSON")


@pytest.mark.parametrize("body", [b"[" * 1000, b'{"context": ' * 1000 + b"1" + b"}" * 1000])
def test_a_body_nested_1000_deep_is_400(shop: Any, body: bytes) -> None:
    document = check(shop.call("POST", RECOMMENDATIONS, content=body, headers=JSON), 400, "TOO_DEEP")
    assert "8 levels" in document["detail"]


def test_a_string_full_of_brackets_is_not_deep(shop: Any) -> None:
    assert shop.recommend(context={"basket": ["[[[[[[[[[[{{{{{{{{{{"]})["missing_ids"] == ["[[[[[[[[[[{{{{{{{{{{"]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"custmer_id": "1"}, "custmer_id", "UNKNOWN_FIELD"),
        ({"context": {"bskt": []}}, "context.bskt", "UNKNOWN_FIELD"),
        ({"limit": "10"}, "limit", "WRONG_TYPE"),
        ({"limit": 2.5}, "limit", "WRONG_TYPE"),
        ({"limit": True}, "limit", "WRONG_TYPE"),
        ({"limit": 0}, "limit", "OUT_OF_RANGE"),
        ({"limit": 101}, "limit", "OUT_OF_RANGE"),
        ({"limit": -5}, "limit", "OUT_OF_RANGE"),
        ({"customer_id": 42}, "customer_id", "WRONG_TYPE"),
        ({"customer_id": ""}, "customer_id", "TOO_SHORT"),
        ({"customer_id": "x" * 129}, "customer_id", "TOO_LONG"),
        ({"customer_id": "1", "visitor_id": "2"}, "body", "CUSTOMER_AND_VISITOR"),
        ({"mode": "psychic"}, "mode", "UNKNOWN_VALUE"),
        ({"explain": "yes"}, "explain", "WRONG_TYPE"),
        ({"context": {"basket": "11"}}, "context.basket", "WRONG_TYPE"),
        ({"context": {"basket": ["11", "y" * 200]}}, "context.basket.1", "TOO_LONG"),
        ({"context": {"basket": ["1"] * 1001}}, "context.basket", "TOO_MANY"),
        ({"filter": {"max_price": 3.5}}, "filter.max_price", "WRONG_TYPE"),
        ({"filter": {"max_price": {"amount": "three", "currency": "USD"}}}, "filter.max_price.amount", "WRONG_FORMAT"),
        (
            {"filter": {"max_price": {"amount": "3", "currency": "EUR"}}},
            "filter.max_price.currency",
            "UNKNOWN_CURRENCY",
        ),
        ({"filter": {"in_stock_only": True}}, "filter.in_stock_only", "NO_INVENTORY"),
        ([], "body", "WRONG_TYPE"),
        ("a string", "body", "WRONG_TYPE"),
    ],
)
def test_a_field_that_cannot_be_used_is_422(shop: Any, body: Any, field: str, code: str) -> None:
    document = check(shop.call("POST", RECOMMENDATIONS, json=body), 422, "INVALID_FIELDS")
    assert {(e["field"], e["code"]) for e in document["errors"]} == {(field, code)}
    assert all(e["message"].endswith(".") for e in document["errors"])


def test_every_fault_is_listed_and_no_value_repeated(shop: Any) -> None:
    sent = {"customer_id": 4711, "limit": 0, "colour": "secret-value"}
    document = check(shop.call("POST", RECOMMENDATIONS, json=sent), 422, "INVALID_FIELDS")
    assert [e["field"] for e in document["errors"]] == ["customer_id", "limit", "colour"]
    assert "4711" not in json.dumps(document["errors"])
    assert "secret-value" not in json.dumps(document)


def test_a_flood_of_unknown_fields_is_cut_off(shop: Any) -> None:
    document = check(shop.call("POST", RECOMMENDATIONS, json={f"f{i}": i for i in range(5000)}), 422, "INVALID_FIELDS")
    assert len(document["errors"]) == 100


def test_a_body_of_10_mb_is_413(shop: Any) -> None:
    body = b'{"customer_id": "' + b"x" * 10_000_000 + b'"}'
    document = check(shop.call("POST", RECOMMENDATIONS, content=body, headers=JSON), 413, "BODY_TOO_LARGE")
    assert "1000000 bytes" in document["detail"]


def test_the_sender_of_10_mb_is_not_cut_off_before_the_answer(shop: Any) -> None:
    sent = 0

    async def chunks() -> Any:
        nonlocal sent
        for _ in range(100):
            sent += 100_000
            yield b"x" * 100_000

    headers = {**JSON, "Content-Length": "10000000"}
    check(shop.call("POST", RECOMMENDATIONS, content=chunks(), headers=headers), 413, "BODY_TOO_LARGE")
    assert sent == 10_000_000


def test_an_undeclared_large_body_is_413_and_not_read_to_its_end(shop: Any) -> None:
    sent = 0

    async def chunks() -> Any:
        nonlocal sent
        for _ in range(1000):
            sent += 100_000
            yield b"x" * 100_000

    check(shop.call("POST", RECOMMENDATIONS, content=chunks(), headers=JSON), 413, "BODY_TOO_LARGE")
    assert sent <= 1_100_000


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {},
    ],
)
def test_another_content_type_is_415(shop: Any, headers: dict[str, str]) -> None:
    document = check(
        shop.call("POST", RECOMMENDATIONS, content=b"{}", headers=headers), 415, "UNSUPPORTED_CONTENT_TYPE"
    )
    assert "application/json" in document["detail"]


def test_json_may_name_its_charset(shop: Any) -> None:
    headers = {"Content-Type": 'application/json; charset="UTF-8"'}
    assert shop.call("POST", RECOMMENDATIONS, content=b"{}", headers=headers).status_code == 200


def test_no_key_is_401(shop: Any) -> None:
    answer = shop.call("POST", RECOMMENDATIONS, json={}, role=None)
    check(answer, 401, "NO_API_KEY")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "fs_storefront_wrong"},
        {"Authorization": "Bearer fs_storefront_wrong"},
        {"X-API-Key": "\u00ff".encode("latin-1")},
    ],
)
def test_a_wrong_key_is_401_and_not_repeated(shop: Any, headers: Any) -> None:
    answer = shop.call("POST", RECOMMENDATIONS, json={}, role=None, headers=headers)
    check(answer, 401, "UNKNOWN_API_KEY")
    assert "fs_storefront" not in answer.text


def test_basic_authentication_is_no_key(shop: Any) -> None:
    answer = shop.call("POST", RECOMMENDATIONS, json={}, role=None, headers={"Authorization": "Basic abc"})
    check(answer, 401, "NO_API_KEY")


def test_a_bearer_token_works_like_the_header(shop: Any) -> None:
    headers = {"Authorization": f"bearer {shop.keys['storefront']}"}
    assert shop.call("POST", RECOMMENDATIONS, json={}, role=None, headers=headers).status_code == 200


def test_another_role_is_403_and_told_which(shop: Any) -> None:
    document = check(shop.call("POST", RECOMMENDATIONS, json={}, role="pricing"), 403, "ROLE_MISSING")
    assert "storefront" in document["detail"]


def test_a_bad_body_of_a_wrong_caller_is_not_even_read(shop: Any) -> None:
    check(shop.call("POST", RECOMMENDATIONS, content=b"{", role="pricing", headers=JSON), 403, "ROLE_MISSING")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_405_and_told_which(shop: Any, method: str) -> None:
    answer = shop.call(method, RECOMMENDATIONS)
    check(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/recommendations/", "/v2/recommendations", "/docs.json", "/%2e%2e/x"])
def test_an_unknown_address_is_404(shop: Any, path: str) -> None:
    check(shop.call("POST", path, json={}), 404, "UNKNOWN_ROUTE")


def test_a_request_id_is_kept_when_sane_and_made_otherwise(shop: Any) -> None:
    assert shop.call("GET", "/livez", headers={"X-Request-ID": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    made = shop.call("GET", "/livez", headers={"X-Request-ID": "a b\tc" * 40}).headers["x-request-id"]
    assert re.fullmatch("req_[0-9a-f]{16}", made)


def test_head_gives_the_headers_alone(shop: Any) -> None:
    answer = shop.call("HEAD", "/livez")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_bug_is_500_without_its_message(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any) -> None:
        raise KeyError("customer 4711")

    monkeypatch.setattr(shop.services.recommender, "recommend", fail)
    answer = shop.call("POST", RECOMMENDATIONS, json={})
    check(answer, 500, "INTERNAL_ERROR")
    assert "4711" not in answer.text
