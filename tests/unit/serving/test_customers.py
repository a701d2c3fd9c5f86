"""Access and erasure over HTTP: everything held, taken away, and the same answers for an id that nobody knows."""

import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from privacy.ed25519 import load_verifier
from privacy.forgetting.receipts import ERASURE_KEYS, Receipt, is_genuine
from privacy.vault import open_vault

Shop = Any
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def wait_for(shop: Shop, erasure_id: str) -> dict[str, Any]:
    """Poll an erasure until it is done."""
    for _ in range(200):
        found: dict[str, Any] = shop.call("GET", f"/v1/erasures/{erasure_id}", role="privacy").json()
        if found["state"] == "done":
            return found
        time.sleep(0.05)
    raise AssertionError(f"not done: {found}")


def erase(shop: Shop, customer_id: str, **sent: Any) -> httpx.Response:
    answer: httpx.Response = shop.call("POST", f"/v1/customers/{customer_id}/erasures", role="privacy", **sent)
    return answer


def known(shop: Shop, customer_id: str) -> None:
    """Make a customer with a consent, a decision and a link in the vault."""
    pseudonym = shop.know(customer_id, "10", "11")
    open_vault(shop.lake.parent / "vault").remember({pseudonym: customer_id})
    shop.recommend(customer_id=customer_id, limit=2)
    shop.services.decisions.flush()


def test_access_shows_everything_held(shop: Shop) -> None:
    known(shop, "anna")
    answer = shop.call("GET", "/v1/customers/anna", role="privacy")
    assert answer.status_code == 200, answer.text
    held = answer.json()
    assert [one["purpose"] for one in held["consents"]] == ["personalization"]
    assert held["consents"][0]["event_at"] == "2025-03-01T12:00:00.000Z"
    (decision,) = held["decisions"]
    assert decision["facts"]["model"]["version"] == "3"
    assert [one["pseudonym"][:3] for one in held["identities"]] == ["c1_"]
    assert any("audit role" in text for text in held["not_shown"])
    log = (shop.lake.parent / "vault" / "access.jsonl").read_text()
    assert "customer shown" in log
    assert "anna" not in log


def test_access_shows_a_request_to_erase_until_it_has_forgotten_whom_it_is_about(shop: Shop) -> None:
    desk = shop.services.customers
    erasure_id = desk._erasures.request("carl", "erase", by="office")
    held = shop.call("GET", "/v1/customers/carl", role="privacy").json()
    (asked,) = [one for one in held["other"] if one["store"] == "erasures under way"]
    assert [(one["erasure_id"], one["mode"], one["by"]) for one in asked["records"]] == [
        (erasure_id, "erase", "office")
    ]
    desk.resume()
    wait_for(shop, erasure_id)
    other = shop.call("GET", "/v1/customers/carl", role="privacy").json()["other"]
    assert not any(one["records"] for one in other)


def test_an_unknown_id_is_answered_like_a_known_one(shop: Shop) -> None:
    known(shop, "anna")
    answers = [shop.call("GET", f"/v1/customers/{one}", role="privacy") for one in ("anna", "nobody")]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].json().keys() == answers[1].json().keys()
    begun = [erase(shop, one) for one in ("anna", "nobody")]
    assert [one.status_code for one in begun] == [202, 202]
    assert begun[0].json().keys() == begun[1].json().keys()
    done = [wait_for(shop, one.json()["erasure_id"]) for one in begun]
    stores = [[row["store"] for row in one["receipt"]["stores"]] for one in done]
    assert stores[0] == stores[1]
    assert not any(row["found"] for row in done[1]["receipt"]["stores"])


def test_erasure_empties_every_store_and_signs_for_it(shop: Shop) -> None:
    known(shop, "anna")
    known(shop, "bert")
    done = wait_for(shop, erase(shop, "anna").json()["erasure_id"])
    receipt = Receipt.model_validate(done["receipt"])
    assert is_genuine(receipt, load_verifier(shop.lake.parent / "keys", ERASURE_KEYS))
    found = {row.store: row.found for row in receipt.stores}
    assert (found["consents"], found["decisions"], found["vault"]) == (1, 1, 1)
    assert not any(row.left for row in receipt.stores)
    held = shop.call("GET", "/v1/customers/anna", role="privacy").json()
    assert not any(held[field] for field in ("consents", "decisions", "events", "purchases", "identities", "exports"))
    assert shop.recommend(customer_id="anna")["personalization"]["applied"] is False
    assert shop.call("GET", "/v1/customers/bert", role="privacy").json()["decisions"]


def test_the_same_key_gives_the_same_erasure_and_another_request_is_refused(shop: Shop) -> None:
    sent = {"headers": {"Idempotency-Key": "k-1"}}
    first = erase(shop, "anna", json={"mode": "anonymise"}, **sent)
    again = erase(shop, "anna", json={"mode": "anonymise"}, **sent)
    assert first.json()["erasure_id"] == again.json()["erasure_id"]
    other = erase(shop, "bert", json={"mode": "anonymise"}, **sent)
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert "purchases stay" in first.json()["meaning"].lower()
    wait_for(shop, first.json()["erasure_id"])


def test_late_events_and_consents_of_an_erased_person_are_refused(shop: Shop) -> None:
    wait_for(shop, erase(shop, "anna").json()["erasure_id"])
    event = {"event_id": "e1", "type": "view", "product_id": "10", "occurred_at": NOW.isoformat()}
    sent = {"events": [{**event, "customer_id": "anna"}, {**event, "event_id": "e2", "customer_id": "bert"}]}
    answer = shop.call("POST", "/v1/events", json=sent).json()
    assert (answer["accepted"], answer["rejected"], answer["errors"][0]["code"]) == (1, 1, "PERSON_ERASED")
    assert [one.event_id for one in shop.sink.seen.values()] == ["e2"]
    decided = {"consents": [{"purpose": "marketing", "granted": True, "version": "c-1", "source": "test"}]}
    refused = shop.call("PUT", "/v1/customers/anna/consents", role="privacy", json=decided)
    assert (refused.status_code, refused.json()["code"]) == (409, "PERSON_ERASED")
    assert shop.call("PUT", "/v1/customers/bert/consents", role="privacy", json=decided).status_code == 200


@pytest.mark.parametrize("role", ["storefront", "ml_engineer", "marketer", None])
def test_only_the_privacy_role_gets_in(shop: Shop, role: str | None) -> None:
    for method, path in (("GET", "/v1/customers/a"), ("POST", "/v1/customers/a/erasures"), ("GET", "/v1/erasures/e")):
        assert shop.call(method, path, role=role).status_code == (403 if role else 401)


def test_bad_input_is_said_plainly(shop: Shop) -> None:
    assert shop.call("GET", "/v1/erasures/er_none", role="privacy").json()["code"] == "UNKNOWN_ERASURE"
    assert shop.call("GET", f"/v1/customers/{'x' * 129}", role="privacy").status_code == 422
    assert erase(shop, "anna", json={"mode": "shred"}).status_code == 422


def test_what_an_earlier_process_left_is_taken_up(shop: Shop) -> None:
    desk = shop.services.customers
    erasure_id = desk._erasures.request("anna", "erase", by="earlier")
    assert shop.call("GET", f"/v1/erasures/{erasure_id}", role="privacy").json()["state"] == "pending"
    desk.resume()
    assert wait_for(shop, erasure_id)["finished_at"] == datetime(2025, 3, 1, 12, tzinfo=UTC).strftime(
        "%Y-%m-%dT%H:%M:%S.000Z"
    )
