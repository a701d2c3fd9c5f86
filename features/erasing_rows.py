"""Erasable stores of the features package that are databases: the online store and the event journal."""

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from features.journal import PURCHASE
from features.locks import held
from features.online_rows import key_of
from features.store import ONLINE_VIEWS, Store
from privacy.forgetting.erasable_rows import StateRows, parts
from privacy.forgetting.modes import ANONYMISE, Mode
from privacy.forgetting.subjects import Subject, pseudonyms_of

ONLINE_DATABASE: Final = "online.db"
EVENT_TABLE: Final = "events"

_TIMEOUT_S: Final = 30.0


class OnlineStoreRows:
    """Histories and profiles in the online store, under Feast's own keys.

    Args:
        feast_dir: Folder of the online store.
    """

    name = "online store"

    def __init__(self, feast_dir: Path) -> None:
        self._dir = feast_dir

    def action(self, mode: Mode) -> str:  # noqa: ARG002 - the same in both modes
        """Say in words what happens here."""
        return "history, session and profile are removed; nothing is personalised from then on"

    def find(self, subject: Subject) -> list[dict[str, Any]]:
        """Give the person's history and profile, by feature names."""
        if not (self._dir / ONLINE_DATABASE).exists():
            return []
        store = Store(self._dir)
        return [row for name in subject.pseudonyms if (row := store.online_customer(name)) is not None]

    def count(self, subjects: Sequence[Subject]) -> list[int | None]:
        """Count the person's rows: one for each view that holds them."""
        counts = [0] * len(subjects)
        with self._open() as database:
            for table in _tables(database):
                asked = f'SELECT count(DISTINCT entity_key) FROM "{table}" WHERE entity_key = ?'  # noqa: S608
                for pseudonym, place in pseudonyms_of(subjects).items():
                    counts[place] += database.execute(asked, (key_of(pseudonym),)).fetchone()[0]
        return list(counts)

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Remove the people's rows while no event is folded."""
        keys = [(key_of(pseudonym),) for pseudonym in pseudonyms_of(subjects)]
        with held(self._dir / ".online.lock"), self._open() as database:
            for table in _tables(database):
                database.executemany(f'DELETE FROM "{table}" WHERE entity_key = ?', keys)  # noqa: S608

    def anonymise(self, subjects: Sequence[Subject]) -> None:
        """Remove the people's rows: a profile describes one person and nothing else."""
        self.erase(subjects)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction; without a file, an empty database."""
        path = self._dir / ONLINE_DATABASE
        place = str(path) if path.exists() else ":memory:"
        with contextlib.closing(sqlite3.connect(place, timeout=_TIMEOUT_S)) as database, database:
            database.execute("PRAGMA secure_delete = ON")
            yield database


@dataclass(frozen=True)
class JournalRows(StateRows):
    """The event journal."""

    def action(self, mode: Mode) -> str:
        """Say in words what happens here."""
        if mode == ANONYMISE:
            return (
                "purchases get a random customer id and random event ids and lose their link to the recommendation; "
                "views, baskets, searches and impressions are removed"
            )
        return "every event is removed"

    def anonymise(self, subjects: Sequence[Subject]) -> None:
        """Keep the people's purchases under ids that nothing leads to, and remove all their other events."""
        table = self._reflected()
        if table is None:
            return
        places = pseudonyms_of(subjects)
        with self.engine.begin() as connection:
            for names in parts(places):
                theirs = table.c[self.column].in_(names)
                connection.execute(sa.delete(table).where(theirs, table.c.type != PURCHASE))
                kept = connection.execute(sa.select(table.c.seq, table.c[self.column]).where(theirs)).all()
                for seq, pseudonym in kept:
                    new = {
                        self.column: subjects[places[pseudonym]].stand_in,
                        "event_id": f"n0_{secrets.token_hex(16)}",
                        "decision_id": None,
                        "foldable": False,
                    }
                    connection.execute(sa.update(table).where(table.c.seq == seq).values(new))


def journal_rows(engine: sa.Engine) -> JournalRows:
    """Give the event journal as a store."""
    return JournalRows(engine, "event journal", EVENT_TABLE, "customer_id", "")


def _tables(database: sqlite3.Connection) -> list[str]:
    found = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [table for table in found if table.endswith(tuple(f"_{view}" for view in ONLINE_VIEWS))]
