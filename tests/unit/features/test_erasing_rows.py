"""Databases without their people: online rows under Feast's keys, and the journal in both modes."""

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from features.erasing_rows import OnlineStoreRows, journal_rows
from features.journal import Event, Journal
from features.online_rows import key_of
from privacy.forgetting.subjects import Subject

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANNA = Subject("anna", ("c1_a", "c2_a"), "n0_anna")
BERT = Subject("bert", ("c1_b",), "n0_bert")


@pytest.fixture
def feast(tmp_path: Path) -> Path:
    """An online store with two views and three names."""
    with contextlib.closing(sqlite3.connect(tmp_path / "online.db")) as database, database:
        for view in ("customer_history", "customer_profile"):
            database.execute(f'CREATE TABLE "fairshelf_{view}" (entity_key BLOB, feature_name TEXT, value BLOB)')
            rows = [(key_of(name), feature, b"1") for name in ("c1_a", "c2_a", "c1_b") for feature in "xyz"]
            database.executemany(f'INSERT INTO "fairshelf_{view}" VALUES (?, ?, ?)', rows)  # noqa: S608
    return tmp_path


def test_online_rows_go_and_others_stay(feast: Path) -> None:
    store = OnlineStoreRows(feast)
    assert store.count([ANNA, BERT]) == [4, 2]
    store.erase([ANNA])
    store.anonymise([ANNA])
    assert store.count([ANNA, BERT]) == [0, 2]
    assert b"c1_a" not in (feast / "online.db").read_bytes()


def test_without_an_online_store_there_is_nothing(tmp_path: Path) -> None:
    store = OnlineStoreRows(tmp_path)
    store.erase([ANNA])
    assert (store.count([ANNA]), store.find(ANNA)) == ([0], [])
    assert not (tmp_path / "online.db").exists()


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    kinds = ("view", "purchase", "purchase", "search")
    events = [
        Event(f"{name}-{place}", kind, name, "p", "s", 1.0, 1.0, "dec_1", NOW)  # type: ignore[arg-type]
        for name in ("c1_a", "c1_b")
        for place, kind in enumerate(kinds)
    ]
    Journal(engine).append(events, data_times=[NOW] * 8, recorded_at=NOW, foldable=["c1_a", "c1_b"])
    return engine


def test_the_journal_forgets_a_person(engine: sa.Engine) -> None:
    store = journal_rows(engine)
    assert store.count([ANNA, BERT]) == [4, 4]
    assert {row["type"] for row in store.find(ANNA)} == {"view", "purchase", "search"}
    store.erase([ANNA])
    assert store.count([ANNA, BERT]) == [0, 4]
    assert len(Journal(engine).purchases_since(NOW)) == 2


def test_the_journal_keeps_purchases_without_their_person(engine: sa.Engine) -> None:
    store = journal_rows(engine)
    store.anonymise([ANNA])
    store.anonymise([ANNA])
    assert store.count([ANNA, BERT]) == [0, 4]
    kept = [one for one in Journal(engine).purchases_since(NOW) if one.customer_id == "n0_anna"]
    assert len({one.event_id for one in kept}) == 2
    assert all(one.event_id.startswith("n0_") and one.decision_id is None for one in kept)
    assert "n0_anna" not in Journal(engine).last_seqs(), "nothing is folded into features any more"


def test_a_database_without_a_journal_holds_nothing(tmp_path: Path) -> None:
    store = journal_rows(sa.create_engine(f"sqlite:///{tmp_path / 'empty.db'}"))
    store.erase([ANNA])
    store.anonymise([ANNA])
    assert (store.count([ANNA]), store.find(ANNA)) == ([0], [])
