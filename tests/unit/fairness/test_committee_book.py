"""Replaying entries: what follows from them, and entries that cannot be."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fairness.committee_book import Book, replay, same_person
from privacy.audit_log import LogEntry

NOW = datetime(2026, 3, 2, tzinfo=UTC)
REPORT = "fr_" + "a" * 24


def entry(actor: str, action: str, **facts: Any) -> LogEntry:
    return LogEntry(actor=actor, action=action, facts=facts, digest="", sealed=b"", seal=None)


def request(waiver_id: str = "wv_1", **changes: Any) -> LogEntry:
    facts = {
        "waiver_id": waiver_id,
        "report_id": REPORT,
        "report_digest": "d" * 64,
        "measure": "ndcg_at_10_all",
        "attribute": "income",
        "group": "a",
        "reason": "r",
        "mitigation": "m",
        "requested_at": NOW.isoformat(),
        "expires_at": (NOW + timedelta(days=30)).isoformat(),
    }
    return entry("anna", "request waiver", **{**facts, **changes})


def signed(name: str, decision: str, report_id: str = REPORT) -> LogEntry:
    facts = {"report_id": report_id, "report_digest": "d" * 64, "decision": decision, "note": "", "at": NOW.isoformat()}
    return entry(name, "sign off", **facts)


def states(book: Book) -> dict[str, str]:
    return {waiver_id: waiver.status for waiver_id, waiver in book.waivers.items()}


def test_nothing_was_said() -> None:
    assert states(replay([])) == {}
    assert replay([]).sign_offs == ()


def test_the_last_word_counts() -> None:
    log = [
        request("wv_1"),
        request("wv_2"),
        request("wv_3"),
        entry("bert", "approve waiver", waiver_id="wv_1"),
        entry("bert", "approve waiver", waiver_id="wv_2"),
        entry("carl", "revoke waiver", waiver_id="wv_2"),
    ]
    expected = [
        {"wv_1": "requested"},
        {"wv_1": "requested", "wv_2": "requested"},
        {"wv_1": "requested", "wv_2": "requested", "wv_3": "requested"},
        {"wv_1": "approved", "wv_2": "requested", "wv_3": "requested"},
        {"wv_1": "approved", "wv_2": "approved", "wv_3": "requested"},
        {"wv_1": "approved", "wv_2": "revoked", "wv_3": "requested"},
    ]
    for n_read, found in enumerate(expected, start=1):
        assert states(replay(log[:n_read])) == found


def test_each_member_has_one_word_on_each_report() -> None:
    other = "fr_" + "b" * 24
    book = replay([signed("anna", "accept"), signed("bert", "refuse"), signed("anna", "accept", other)])
    assert [(one.name, one.decision) for one in book.sign_offs_of(REPORT)] == [("anna", "accept"), ("bert", "refuse")]
    book = replay([signed("anna", "accept"), signed("bert", "refuse"), signed("ANNA", "refuse")])
    assert [(one.name, one.decision) for one in book.sign_offs_of(REPORT)] == [("bert", "refuse"), ("ANNA", "refuse")]


def test_names_come_from_who_wrote_and_never_from_the_facts() -> None:
    waiver = replay([request(author="otto")]).waivers["wv_1"]
    assert waiver.author == "anna"
    (said,) = replay([entry("anna", "sign off", **{**signed("x", "accept").facts, "name": "otto"})]).sign_offs
    assert said.name == "anna"


@pytest.mark.parametrize(
    "broken",
    [
        [entry("bert", "approve waiver", waiver_id="wv_1")],
        [entry("bert", "approve waiver")],
        [entry("bert", "revoke waiver", waiver_id="wv_1")],
        [request(), request()],
        [request(expires_at="tomorrow")],
        [request(report_digest="short")],
        [request(customer="x")],
        [entry("anna", "sign off", decision="accept")],
        [signed("anna", "perhaps")],
        [entry("anna", "grant everything")],
        [
            request(),
            entry("b", "approve waiver", waiver_id="wv_1"),
            entry("c", "revoke waiver", waiver_id="wv_1"),
            entry("b", "approve waiver", waiver_id="wv_1"),
        ],
    ],
)
def test_entries_that_cannot_be_are_refused(broken: list[LogEntry]) -> None:
    with pytest.raises(ValueError, match=r"."):
        replay(broken)


@pytest.mark.parametrize(
    ("name", "other"), [("anna", "ANNA"), ("anna", " an na"), ("straße", "STRASSE"), ("ﬁn", "fin")]
)
def test_one_person_under_two_spellings(name: str, other: str) -> None:
    assert same_person(name, other)
    assert not same_person(name, other + "2")
