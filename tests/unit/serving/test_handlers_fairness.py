"""Waivers over HTTP: four eyes, limits, states, and what they do to a report's standing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fairness.audit_store import REPORTS, AuditStore
from privacy.audit_log import AuditLog
from serving.schemas_fairness import WaiverOut, WaiversPage

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
FAILED = "ndcg_at_10_all"
GROUNDS = {
    "reason": "The group is small and the figure moves much.",
    "mitigation": "The lists of the group are looked at every week.",
}
FileReport = Callable[..., str]


@pytest.fixture
def report_id(file_report: FileReport) -> str:
    """A report in which one measure that decides failed for the group a."""
    return file_report(failing=f"{FAILED} by income")


def ask(shop: Any, report_id: str, /, *, role: str = "ethics", **changes: Any) -> Any:
    body = {
        "report_id": report_id,
        "measure": FAILED,
        "attribute": "income",
        "group": "a",
        **GROUNDS,
        "expires_at": (NOW + timedelta(days=30)).isoformat(),
        **changes,
    }
    return shop.call("POST", "/v1/waivers", role=role, json=body)


def move(shop: Any, waiver_id: str, to: str, *, role: str = "ethics-2", **sent: Any) -> Any:
    return shop.call("POST", f"/v1/waivers/{waiver_id}/{to}", role=role, **sent)


def listed(shop: Any, **query: Any) -> list[dict[str, Any]]:
    answer = shop.call("GET", "/v1/waivers", role="ml_engineer", params=query)
    assert answer.status_code == 200, answer.text
    WaiversPage.model_validate(answer.json())
    found: list[dict[str, Any]] = answer.json()["waivers"]
    return found


def status_of(shop: Any, report_id: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.call("GET", f"/v1/fairness-reports/{report_id}", role="ethics").json()
    return found


def refused(answer: Any, status: int, code: str, *fields: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    if fields:
        assert tuple(fault["field"] for fault in answer.json()["errors"]) == fields
    return str(answer.json()["detail"])


def test_a_waiver_counts_once_somebody_else_approved_it(shop: Any, report_id: str) -> None:
    asked = ask(shop, report_id)
    assert asked.status_code == 201
    waiver = asked.json()
    WaiverOut.model_validate(waiver)
    assert (waiver["status"], waiver["author"], waiver["approver"]) == ("requested", "development-ethics", None)
    assert not status_of(shop, report_id)["status"]["cleared"]

    approved = move(shop, waiver["waiver_id"], "approve", json={"note": "Agreed."})
    assert approved.status_code == 200
    assert (approved.json()["status"], approved.json()["approver"]) == ("approved", "development-ethics-2")
    found = status_of(shop, report_id)
    assert found["status"] == {"cleared": True, "cleared_until": "2025-03-31T12:00:00.000Z", "reasons": []}
    assert found["waivers"] == [approved.json()]


def test_nobody_approves_his_own_waiver(shop: Any, report_id: str) -> None:
    waiver_id = ask(shop, report_id).json()["waiver_id"]
    assert waiver_id in refused(move(shop, waiver_id, "approve", role="ethics"), 403, "OWN_WAIVER")
    assert listed(shop)[0]["status"] == "requested"
    assert not status_of(shop, report_id)["status"]["cleared"]


def test_a_waiver_is_approved_once(shop: Any, report_id: str) -> None:
    waiver_id = ask(shop, report_id).json()["waiver_id"]
    assert move(shop, waiver_id, "approve").status_code == 200
    assert "approved" in refused(move(shop, waiver_id, "approve"), 409, "WAIVER_CLOSED")


def test_a_revoked_waiver_takes_the_clearance_with_it_for_good(shop: Any, report_id: str) -> None:
    waiver_id = ask(shop, report_id).json()["waiver_id"]
    move(shop, waiver_id, "approve")
    revoked = move(shop, waiver_id, "revoke", role="ethics", json={"note": "It got worse."})
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked")
    assert revoked.json()["revoked_by"] == "development-ethics"
    reasons = status_of(shop, report_id)["status"]["reasons"]
    assert any("was revoked by development-ethics" in reason for reason in reasons)
    refused(move(shop, waiver_id, "approve"), 409, "WAIVER_CLOSED")
    refused(move(shop, waiver_id, "revoke"), 409, "WAIVER_CLOSED")


def test_an_expired_waiver_clears_nothing_and_is_approved_no_more(
    shop: Any, report_id: str, at: Callable[..., Any]
) -> None:
    good, late = ask(shop, report_id).json()["waiver_id"], ask(shop, report_id).json()["waiver_id"]
    move(shop, good, "approve")
    later = at(NOW + timedelta(days=30))
    assert {one["waiver_id"]: one["status"] for one in listed(later)} == {good: "expired", late: "expired"}
    assert not status_of(later, report_id)["status"]["cleared"]
    refused(move(later, late, "approve"), 409, "WAIVER_CLOSED")
    just_before = at(NOW + timedelta(days=30, seconds=-1))
    assert status_of(just_before, report_id)["status"]["cleared"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"measure": "ndcg_at_10_all", "attribute": "age"}, "it passed"),
        ({"measure": "no_such_measure"}, "no such measure"),
        ({"attribute": None}, "no such measure"),
        ({"group": "b"}, "about the group 'a'"),
        ({"group": "nobody"}, "its groups are"),
        ({"group": None}, "its groups are"),
    ],
)
def test_what_cannot_be_waived_is_422(shop: Any, report_id: str, changes: dict[str, Any], reason: str) -> None:
    assert reason in refused(ask(shop, report_id, **changes), 422, "NOT_WAIVABLE", "measure")
    assert listed(shop) == []


def test_hard_rules_are_never_waived(shop: Any, file_report: FileReport, tmp_path: Path) -> None:
    report_id = file_report()
    store = AuditStore(tmp_path / "reports" / REPORTS)
    rules = [one.measure for one in store.open(report_id).report.measures if one.family == "invariant"]
    assert rules
    for rule in rules:
        broken = file_report(failing=rule)
        detail = refused(ask(shop, broken, measure=rule, attribute=None, group=None), 422, "NOT_WAIVABLE")
        assert "no waiver lifts" in detail


@pytest.mark.parametrize(
    "expires_at",
    [
        NOW.isoformat(),
        (NOW - timedelta(days=1)).isoformat(),
        (NOW + timedelta(days=90, seconds=1)).isoformat(),
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_a_waiver_lasts_ninety_days_at_most_and_not_into_the_past(shop: Any, report_id: str, expires_at: str) -> None:
    refused(ask(shop, report_id, expires_at=expires_at), 422, "WAIVER_TIME", "expires_at")
    assert listed(shop) == []


def test_ninety_days_are_allowed(shop: Any, report_id: str) -> None:
    assert ask(shop, report_id, expires_at=(NOW + timedelta(days=90)).isoformat()).status_code == 201


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": "too short"}, "reason"),
        ({"reason": "x" + " " * 30}, "reason"),
        ({"reason": "x" * 4_001}, "reason"),
        ({"mitigation": ""}, "mitigation"),
        ({"mitigation": None}, "mitigation"),
        ({"expires_at": "2025-03-20T00:00:00"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"report_id": ""}, "report_id"),
        ({"measure": 3}, "measure"),
        ({"author": "development-ethics-2"}, "author"),
        ({"status": "approved"}, "status"),
    ],
)
def test_a_faulty_request_is_422(shop: Any, report_id: str, changes: dict[str, Any], field: str) -> None:
    refused(ask(shop, report_id, **changes), 422, "INVALID_FIELDS", field)
    assert listed(shop) == []


def test_a_waiver_of_an_unknown_or_edited_report_is_refused(shop: Any, report_id: str, tmp_path: Path) -> None:
    refused(ask(shop, "fr_none"), 404, "UNKNOWN_FAIRNESS_REPORT")
    refused(ask(shop, "../../keys"), 404, "UNKNOWN_FAIRNESS_REPORT")
    path = tmp_path / "reports" / REPORTS / report_id / "report.json"
    path.write_bytes(path.read_bytes().replace(b'"n_customers":2', b'"n_customers":3'))
    refused(ask(shop, report_id), 409, "FAIRNESS_REPORT_DAMAGED")


@pytest.mark.parametrize("waiver_id", ["wv_0", "..", "..%2f..%2fkeys", "wv_%00", "x" * 5_000, "wv_é"])
def test_hostile_waiver_ids_are_404(shop: Any, waiver_id: str) -> None:
    for to in ("approve", "revoke"):
        answer = move(shop, waiver_id, to)
        assert answer.status_code == 404
        assert len(answer.text) < 12_000


def test_bodies_that_are_no_moves_are_refused(shop: Any, report_id: str) -> None:
    waiver_id = ask(shop, report_id).json()["waiver_id"]
    refused(move(shop, waiver_id, "approve", json={"approver": "me"}), 422, "INVALID_FIELDS", "approver")
    refused(move(shop, waiver_id, "approve", json={"note": " "}), 422, "INVALID_FIELDS", "note")
    refused(
        move(shop, waiver_id, "revoke", content=b"{", headers={"content-type": "application/json"}),
        400,
        "MALFORMED_JSON",
    )
    assert listed(shop)[0]["status"] == "requested"


def test_the_list_is_newest_first_in_pages_and_can_be_narrowed(shop: Any, file_report: FileReport) -> None:
    reports = [file_report(failing=f"{FAILED} by income") for _ in range(2)]
    ids = [ask(shop, reports[place % 2]).json()["waiver_id"] for place in range(4)]
    move(shop, ids[0], "approve")
    assert [one["waiver_id"] for one in listed(shop)] == ids[::-1]
    assert [one["waiver_id"] for one in listed(shop, report_id=reports[1])] == [ids[3], ids[1]]
    assert [one["waiver_id"] for one in listed(shop, status="approved")] == [ids[0]]
    assert listed(shop, report_id="fr_none") == []
    page = shop.call("GET", "/v1/waivers", role="ethics", params={"limit": 3}).json()
    move(shop, ids[1], "approve")
    rest = listed(shop, limit=3, cursor=page["next_cursor"])
    assert [one["waiver_id"] for one in (*page["waivers"], *rest)] == ids[::-1]
    refused(shop.call("GET", "/v1/waivers", role="ethics", params={"cursor": "AAAA"}), 422, "INVALID_FIELDS", "cursor")


def test_a_restart_keeps_waivers_and_their_states(shop: Any, report_id: str, at: Callable[..., Any]) -> None:
    ids = [ask(shop, report_id).json()["waiver_id"] for _ in range(3)]
    move(shop, ids[0], "approve")
    move(shop, ids[1], "revoke")
    again = at(NOW)
    assert listed(again) == listed(shop)
    assert [one["status"] for one in listed(again)] == ["requested", "revoked", "approved"]
    refused(move(again, ids[2], "approve", role="ethics"), 403, "OWN_WAIVER")


def test_every_move_is_in_the_log_with_the_name_of_the_key(shop: Any, report_id: str, tmp_path: Path) -> None:
    waiver_id = ask(shop, report_id).json()["waiver_id"]
    move(shop, waiver_id, "approve", json={"note": "Agreed."})
    move(shop, waiver_id, "approve", role="ethics")  # refused, so not there
    entries = AuditLog(tmp_path / "audit" / "committee.jsonl").entries()
    assert [entry.actor for entry in entries] == ["development-ethics", "development-ethics-2"]
    assert entries[1].facts["note"] == "Agreed."


def test_a_broken_log_lets_no_waiver_in(shop: Any, report_id: str, tmp_path: Path) -> None:
    waiver_id = ask(shop, report_id).json()["waiver_id"]
    log = tmp_path / "audit" / "committee.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"author"', b'"auth0r"').replace(GROUNDS["reason"].encode(), b"Because."))
    for answer in (ask(shop, report_id), move(shop, waiver_id, "approve"), move(shop, waiver_id, "revoke")):
        refused(answer, 503, "COMMITTEE_LOG_BROKEN")
        assert str(tmp_path) not in answer.text
