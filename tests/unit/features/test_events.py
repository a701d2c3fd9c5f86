"""Events on their way into the online features: in order, once, and only with consent."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configs.settings import FeatureSettings
from features.build import build_features
from features.clock import Clock
from features.events import Event, EventRecorder, RecordResult
from features.journal import EventType, Journal
from features.lake import Lake
from features.store import Store
from privacy.consent import PERSONALIZATION, ConsentLedger
from privacy.state import open_state

AS_OF = datetime(2017, 3, 1, tzinfo=UTC)
LINES = [
    ("c1", "p1", "s1", "b1", "2017-01-30 00:00:00", 1, 2.0, 2.0, 0.0),
    ("c1", "p2", "s1", "b2", "2017-02-19 00:00:00", 1, 3.0, 3.0, 0.0),
    ("c2", "p1", "s2", "b3", "2017-02-10 10:00:00", 3, 6.1, 6.3, 0.2),
]


@dataclass
class World:
    """A small shop in replay: data ends at AS_OF, c1 and `new` allow personalization, c2 does not."""

    feast_dir: Path
    state: Path
    settings: FeatureSettings
    store: Store
    journal: Journal
    consent: ConsentLedger
    recorder: EventRecorder

    def history(self, customer_id: str) -> dict[str, Any]:
        """Give the online row of somebody known."""
        row = self.store.online_customer(customer_id)
        assert row is not None
        return row

    def restarted(self) -> EventRecorder:
        """Give what a new process would make of the same folders."""
        engine = open_state(self.state)
        clock = Clock("replay", self.feast_dir)
        store = Store(self.feast_dir)
        return EventRecorder(Journal(engine), store, ConsentLedger(engine), self.settings, clock)


@pytest.fixture
def world(make_lake: Callable[..., Lake], tmp_path: Path, feature_settings: FeatureSettings) -> World:
    """The small shop, materialised."""
    feast_dir = tmp_path / "feast"
    build_features(make_lake(LINES), feast_dir / "tables", [AS_OF], feature_settings)
    store = Store(feast_dir)
    store.apply()
    store.materialize(AS_OF)
    engine = open_state(tmp_path / "state.db")
    consent = ConsentLedger(engine)
    for customer_id in ("c1", "new"):
        consent.record(customer_id, PERSONALIZATION, granted=True, at=AS_OF, version="1", source="test")
    journal = Journal(engine)
    recorder = EventRecorder(journal, store, consent, feature_settings, Clock("replay", feast_dir))
    return World(feast_dir, tmp_path / "state.db", feature_settings, store, journal, consent, recorder)


def test_a_purchase_shows_in_the_next_read(world: World) -> None:
    assert world.recorder.record([event("e1", "purchase", "p1")]) == RecordResult(accepted=1, duplicates=0)
    row = world.history("c1")
    assert row["product_ids"] == ["p1", "p2"]
    assert row["n_baskets"] == [2, 1]
    assert row["days_since_last"][0] < 60 / 86_400  # data time goes on from AS_OF
    assert row["days_since_first"] == pytest.approx([30, 10], abs=0.01)
    assert row["n_baskets_total"] == 2  # the profile is the lake's until the next snapshot
    assert row["journal_seq"] == 1


def test_views_and_basket_changes_make_the_session(world: World) -> None:
    world.recorder.record([event("e1", "view", "p3"), event("e2", "add_to_basket", "p5"), event("e3", "view", "p1")])
    assert world.history("c1")["session_product_ids"] == ["p1", "p5", "p3"]
    world.recorder.record([event("e4", "remove_from_basket", "p5"), event("e5", "purchase", "p1")])
    assert world.history("c1")["session_product_ids"] == ["p3"]
    assert world.history("c1")["n_baskets"][0] == 2


def test_impressions_and_searches_are_journaled_and_change_nothing(world: World) -> None:
    before = world.history("c1")
    result = world.recorder.record([event("e1", "impression", "p3"), replace(event("e2", "search"), product_id=None)])
    assert result.accepted == 2
    assert world.history("c1") == before
    assert [e.event_id for e in world.journal.events_after("c1", 0)] == ["e1", "e2"]


def test_duplicates_count_once(world: World) -> None:
    purchase = event("e1", "purchase", "p1")
    assert world.recorder.record([purchase, purchase]) == RecordResult(accepted=1, duplicates=1)
    assert world.recorder.record([purchase]) == RecordResult(accepted=0, duplicates=1)
    assert world.restarted().record([purchase]) == RecordResult(accepted=0, duplicates=1)
    assert world.history("c1")["n_baskets"] == [2, 1]


def test_two_lines_at_one_moment_are_one_basket_and_a_later_one_is_another(world: World) -> None:
    now = datetime.now(UTC)
    first = event("e1", "purchase", "p1", at=now)
    world.recorder.record([first, replace(first, event_id="e2")])
    world.recorder.record([replace(first, event_id="e3")])  # the same line once more, in a batch of its own
    assert world.history("c1")["n_baskets"] == [2, 1]
    world.recorder.record([event("e4", "purchase", "p1", at=now + timedelta(milliseconds=1))])
    assert world.history("c1")["n_baskets"] == [3, 1]


def test_a_new_customer_gets_a_fresh_row(world: World) -> None:
    assert world.store.online_customer("new") is None
    world.recorder.record([event("e1", "purchase", "p5", customer_id="new")])
    row = world.history("new")
    assert (row["product_ids"], row["n_baskets"], row["n_baskets_total"]) == (["p5"], [1], None)


def test_without_consent_events_are_kept_but_not_folded(world: World) -> None:
    before = world.history("c2")
    result = world.recorder.record(
        [event("e1", "purchase", "p5", customer_id="c2"), event("e2", "view", "p5", customer_id="v1_visitor")]
    )
    assert result.accepted == 2
    assert world.history("c2") == before
    assert world.store.online_customer("v1_visitor") is None
    assert len(world.journal.events_after("c2", 0)) == 1


def test_consent_given_later_does_not_reach_back(world: World) -> None:
    world.recorder.record([event("e1", "purchase", "p5", customer_id="c2")])
    world.consent.record("c2", PERSONALIZATION, granted=True, at=datetime.now(UTC), version="2", source="test")
    world.recorder.record([event("e2", "purchase", "p3", customer_id="c2")])
    assert sorted(world.history("c2")["product_ids"]) == ["p1", "p3"]
    assert world.recorder.recover() == 0


def test_consent_withdrawn_stops_folding(world: World) -> None:
    world.consent.record("c1", PERSONALIZATION, granted=False, at=datetime.now(UTC), version="2", source="test")
    before = world.history("c1")
    world.recorder.record([event("e1", "purchase", "p5")])
    assert world.history("c1") == before
    assert world.recorder.recover() == 0


def test_a_crash_between_disk_and_features_is_made_up_for_once(world: World) -> None:
    now = datetime.now(UTC)
    events = [event("e1", "purchase", "p1"), event("e2", "purchase", "p5", customer_id="new")]
    world.journal.append(
        events, data_times=[AS_OF + timedelta(hours=1)] * 2, recorded_at=now, foldable={"c1", "new"}
    )  # and the process dies here
    assert world.store.online_customer("new") is None

    recorder = world.restarted()
    assert recorder.recover() == 2
    after = world.history("c1")
    assert after["n_baskets"] == [2, 1]
    assert world.history("new")["product_ids"] == ["p5"]
    assert recorder.recover() == 0
    assert world.restarted().recover() == 0
    assert world.history("c1") == after


def test_the_next_event_makes_up_for_what_a_crash_left(world: World) -> None:
    now = datetime.now(UTC)
    world.journal.append([event("e1", "purchase", "p1")], data_times=[AS_OF], recorded_at=now, foldable={"c1"})
    world.recorder.record([event("e2", "purchase", "p5")])
    assert world.history("c1")["product_ids"] == ["p5", "p1", "p2"]
    assert world.history("c1")["n_baskets"] == [1, 2, 1]


def test_a_failing_fold_does_not_turn_accepted_events_away(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise OSError("disk")

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "push_history", fail)
        assert world.recorder.record([event("e1", "purchase", "p1")]).accepted == 1
    assert "1 events are on disk" in caplog.text
    assert "c1" not in caplog.text
    assert world.history("c1")["n_baskets"] == [1, 1]
    assert world.recorder.recover() == 1
    assert world.history("c1")["product_ids"] == ["p1", "p2"]


def test_materialising_again_loses_no_event_and_doubles_none(world: World) -> None:
    world.recorder.record([event("e1", "purchase", "p5"), event("e2", "view", "p3")])
    world.store.materialize(AS_OF)
    assert world.history("c1")["product_ids"] == ["p2", "p1"]
    assert world.recorder.recover() == 1
    row = world.history("c1")
    assert row["product_ids"] == ["p5", "p2", "p1"]
    assert row["n_baskets"] == [1, 1, 1]
    assert row["session_product_ids"] == ["p3"]


def test_events_from_before_the_data_ended_count_at_its_end_in_replay(world: World) -> None:
    world.recorder.record([event("e1", "purchase", "p5", at=datetime.now(UTC) - timedelta(days=20))])
    row = world.history("c1")
    assert row["product_ids"][0] == "p5"
    assert row["days_since_last"][0] < 60 / 86_400


def test_threads_folding_for_one_customer_lose_nothing(world: World) -> None:
    now = datetime.now(UTC)
    recorders = [world.recorder, world.restarted(), world.restarted()]

    def buy(which: int) -> None:
        for i in range(5):
            at = now + timedelta(milliseconds=100 * which + i)
            recorders[which].record([event(f"e{which}-{i}", "purchase", "p1", at=at)])

    threads = [threading.Thread(target=buy, args=(which,)) for which in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = world.history("c1")
    assert row["n_baskets"] == [16, 1]
    assert row["journal_seq"] == 15


def test_folding_while_another_thread_materialises_ends(world: World) -> None:
    filling = threading.Thread(target=world.store.materialize, args=(AS_OF,), daemon=True)
    filling.start()
    for i in range(10):
        world.recorder.record([event(f"e{i}", "purchase", "p1")])
    filling.join(timeout=60)
    assert not filling.is_alive()
    world.recorder.recover()
    assert world.history("c1")["n_baskets"][0] == 11


def test_folding_equals_building_with_the_purchase_in_the_lake(
    world: World, make_lake: Callable[..., Lake], tmp_path: Path
) -> None:
    world.recorder.record([event("e1", "purchase", "p1"), event("e2", "purchase", "p3")])
    folded = world.history("c1")
    bought = [entry.data_time for entry in world.journal.foldable_after("c1", 0, as_of=None, materialised_at=None)]
    lines = [("c1", p, "s1", "b9", t.isoformat(), 1, 1.0, 1.0, 0.0) for p, t in zip(("p1", "p3"), bought, strict=True)]
    as_of = AS_OF + timedelta(days=1)
    build_features(make_lake([*LINES, *lines], "both"), tmp_path / "both" / "tables", [as_of], world.settings)
    store = Store(tmp_path / "both")
    store.apply()
    store.materialize(as_of)
    built = store.online_customer("c1")
    assert built is not None
    later = (built["as_of_epoch_s"] - folded["as_of_epoch_s"]) / 86_400
    assert folded["product_ids"] == built["product_ids"]
    assert folded["n_baskets"] == built["n_baskets"]
    for name in ("days_since_last", "days_since_first"):
        assert [value + later for value in folded[name]] == pytest.approx(built[name], abs=1e-9)
    for name, half_life in (("decayed_short", 30), ("decayed_long", 90)):
        assert [value * 2 ** (-later / half_life) for value in folded[name]] == pytest.approx(built[name], abs=1e-9)


def event(
    event_id: str,
    kind: EventType,
    product_id: str | None = "p1",
    *,
    customer_id: str = "c1",
    at: datetime | None = None,
) -> Event:
    """Make an event that occurs now."""
    return Event(event_id, kind, customer_id, product_id, "s1", 1.0, 2.0, None, at or datetime.now(UTC))
