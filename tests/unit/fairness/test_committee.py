"""The committee's book: who may say what, and what happens to a book that somebody else wrote in."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configs.settings import Settings
from fairness.audit_store import REPORTS, AuditStore, Evidence
from fairness.committee import Committee, log_file, open_committee
from fairness.committee_book import Waiver
from fairness.errors import (
    ReasonMissing,
    ReportCorrupt,
    ReportUnknown,
    SignOffConflict,
    WaiverClosed,
    WaiverExpired,
    WaiverNotAllowed,
    WaiverSelfApproved,
    WaiverTooLong,
    WaiverUnknown,
)
from fairness.report import Report
from fairness.signing import AUDIT_KEYS, COMMITTEE_KEYS, load_signer, sign_report
from privacy.audit_log import AuditLog
from privacy.errors import TimeWithoutZone

NOW = datetime(2026, 3, 2, tzinfo=UTC)
MakeReport = Callable[..., Report]


@dataclass
class Room:
    """The committee with one report before it: income fails for group a, age is not settled, the rest passed."""

    settings: Settings
    evidence: Evidence
    moment: list[datetime] = field(default_factory=lambda: [NOW])

    @property
    def log(self) -> Path:
        """The log file."""
        return log_file(self.settings.storage)

    @property
    def report_id(self) -> str:
        """Of the report."""
        return self.evidence.report.report_id

    def committee(self) -> Committee:
        """Open the book anew, as another process would."""
        return open_committee(self.settings.storage, self.settings.fairness.release, lambda: self.moment[0])

    def ask(self, **changes: Any) -> Waiver:
        """Ask for a waiver of the failure."""
        asked = {
            "measure": "ndcg_at_10_all",
            "attribute": "income",
            "group": "a",
            "reason": "the sample is small",
            "mitigation": "reweighted next month",
            "expires_at": NOW + timedelta(days=30),
            "author": "anna",
        }
        return self.committee().request_waiver(changes.pop("report_id", self.report_id), **{**asked, **changes})


def judged(report: Report, verdicts: dict[str, str]) -> tuple[Any, ...]:
    """Give some measures of a report other verdicts."""
    return tuple(one.model_copy(update={"verdict": verdicts.get(one.key, one.verdict)}) for one in report.measures)


def keep(settings: Settings, report: Report) -> Evidence:
    """Sign and keep a report."""
    store = AuditStore(settings.storage.reports / REPORTS)
    signature = sign_report(report, load_signer(settings.storage.keys, AUDIT_KEYS, create=True), NOW)
    store.add(report, signature, page="", notice="")
    return store.open(report.report_id)


@pytest.fixture
def room(settings: Settings, passing: MakeReport) -> Room:
    report = passing("two-tower", "3", "b" * 64, settings, created_at=NOW)
    verdicts = {
        "ndcg_at_10_all by income": "FAIL",
        "ndcg_at_10_all by age": "INSUFFICIENT",
        "sensitive_columns_in_features": "FAIL",
    }
    failed = report.model_copy(update={"measures": judged(report, verdicts), "verdict": "FAIL"})
    return Room(settings, keep(settings, failed))


def test_a_committee_that_never_spoke_has_an_empty_book_and_needs_no_key(room: Room) -> None:
    book = room.committee().book()
    assert (dict(book.waivers), book.sign_offs) == ({}, ())
    assert not (room.settings.storage.keys / COMMITTEE_KEYS.public).exists()


def test_a_waiver_is_asked_for_by_one_and_approved_by_another(room: Room) -> None:
    asked = room.ask()
    assert (asked.status, asked.author, asked.approver) == ("requested", "anna", None)
    assert asked.waiver_id.startswith("wv_")
    assert asked.report_digest == room.evidence.report_digest
    assert "waits for somebody other than anna" in str(asked.against(NOW, 90))
    approved = room.committee().approve_waiver(asked.waiver_id, approver="bert", note="agreed")
    assert (approved.status, approved.approver) == ("approved", "bert")
    assert approved.against(NOW, 90) is None
    assert room.committee().waivers(room.report_id) == (approved,)
    assert room.committee().waivers("fr_" + "0" * 24) == ()


def test_a_waiver_taken_back_counts_no_more(room: Room) -> None:
    waiver_id = room.ask().waiver_id
    room.committee().approve_waiver(waiver_id, approver="bert")
    revoked = room.committee().revoke_waiver(waiver_id, name="carl", note="new figures")
    assert (revoked.status, revoked.revoked_by) == ("revoked", "carl")
    assert revoked.lapsed(NOW)
    with pytest.raises(WaiverClosed, match="is revoked already"):
        room.committee().revoke_waiver(waiver_id, name="carl")
    with pytest.raises(WaiverClosed, match="is revoked already"):
        room.committee().approve_waiver(waiver_id, approver="dora")


@pytest.mark.parametrize("approver", ["anna", "Anna", " anna ", "ANNA", "ａｎｎａ"])
def test_a_self_approved_waiver_is_refused(room: Room, approver: str) -> None:
    waiver_id = room.ask().waiver_id
    with pytest.raises(WaiverSelfApproved, match=r"asked for by anna.*Ask another member"):
        room.committee().approve_waiver(waiver_id, approver=approver)
    assert room.committee().waivers(room.report_id)[0].status == "requested"


def test_a_self_approved_waiver_written_past_the_rules_does_not_count(room: Room) -> None:
    """Somebody who holds the committee's key writes the entry without asking this program."""
    waiver_id = room.ask().waiver_id
    signer = load_signer(room.settings.storage.keys, COMMITTEE_KEYS, create=False)
    AuditLog(room.log).append("Anna ", "approve waiver", {"waiver_id": waiver_id}, seal=signer.sign)
    waiver = room.committee().waivers(room.report_id)[0]
    assert waiver.status == "approved"
    assert waiver.against(NOW, 90) == f"waiver {waiver_id} was approved by its own author"
    assert not waiver.lapsed(NOW + timedelta(days=99))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"measure": "sensitive_columns_in_features", "attribute": None, "group": None}, "hard invariant"),
        ({"measure": "audited_bundle", "attribute": None, "group": None}, "hard invariant"),
        ({"attribute": "household_comp"}, "it passed"),
        ({"measure": "ndcg_at_10_novel"}, "holds no such measure"),
        ({"attribute": "postcode"}, "holds no such measure"),
        ({"group": "z"}, "its groups are a, b"),
        ({"group": None}, "its groups are a, b"),
        ({"group": "b"}, "the verdict is about the group 'a'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_waiver_on_an_invariant_or_on_nothing_that_failed_is_refused(
    room: Room, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(WaiverNotAllowed, match=why):
        room.ask(**changes)
    assert not room.log.exists()


def test_an_unsettled_measure_may_be_waived_for_any_of_its_groups(room: Room) -> None:
    assert room.ask(attribute="age", group="b").key == "ndcg_at_10_all by age"


def test_what_decides_nothing_is_not_waived(room: Room) -> None:
    report = room.evidence.report
    loose = [
        one.model_copy(update={"family": "exploratory"}) if one.family == "primary" else one for one in report.measures
    ]
    changes = {"report_id": "fr_" + "1" * 24, "measures": tuple(loose)}
    other = keep(room.settings, report.model_copy(update=changes))
    with pytest.raises(WaiverNotAllowed, match="decides nothing"):
        room.ask(report_id=other.report.report_id)


def test_a_live_report_is_not_waived(room: Room) -> None:
    changes = {"report_id": "fr_" + "1" * 24, "kind": "live"}
    other = keep(room.settings, room.evidence.report.model_copy(update=changes))
    with pytest.raises(WaiverNotAllowed, match="live decisions"):
        room.ask(report_id=other.report.report_id)


def test_a_waiver_lasts_no_longer_than_the_policy_allows(room: Room) -> None:
    assert room.ask(expires_at=NOW + timedelta(days=90)).expires_at == NOW + timedelta(days=90)
    with pytest.raises(WaiverTooLong, match=r"90\.04 days, but 90"):
        room.ask(expires_at=NOW + timedelta(days=90, hours=1))
    with pytest.raises(WaiverExpired, match="it is 2026-03-02"):
        room.ask(expires_at=NOW)
    with pytest.raises(TimeWithoutZone, match="expires_at"):
        room.ask(expires_at=datetime(2026, 4, 1))


def test_an_expired_waiver_is_not_approved_and_counts_no_more(room: Room) -> None:
    first, second = room.ask().waiver_id, room.ask().waiver_id
    room.committee().approve_waiver(first, approver="bert")
    room.moment[0] = NOW + timedelta(days=30)
    with pytest.raises(WaiverExpired):
        room.committee().approve_waiver(second, approver="bert")
    waiver = room.committee().waivers(room.report_id)[0]
    assert waiver.against(NOW + timedelta(days=30), 90) == f"waiver {first} expired at 2026-04-01 00:00 UTC"
    assert waiver.against(NOW + timedelta(days=30, seconds=-1), 90) is None
    assert "more than 10 days" in str(waiver.against(NOW, 10))


@pytest.mark.parametrize("empty", ["reason", "mitigation", "author"])
def test_nothing_is_waived_without_words(room: Room, empty: str) -> None:
    with pytest.raises(ReasonMissing, match=f"{empty} is empty"):
        room.ask(**{empty: "  "})


def test_what_is_not_on_record_is_named(room: Room) -> None:
    with pytest.raises(WaiverUnknown, match="wv_none"):
        room.committee().approve_waiver("wv_none", approver="bert")
    with pytest.raises(ReportUnknown):
        room.ask(report_id="fr_" + "0" * 24)
    with pytest.raises(ReportUnknown):
        room.committee().sign_off("../keys", decision="accept", name="anna")


def test_nobody_signs_a_report_that_the_auditor_did_not(room: Room) -> None:
    other = load_signer(room.settings.storage.root / "elsewhere", AUDIT_KEYS, create=True)
    forged = room.evidence.report.model_copy(update={"report_id": "fr_" + "1" * 24, "verdict": "FAIL"})
    store = AuditStore(room.settings.storage.reports / REPORTS)
    store.add(forged, sign_report(forged, other, NOW), page="", notice="")
    with pytest.raises(ReportCorrupt, match="signed with key"):
        room.committee().sign_off(forged.report_id, decision="accept", name="anna")
    with pytest.raises(ReportCorrupt, match="signed with key"):
        room.ask(report_id=forged.report_id)
    assert not room.log.exists()


def test_members_sign_and_may_change_their_mind(room: Room) -> None:
    committee = room.committee()
    committee.sign_off(room.report_id, decision="accept", name="anna", note="read it")
    committee.sign_off(room.report_id, decision="accept", name="bert")
    with pytest.raises(SignOffConflict, match="your 'accept' of report"):
        committee.sign_off(room.report_id, decision="accept", name="Anna")
    committee.sign_off(room.report_id, decision="refuse", name="anna", note="read it again")
    said = {one.name: (one.decision, one.note) for one in room.committee().sign_offs(room.report_id)}
    assert said == {"bert": ("accept", ""), "anna": ("refuse", "read it again")}


def test_two_who_approve_at_once_do_not_both_succeed(room: Room) -> None:
    waiver_id = room.ask().waiver_id
    outcomes: list[str] = []

    def approve(name: str) -> None:
        try:
            room.committee().approve_waiver(waiver_id, approver=name)
        except WaiverClosed:
            outcomes.append("closed")
        else:
            outcomes.append("approved")

    threads = [threading.Thread(target=approve, args=(name,)) for name in ("bert", "carl", "dora", "emil")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["approved", "closed", "closed", "closed"]
    room.committee().book()
