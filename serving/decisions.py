"""The record of every answer, written beside the request path and never in its way."""

import json
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from configs.settings import DecisionSettings
from serving.lists import rfc3339
from serving.log import failed
from serving.metrics import DECISIONS_LOST

_METADATA: Final = sa.MetaData()
_DECISIONS: Final = sa.Table(
    "decisions",
    _METADATA,
    sa.Column("decision_id", sa.String(64), primary_key=True),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("subject_id", sa.String(64), nullable=True, index=True),
    sa.Column("facts", sa.String, nullable=False),
)


@dataclass(frozen=True)
class Decision:
    """One answer and what stood behind it.

    Args:
        decision_id: Id in the answer.
        created_at: Time of the answer, RFC 3339.
        subject_id: Pseudonym of the person whose profile was used; None when none was.
        facts: What `GET /v1/decisions/{id}` shows, without id and time.
    """

    decision_id: str
    created_at: str
    subject_id: str | None
    facts: dict[str, Any]

    def shown(self) -> dict[str, Any]:
        """Give the record as callers see it: the person is not named."""
        return {"decision_id": self.decision_id, "created_at": self.created_at, **self.facts}


def new_decision_id() -> str:
    """Make an id that nobody can guess."""
    return f"dec_{secrets.token_hex(12)}"


def decisions_since(engine: sa.Engine, created_at: str) -> list[Decision]:
    """Read the decisions on disk from a moment on, oldest first.

    Args:
        engine: Database of the records.
        created_at: RFC 3339 in UTC, as decisions are stamped.
    """
    _METADATA.create_all(engine)
    statement = sa.select(_DECISIONS).where(_DECISIONS.c.created_at >= created_at).order_by(_DECISIONS.c.created_at)
    with engine.connect() as connection:
        return [Decision(row[0], row[1], row[2], json.loads(row[3])) for row in connection.execute(statement)]


class OldDecisions:
    """The decisions on disk by when they were made.

    Args:
        engine: Database of the records.
    """

    name = "decisions"

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        _METADATA.create_all(engine)

    def expire(self, before: datetime, *, dry_run: bool) -> int:
        """Remove decisions made before a moment, or count them."""
        old = _DECISIONS.c.created_at < rfc3339(before)
        with self._engine.begin() as connection:
            if dry_run:
                return connection.execute(sa.select(sa.func.count()).select_from(_DECISIONS).where(old)).scalar_one()
            return connection.execute(sa.delete(_DECISIONS).where(old)).rowcount


class DecisionLog:
    """A bounded queue in front of a table.

    `record` only puts the decision into memory; a thread writes batches. When the table cannot keep up and the
    queue is full, decisions are dropped and counted: an answer never waits for its record.

    Args:
        engine: Database of the records.
        settings: Size of the queue and the longest wait in it.
    """

    def __init__(self, engine: sa.Engine, settings: DecisionSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._pending: dict[str, Decision] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        _METADATA.create_all(engine)
        self._writer = threading.Thread(target=self._write_on, name="decisions", daemon=True)
        self._writer.start()

    @property
    def longest_wait_s(self) -> float:
        """Seconds after which a decision of another process is on disk."""
        return 2 * self._settings.flush_s

    def record(self, decision: Decision) -> None:
        """Queue a decision; a full queue drops it and counts the loss."""
        with self._lock:
            if len(self._pending) >= self._settings.max_pending:
                DECISIONS_LOST.inc()
                return
            self._pending[decision.decision_id] = decision

    def find(self, decision_id: str) -> dict[str, Any] | None:
        """Look a decision up, in the queue and then on disk."""
        with self._lock:
            waiting = self._pending.get(decision_id)
        if waiting:
            return waiting.shown()
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(_DECISIONS).where(_DECISIONS.c.decision_id == decision_id)).first()
        return None if row is None else Decision(row[0], row[1], row[2], json.loads(row[3])).shown()

    def flush(self) -> None:
        """Write everything queued to disk; what cannot be written stays queued."""
        with self._lock:
            batch = list(self._pending.values())
        if not batch:
            return
        rows = [
            {
                "decision_id": d.decision_id,
                "created_at": d.created_at,
                "subject_id": d.subject_id,
                "facts": json.dumps(d.facts),
            }
            for d in batch
        ]
        try:
            with self._engine.begin() as connection:
                connection.execute(_DECISIONS.insert(), rows)
        except sa.exc.SQLAlchemyError as failure:
            failed("decisions could not be written; they wait for the next attempt", failure, waiting=len(batch))
            return
        with self._lock:
            for decision in batch:
                del self._pending[decision.decision_id]

    def close(self) -> None:
        """Write what is left and stop the thread."""
        self._closing.set()
        self._writer.join()
        self.flush()

    def _write_on(self) -> None:
        while not self._closing.wait(self._settings.flush_s):
            self.flush()
