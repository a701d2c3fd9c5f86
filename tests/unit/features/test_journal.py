"""The journal: what is on disk, in which order, once each."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from features.journal import AppendResult, Event, EventType, Journal
from privacy.state import open_state

NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """An empty journal."""
    return Journal(open_state(tmp_path / "state.db"))


def test_events_come_back_whole_and_in_order(journal: Journal) -> None:
    events = [
        event("e1", occurred_at=NOON),
        event("e2", "search", product_id=None, store_id=None, quantity=None, unit_price_usd=None),
        event("e3", occurred_at=NOON - timedelta(days=3), decision_id="dec_1"),
    ]
    assert append(journal, events) == AppendResult(seqs=(1, 2, 3), duplicates=0)
    assert journal.events_after("c1", 0) == events
    assert journal.events_after("c1", 2) == events[2:]
    assert journal.events_after("c2", 0) == []
    assert append(journal, []) == AppendResult(seqs=(), duplicates=0)


def test_an_event_id_counts_once_in_a_batch_over_batches_and_over_restarts(journal: Journal, tmp_path: Path) -> None:
    first = event("e1", quantity=1.0)
    assert append(journal, [first, replace(first, quantity=9.0), event("e2")]).duplicates == 1
    second = append(journal, [replace(first, customer_id="c9"), event("e3")])
    assert (len(second.seqs), second.duplicates) == (1, 1)
    reopened = Journal(open_state(tmp_path / "state.db"))
    assert append(reopened, [event("e3"), event("e2")]) == AppendResult(seqs=(), duplicates=2)
    assert reopened.events_after("c1", 0) == [first, event("e2"), event("e3")]


def test_places_grow_and_are_never_given_twice(journal: Journal, tmp_path: Path) -> None:
    first = append(journal, [event("e1"), event("e2")]).seqs
    with open_state(tmp_path / "state.db").begin() as connection:
        connection.execute(sa.text("DELETE FROM events"))
    assert append(journal, [event("e3")]).seqs[0] > first[1] > first[0] > 0


def test_events_accepted_before_a_moment_expire(journal: Journal) -> None:
    for day in range(4):
        journal.append(
            [event(f"e{day}")],
            data_times=[NOON],
            recorded_at=NOON + timedelta(days=day),
            foldable=(),
        )
    before = NOON + timedelta(days=2)
    assert journal.expire(before, dry_run=True) == 2
    assert journal.expire(before, dry_run=False) == 2
    assert [one.event_id for one in journal.events_after("c1", 0)] == ["e2", "e3"]
    assert journal.expire(before, dry_run=False) == 0


def test_a_full_batch_goes_in_at_once(journal: Journal) -> None:
    events = [event(f"e{i}", customer_id=f"c{i % 7}") for i in range(500)]
    assert len(append(journal, events).seqs) == 500
    assert [e.event_id for e in journal.events_after("c3", 0)] == [f"e{i}" for i in range(3, 500, 7)]


def test_threads_appending_the_same_events_keep_each_once(journal: Journal) -> None:
    results: list[AppendResult] = []

    def write(start: int) -> None:
        results.extend(append(journal, [event(f"e{i}")]) for i in range(start, start + 30))

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(result.seqs) for result in results) == 50
    assert sum(result.duplicates for result in results) == 40
    assert {e.event_id for e in journal.events_after("c1", 0)} == {f"e{i}" for i in range(50)}


def test_what_was_appended_survives_a_process_killed_at_once(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from datetime import UTC, datetime\n"
        "from features.journal import Event, Journal; from privacy.state import open_state\n"
        "now = datetime(2026, 5, 4, tzinfo=UTC)\n"
        "journal = Journal(open_state(Path(sys.argv[1])))\n"
        "event = Event('e1', 'purchase', 'c1', 'p1', None, None, None, None, now)\n"
        "journal.append([event], data_times=[now], recorded_at=now, foldable={'c1'})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "state.db")], capture_output=True)
    assert killed.returncode == -9, killed.stderr
    assert [e.event_id for e in Journal(open_state(tmp_path / "state.db")).events_after("c1", 0)] == ["e1"]


def test_only_what_changes_features_of_the_willing_is_foldable(journal: Journal) -> None:
    kinds: list[EventType] = ["impression", "view", "add_to_basket", "remove_from_basket", "purchase", "search"]
    append(journal, [event(f"e{i}", kind) for i, kind in enumerate(kinds)])
    append(journal, [event("no-product", "view", product_id=None)])
    append(journal, [event("unwilling", "view")], foldable=set())
    entries = journal.foldable_after("c1", 0, as_of=None, materialised_at=None)
    assert [entry.event.event_id for entry in entries] == ["e1", "e2", "e3", "e4"]
    assert [entry.seq for entry in journal.foldable_after("c1", 3, as_of=None, materialised_at=None)] == [4, 5]
    assert journal.last_seqs() == {"c1": 5}


def test_what_the_lake_covers_is_left_out(journal: Journal) -> None:
    as_of, filled = NOON - timedelta(hours=12), NOON - timedelta(hours=10)
    old, new = as_of - timedelta(seconds=1), as_of
    append(journal, [event("in the lake")], recorded_at=filled - timedelta(seconds=1), data_times=[old])
    append(journal, [event("after the lake")], recorded_at=filled - timedelta(seconds=1), data_times=[new])
    append(journal, [event("late")], recorded_at=filled, data_times=[old])
    entries = journal.foldable_after("c1", 0, as_of=as_of, materialised_at=filled)
    assert [entry.event.event_id for entry in entries] == ["after the lake", "late"]


def test_lines_of_one_product_at_one_moment_repeat_each_other(journal: Journal) -> None:
    append(journal, [event("e1"), event("e2"), event("e3", occurred_at=NOON + timedelta(microseconds=1))])
    append(journal, [event("e4"), event("e5", product_id="p2"), event("e6", customer_id="c2")])
    flags = {
        entry.event.event_id: entry.repeats_line
        for customer_id in ("c1", "c2")
        for entry in journal.foldable_after(customer_id, 0, as_of=None, materialised_at=None)
    }
    assert flags == {"e1": False, "e2": True, "e3": False, "e4": True, "e5": False, "e6": False}


def event(event_id: str, kind: EventType = "purchase", **changes: object) -> Event:
    """Make an event of c1 with p1."""
    plain = Event(event_id, kind, "c1", "p1", "s1", 2.0, 1.5, None, NOON)
    return replace(plain, **changes)  # type: ignore[arg-type]


def append(
    journal: Journal,
    events: Sequence[Event],
    *,
    data_times: Sequence[datetime] | None = None,
    recorded_at: datetime = NOON,
    foldable: set[str] | None = None,
) -> AppendResult:
    """Append events that occur now and may be folded."""
    return journal.append(
        events,
        data_times=data_times or [e.occurred_at for e in events],
        recorded_at=recorded_at,
        foldable={e.customer_id for e in events} if foldable is None else foldable,
    )
