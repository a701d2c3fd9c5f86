"""The consent ledger."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privacy.consent import MARKETING, PERSONALIZATION, PURPOSES, ConsentLedger, ConsentState, Decided
from privacy.errors import ConsentBackdated, PurposeUnknown, TimeWithoutZone
from privacy.state import open_state

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = open_state(tmp_path / "state.db")
    yield made
    made.dispose()


@pytest.fixture
def ledger(engine: sa.Engine) -> ConsentLedger:
    return ConsentLedger(engine)


def records(*rows: tuple[str, str, bool, int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "purpose", "granted", "hours"])
    frame["event_timestamp"] = pd.Timestamp(START) + pd.to_timedelta(frame.pop("hours"), unit="h")
    return frame.assign(version="v1", source="form")


def test_absent_means_not_granted(ledger: ConsentLedger) -> None:
    assert ledger.granted("c1_a", MARKETING, START) == ConsentState(granted=False, version=None, on_file=False)


def test_the_latest_record_at_or_before_the_moment_decides(ledger: ConsentLedger) -> None:
    ledger.record("c1_a", MARKETING, granted=True, at=START, version="v1", source="form")
    ledger.record("c1_a", MARKETING, granted=False, at=START + 2 * HOUR, version="v2", source="call")
    second = timedelta(microseconds=1)
    assert not ledger.granted("c1_a", MARKETING, START - second).granted
    assert ledger.granted("c1_a", MARKETING, START) == ConsentState(granted=True, version="v1", on_file=True)
    assert ledger.granted("c1_a", MARKETING, START + 2 * HOUR - second).granted
    assert ledger.granted("c1_a", MARKETING, START + 2 * HOUR) == ConsentState(
        granted=False, version="v2", on_file=True
    )
    assert not ledger.granted("c1_a", PERSONALIZATION, START + 2 * HOUR).granted
    assert not ledger.granted("c1_b", MARKETING, START + 2 * HOUR).granted


def test_at_one_moment_a_refusal_outweighs_a_grant_in_either_order(ledger: ConsentLedger) -> None:
    for customer, order in (("c1_a", (True, False)), ("c1_b", (False, True))):
        for granted in order:
            ledger.record(customer, MARKETING, granted=granted, at=START, version=None, source="form")
    assert not ledger.granted("c1_a", MARKETING, START).granted
    assert not ledger.granted("c1_b", MARKETING, START).granted
    assert ledger.granted_customers(MARKETING, START) == set()


def test_importing_twice_changes_nothing(ledger: ConsentLedger, engine: sa.Engine) -> None:
    given_records = records(("a", MARKETING, True, 0), ("b", MARKETING, False, 1), ("a", PERSONALIZATION, True, 2))
    assert ledger.import_records(given_records) == 3
    digest = ledger.digest(START + 5 * HOUR)
    assert ledger.import_records(given_records) == 0
    assert ledger.import_records(given_records.drop(columns=["version", "source"])) == 3
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM consent_records")).scalar_one() == 6
    assert digest != ""


def test_the_digest_follows_states_not_order(tmp_path: Path) -> None:
    rows = records(("a", MARKETING, True, 0), ("b", MARKETING, False, 1), ("a", MARKETING, False, 2))
    digests = []
    for place, order in enumerate((rows, rows.iloc[::-1])):
        engine = open_state(tmp_path / f"{place}.db")
        ledger = ConsentLedger(engine)
        ledger.import_records(order)
        digests.append([ledger.digest(START + hours * HOUR) for hours in (0, 1, 2)])
        engine.dispose()
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 3


def test_the_digest_of_now_counts_a_refusal_that_carries_a_later_time(tmp_path: Path) -> None:
    ledger = ConsentLedger(open_state(tmp_path / "state.db"))
    ledger.import_records(records(("a", MARKETING, True, 0), ("b", MARKETING, True, 0), ("b", MARKETING, True, 9)))
    before = ledger.digest(START + HOUR, with_later_refusals=True)
    assert before == ledger.digest(START + HOUR), "a later grant counts later"
    ledger.import_records(records(("a", MARKETING, False, 9)))
    assert ledger.digest(START + HOUR) == before
    assert ledger.digest(START + HOUR, with_later_refusals=True) != before
    assert ledger.customers_in_force(MARKETING, START + HOUR) == {"b"}


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(PURPOSES), st.booleans(), st.integers(0, 5)), max_size=12
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, hours=st.integers(-1, 6))
def test_answers_equal_the_obvious_twin(tmp_path: Path, rows: list[tuple[str, str, bool, int]], hours: int) -> None:
    """Walk through the records by hand and compare every customer and purpose."""
    (tmp_path / "state.db").unlink(missing_ok=True)
    engine = open_state(tmp_path / "state.db")
    ledger = ConsentLedger(engine)
    if rows:
        ledger.import_records(records(*rows))
    for purpose in PURPOSES:
        expected = set()
        for customer in "abc":
            known = [
                (at, not granted)
                for who, what, granted, at in rows
                if (who, what) == (customer, purpose) and at <= hours
            ]
            if known and not max(known)[1]:
                expected.add(customer)
        assert ledger.granted_customers(purpose, START + hours * HOUR) == expected
        assert {c for c in "abc" if ledger.granted(c, purpose, START + hours * HOUR).granted} == expected
    engine.dispose()


def test_unknown_purposes_and_naive_times_are_refused(ledger: ConsentLedger) -> None:
    with pytest.raises(PurposeUnknown, match="'selling'"):
        ledger.granted("a", "selling", START)
    with pytest.raises(PurposeUnknown):
        ledger.import_records(records(("a", MARKETING, True, 0), ("a", "selling", True, 0)))
    assert ledger.granted_customers(MARKETING, START) == set()
    with pytest.raises(TimeWithoutZone):
        ledger.granted("a", MARKETING, datetime(2025, 1, 1))
    with pytest.raises(TimeWithoutZone):
        ledger.import_records(records(("a", MARKETING, True, 0)).assign(event_timestamp=pd.Timestamp("2025-01-01")))


def test_a_lookup_reads_the_index_alone(ledger: ConsentLedger, engine: sa.Engine) -> None:
    query = (
        "EXPLAIN QUERY PLAN SELECT granted, version FROM consent_records "
        "WHERE customer_id = 'a' AND purpose = 'marketing' AND event_us <= 5 "
        "ORDER BY event_us DESC, granted ASC, version DESC LIMIT 1"
    )
    with engine.connect() as connection:
        plan = " ".join(str(row[3]) for row in connection.execute(sa.text(query)))
    assert "USING COVERING INDEX" in plan


def decided(granted: bool, version: str = "v2") -> Decided:
    return Decided(MARKETING, granted, version, "form")


def test_a_decision_is_listed_with_its_time_version_and_source(ledger: ConsentLedger) -> None:
    ledger.decide("c1_a", [decided(True), Decided(PERSONALIZATION, False, "v3", "shop")], at=START)
    found = {one.purpose: one for one in ledger.on_file("c1_a", START)}
    assert (found[MARKETING].granted, found[MARKETING].since) == (True, START)
    assert (found[PERSONALIZATION].version, found[PERSONALIZATION].source) == ("v3", "shop")
    assert ledger.on_file("c1_a", START - HOUR) == ledger.on_file("c1_b", START) == []


def test_all_decisions_of_a_call_or_none(ledger: ConsentLedger) -> None:
    with pytest.raises(PurposeUnknown, match="research"):
        ledger.decide("c1_a", [decided(True), Decided("research", True, "v", "form")], at=START)
    assert ledger.on_file("c1_a", START) == []


def test_a_refusal_holds_whatever_the_clock_wrote_before(ledger: ConsentLedger) -> None:
    ledger.import_records(records(("c1_a", MARKETING, True, 0), ("c1_a", MARKETING, True, 9)))
    ledger.decide("c1_a", [decided(False)], at=START + HOUR)
    for hours in (1, 5, 9, 20):
        assert not ledger.in_force("c1_a", MARKETING, START + hours * HOUR).granted
    for hours in (1, 5, 10, 20):
        assert not ledger.granted("c1_a", MARKETING, START + hours * HOUR).granted
    assert ledger.granted("c1_a", MARKETING, START).granted  # what was allowed earlier stays on record


def test_a_grant_that_would_not_count_is_refused(ledger: ConsentLedger) -> None:
    ledger.decide("c1_a", [decided(False)], at=START + 5 * HOUR)
    with pytest.raises(ConsentBackdated, match="clock"):
        ledger.decide("c1_a", [decided(True)], at=START)
    ledger.decide("c1_a", [decided(True)], at=START + 5 * HOUR)  # at the very moment, but said later
    assert ledger.in_force("c1_a", MARKETING, START + 6 * HOUR).granted


def test_after_the_clock_was_moved_back_a_withdrawal_still_holds(ledger: ConsentLedger) -> None:
    ledger.decide("c1_a", [decided(True)], at=START)
    ledger.decide("c1_a", [decided(False)], at=START + 5 * HOUR)
    assert ledger.granted("c1_a", MARKETING, START + HOUR).granted
    assert not ledger.in_force("c1_a", MARKETING, START + HOUR).granted
    ledger.decide("c1_b", [decided(True)], at=START)
    assert ledger.granted_customers(MARKETING, START + HOUR) == {"c1_a", "c1_b"}
    assert ledger.customers_in_force(MARKETING, START + HOUR) == {"c1_b"}


def test_a_grant_dated_ahead_does_not_count_yet(ledger: ConsentLedger) -> None:
    ledger.import_records(records(("c1_a", MARKETING, True, 9)))
    assert not ledger.in_force("c1_a", MARKETING, START).granted
    assert ledger.in_force("c1_a", MARKETING, START + 9 * HOUR).granted


def test_replaced_decisions_expire_and_the_one_in_force_never(ledger: ConsentLedger) -> None:
    rows = [("c1_a", MARKETING, True, 0), ("c1_a", MARKETING, False, 2), ("c1_a", MARKETING, True, 8)]
    ledger.import_records(records(*rows, ("c1_b", MARKETING, True, 0)))
    before = START + 5 * HOUR
    answers = {h: ledger.digest(START + h * HOUR) for h in (5, 6, 8, 20)}
    assert ledger.expire(before, dry_run=True) == 1
    assert ledger.expire(before, dry_run=False) == 1
    assert ledger.expire(before, dry_run=False) == 0
    assert {h: ledger.digest(START + h * HOUR) for h in answers} == answers
    assert not ledger.granted("c1_a", MARKETING, before).granted
    assert ledger.granted("c1_b", MARKETING, before).granted
