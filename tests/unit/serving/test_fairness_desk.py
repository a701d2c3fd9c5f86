"""The committee reads and signs reports: happy paths, refusals, hostile ids, and what a restart keeps."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fairness.audit_store import REPORTS
from fairness.report import Report, canonical_bytes, digest
from serving.schemas_fairness import FairnessReportDetail, FairnessReportsPage, SignOffOut

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
FileReport = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where reports lie, one folder each."""
    return tmp_path / "reports" / REPORTS


def get(shop: Any, path: str, *, role: str = "ethics", **query: Any) -> Any:
    return shop.call("GET", f"/v1/{path}", role=role, params=query)


def sign(shop: Any, report_id: str, *, role: str = "ethics", **body: Any) -> Any:
    sent = {"decision": "accept", "note": "Read it all.", **body}
    return shop.call("POST", f"/v1/fairness-reports/{report_id}/sign-offs", role=role, json=sent)


def problem(answer: Any, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    return str(answer.json()["detail"])


def test_without_any_audit_the_list_is_empty(shop: Any) -> None:
    assert get(shop, "fairness-reports").json() == {"reports": [], "next_cursor": None}


def test_reports_are_listed_newest_first_page_by_page(shop: Any, file_report: FileReport) -> None:
    ids = [file_report(version=str(day), created_at=NOW - timedelta(days=day)) for day in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    for n_shown in (2, 2, 1):
        page = get(shop, "fairness-reports", limit=2, **({"cursor": cursor} if cursor else {})).json()
        FairnessReportsPage.model_validate(page)
        assert len(page["reports"]) == n_shown
        seen += [one["report_id"] for one in page["reports"]]
        cursor = page["next_cursor"]
    assert seen == ids
    assert cursor is None


def test_a_listed_report_says_what_it_is(shop: Any, file_report: FileReport) -> None:
    report_id = file_report()
    sign(shop, report_id)
    assert get(shop, "fairness-reports").json()["reports"] == [
        {
            "report_id": report_id,
            "created_at": "2025-03-01T12:00:00.000Z",
            "model": "two-tower",
            "version": "3",
            "kind": "release",
            "verdict": "PASS",
            "signed": True,
            "sign_offs": 1,
            "problem": None,
        }
    ]


def test_the_list_can_be_narrowed(shop: Any, file_report: FileReport) -> None:
    release, live = file_report(), file_report(kind="live")
    for query, wanted in (
        ({"model": "two-tower"}, {release, live}),
        ({"model": "demand"}, set()),
        ({"kind": "live"}, {live}),
        ({"kind": "release", "model": "two-tower"}, {release}),
    ):
        found = get(shop, "fairness-reports", **query).json()["reports"]
        assert {one["report_id"] for one in found} == wanted, query


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"kind": "rumour"}, "kind"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"cursor": "%ff%00"}, "cursor"),
        ({"cursor": "Li4vLi4vZXRjL3Bhc3N3ZA=="}, "cursor"),
        ({"model": ""}, "model"),
        ({"verdict": "PASS"}, "verdict"),
    ],
)
def test_bad_parameters_are_422(shop: Any, file_report: FileReport, query: dict[str, str], field: str) -> None:
    file_report()
    answer = get(shop, "fairness-reports", **query)
    problem(answer, 422, "INVALID_FIELDS")
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def test_a_report_comes_whole_and_can_be_verified_by_the_reader(shop: Any, file_report: FileReport) -> None:
    found = get(shop, f"fairness-reports/{file_report()}").json()
    FairnessReportDetail.model_validate(found)
    report = Report.model_validate({name: found[name] for name in Report.model_fields})
    assert digest(canonical_bytes(report)) == found["signature"]["report_digest"]
    assert found["status"] == {"cleared": True, "cleared_until": "2025-05-30T12:00:00.000Z", "reasons": []}
    assert found["html"] == {
        "page": f"/v1/fairness-reports/{report.report_id}/page",
        "notice": f"/v1/fairness-reports/{report.report_id}/notice",
    }
    assert (found["sign_offs"], found["waivers"]) == ([], [])


def test_a_report_that_failed_says_why_its_model_may_not_serve(shop: Any, file_report: FileReport) -> None:
    status = get(shop, f"fairness-reports/{file_report(failing='ndcg_at_10_all by income')}").json()["status"]
    assert (status["cleared"], status["cleared_until"]) == (False, None)
    assert any("ndcg_at_10_all by income is FAIL" in reason for reason in status["reasons"])


def test_a_report_grows_too_old(shop: Any, file_report: FileReport, at: Callable[..., Any]) -> None:
    report_id = file_report()
    later = at(NOW + timedelta(days=91))
    status = get(later, f"fairness-reports/{report_id}").json()["status"]
    assert not status["cleared"]
    assert any("expired" in reason for reason in status["reasons"])


def test_the_pages_are_served_as_stored_and_may_do_nothing(shop: Any, file_report: FileReport) -> None:
    report_id = file_report()
    for name, role in (("page", "ethics"), ("notice", "ml_engineer")):
        answer = get(shop, f"fairness-reports/{report_id}/{name}", role=role)
        assert answer.status_code == 200
        assert "Ümläute" in answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
        assert "sandbox" in policy
        assert "script" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_an_edited_page_is_not_shown(shop: Any, file_report: FileReport, folder: Path) -> None:
    report_id = file_report()
    page = folder / report_id / "report.html"
    page.write_bytes(page.read_bytes().replace(b"<", b"< ", 1))
    problem(get(shop, f"fairness-reports/{report_id}/page"), 409, "FAIRNESS_REPORT_DAMAGED")
    assert get(shop, f"fairness-reports/{report_id}/notice").status_code == 200


def test_a_missing_page_is_told_apart_from_a_missing_report(shop: Any, file_report: FileReport, folder: Path) -> None:
    report_id = file_report()
    (folder / report_id / "notice.html").unlink()
    problem(get(shop, f"fairness-reports/{report_id}/notice"), 404, "UNKNOWN_FAIRNESS_PAGE")
    problem(get(shop, "fairness-reports/fr_none/notice"), 404, "UNKNOWN_FAIRNESS_REPORT")
    assert get(shop, f"fairness-reports/{report_id}").json()["html"]["notice"] is None


@pytest.mark.parametrize(
    "report_id", ["fr_0", "..", "..%2f..%2fkeys", "%2e%2e%2f", "fr_%00", "fr_*", "x" * 5_000, "fr_é", "%c3%28", "<b>"]
)
def test_hostile_ids_are_404_and_reach_no_other_file(shop: Any, file_report: FileReport, report_id: str) -> None:
    file_report()
    for method, tail in (("GET", ""), ("GET", "/page"), ("GET", "/notice"), ("POST", "/sign-offs")):
        sent = {"json": {"decision": "accept", "note": "n"}} if method == "POST" else {}
        answer = shop.call(method, f"/v1/fairness-reports/{report_id}{tail}", role="ethics", **sent)
        assert answer.status_code == 404, answer.text
        assert len(answer.text) < 12_000


def test_an_edited_report_is_named_and_nothing_rests_on_it(shop: Any, file_report: FileReport, folder: Path) -> None:
    report_id, whole = file_report(failing="ndcg_at_10_all by income"), file_report()
    path = folder / report_id / "report.json"
    path.write_bytes(path.read_bytes().replace(b'"n_customers":2', b'"n_customers":3'))
    listed = {one["report_id"]: one for one in get(shop, "fairness-reports").json()["reports"]}
    assert listed[whole]["problem"] is None
    assert not listed[report_id]["signed"]
    assert "edited" in listed[report_id]["problem"]
    for name in ("page", "notice"):
        detail = problem(get(shop, f"fairness-reports/{report_id}/{name}"), 409, "FAIRNESS_REPORT_DAMAGED")
        assert str(folder) not in detail
    problem(sign(shop, report_id), 409, "FAIRNESS_REPORT_DAMAGED")
    status = get(shop, f"fairness-reports/{report_id}").json()["status"]
    assert not status["cleared"]
    assert any("edited" in reason for reason in status["reasons"])


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"report_id": 3}', b"[" * 100_000])
def test_a_report_that_cannot_be_read_does_not_hide_the_others(
    shop: Any, file_report: FileReport, folder: Path, content: bytes
) -> None:
    broken, whole = file_report(), file_report()
    (folder / broken / "report.json").write_bytes(content)
    found = get(shop, "fairness-reports").json()["reports"]
    assert [one["report_id"] for one in found] == [whole, broken]
    assert found[1]["verdict"] is None
    assert found[1]["problem"]
    problem(get(shop, f"fairness-reports/{broken}"), 409, "FAIRNESS_REPORT_DAMAGED")


def test_a_sign_off_is_put_on_record_under_the_name_of_the_key(shop: Any, file_report: FileReport) -> None:
    report_id = file_report()
    answer = sign(shop, report_id)
    assert answer.status_code == 201
    wanted = {"decision": "accept", "note": "Read it all.", "signed_by": "development-ethics"}
    assert answer.json() == {**wanted, "signed_at": "2025-03-01T12:00:00.000Z"}
    SignOffOut.model_validate(answer.json())
    assert sign(shop, report_id, role="ethics-2").json()["signed_by"] == "development-ethics-2"
    assert len(get(shop, f"fairness-reports/{report_id}").json()["sign_offs"]) == 2


def test_the_same_word_twice_is_a_conflict_and_a_change_of_mind_is_not(shop: Any, file_report: FileReport) -> None:
    report_id = file_report()
    assert sign(shop, report_id).status_code == 201
    problem(sign(shop, report_id), 409, "ALREADY_SIGNED_OFF")
    assert sign(shop, report_id, decision="refuse", note="On second thoughts.").status_code == 201
    found = get(shop, f"fairness-reports/{report_id}").json()
    assert [one["decision"] for one in found["sign_offs"]] == ["refuse"]
    assert not found["status"]["cleared"]
    assert any("refused" in reason for reason in found["status"]["reasons"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"decision": "maybe"}, "decision"),
        ({"note": ""}, "note"),
        ({"note": "  \n "}, "note"),
        ({"note": "x" * 2_001}, "note"),
        ({"note": None}, "note"),
        ({"signed_by": "somebody else"}, "signed_by"),
    ],
)
def test_a_faulty_sign_off_is_422(shop: Any, file_report: FileReport, changes: dict[str, Any], field: str) -> None:
    report_id = file_report()
    answer = sign(shop, report_id, **changes)
    problem(answer, 422, "INVALID_FIELDS")
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert get(shop, f"fairness-reports/{report_id}").json()["sign_offs"] == []


def test_a_restart_keeps_everything(shop: Any, file_report: FileReport, at: Callable[..., Any]) -> None:
    report_id = file_report()
    sign(shop, report_id)
    before = get(shop, f"fairness-reports/{report_id}").json()
    again = at(NOW)
    assert get(again, f"fairness-reports/{report_id}").json() == before
    problem(sign(again, report_id), 409, "ALREADY_SIGNED_OFF")


def test_a_broken_log_stops_the_committee_but_not_the_pages(shop: Any, file_report: FileReport, tmp_path: Path) -> None:
    report_id = file_report()
    sign(shop, report_id)
    log = tmp_path / "audit" / "committee.jsonl"
    log.write_bytes(log.read_bytes().replace(b"Read it all.", b"Never read."))
    for answer in (
        get(shop, "fairness-reports"),
        get(shop, f"fairness-reports/{report_id}"),
        get(shop, "waivers"),
        sign(shop, report_id, decision="refuse"),
    ):
        detail = problem(answer, 503, "COMMITTEE_LOG_BROKEN")
        assert "fairshelf doctor" in detail
        assert str(tmp_path) not in answer.text
        assert answer.headers["retry-after"] == "60"
    assert get(shop, f"fairness-reports/{report_id}/page").status_code == 200
    assert len(log.read_bytes().splitlines()) == 1


def test_a_committee_without_its_key_takes_nothing_in(shop: Any, file_report: FileReport, tmp_path: Path) -> None:
    report_id = file_report()
    sign(shop, report_id)
    (tmp_path / "keys" / "committee_private.key").unlink()
    answer = sign(shop, report_id, role="ethics-2")
    problem(answer, 503, "COMMITTEE_KEYS_UNUSABLE")
    assert str(tmp_path) not in answer.text
    assert len(get(shop, f"fairness-reports/{report_id}").json()["sign_offs"]) == 1


def test_without_the_auditors_key_no_report_counts_as_signed(
    shop: Any, file_report: FileReport, tmp_path: Path
) -> None:
    report_id = file_report()
    (tmp_path / "keys" / "audit_signing_public.key").unlink()
    (listed,) = get(shop, "fairness-reports").json()["reports"]
    assert not listed["signed"]
    assert not get(shop, f"fairness-reports/{report_id}").json()["status"]["cleared"]
    problem(sign(shop, report_id), 503, "COMMITTEE_KEYS_UNUSABLE")


def test_a_full_disk_is_a_503(shop: Any, file_report: FileReport, monkeypatch: pytest.MonkeyPatch) -> None:
    report_id = file_report()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("privacy.audit_log.AuditLog.append", full)
    problem(sign(shop, report_id), 503, "STORAGE_UNAVAILABLE")


def test_a_decision_names_the_report_that_let_the_model_through(shop: Any) -> None:
    shop.know("42", "10")
    answer = shop.recommend(customer_id="42")
    kept = shop.call("GET", f"/v1/decisions/{answer['decision_id']}", role="ethics").json()
    assert answer["model"]["fairness_report_id"].startswith("fr_")
    assert answer["model"]["fairness_report_id"] in json.dumps(kept)
