"""The tamper-evident record of every move of a suggestion.

Each entry holds the SHA-256 of the one before, as in `privacy.audit_log`; but it is a row, written in the transaction
that changes the suggestion, so that no move can be made and not logged, or logged and not made.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from serving.pricing.errors import MoveLogBroken
from serving.pricing.moments import shown
from serving.pricing.states import Status
from serving.pricing.tables import GENESIS, HEAD, HEADS, MOVES, SUGGESTIONS

CREATE: Final = "create"


@dataclass(frozen=True)
class Step:
    """One move of one suggestion.

    Attributes:
        suggestion_id: Which.
        actor: Name of the API key that made it, or `automatic`.
        action: What was done.
        before: State before; None for a new suggestion.
        after: State after.
        facts: What else must be known: prices from and to, reasons; values that JSON can hold.
    """

    suggestion_id: str
    actor: str
    action: str
    before: Status | None
    after: Status
    facts: Mapping[str, Any]


class MoveLog:
    """Hash-chained rows and their head.

    A changed, removed or reordered row breaks the chain; rows cut off the end disagree with the head, and with the
    state of the suggestion that they moved. Whoever can rewrite every table can still forge a whole new chain: keep
    the digest that `verify` gives elsewhere if that matters.
    """

    @staticmethod
    def lock(connection: sa.Connection) -> None:
        """Keep every other writer out until the transaction ends; call it before anything is read."""
        connection.execute(HEADS.update().where(HEADS.c.name == HEAD).values(n_moves=HEADS.c.n_moves))

    @staticmethod
    def append(connection: sa.Connection, steps: Sequence[Step], at: datetime) -> None:
        """Add entries within the transaction that makes the moves; `lock` must have been called in it."""
        n_moves, previous = _head(connection)
        rows = []
        for step in steps:
            n_moves += 1
            entry = _entry(step, n_moves, at, previous)
            previous = hashlib.sha256(entry.encode()).hexdigest()
            rows.append({"sequence": n_moves, "suggestion_id": step.suggestion_id, "entry": entry, "digest": previous})
        if rows:
            connection.execute(MOVES.insert(), rows)
            connection.execute(HEADS.update().where(HEADS.c.name == HEAD).values(n_moves=n_moves, digest=previous))

    @staticmethod
    def of(connection: sa.Connection, suggestion_id: str) -> list[dict[str, Any]]:
        """Give the moves of one suggestion, first to last, without the digests."""
        asked = sa.select(MOVES.c.entry).where(MOVES.c.suggestion_id == suggestion_id).order_by(MOVES.c.sequence)
        entries = [json.loads(entry) for entry in connection.execute(asked).scalars()]
        kept = ("at", "actor", "action", "from", "to", "facts")
        return [{key: entry[key] for key in kept} for entry in entries]

    @staticmethod
    def verify(connection: sa.Connection) -> str:
        """Check every entry against the one before, the last against the head, and suggestions against their moves.

        Returns:
            Digest of the last entry.

        Raises:
            MoveLogBroken: If the log is not as it was written; names the first entry that shows it.
        """
        previous, n_read = GENESIS, 0
        states: dict[str, str] = {}
        for sequence, suggestion_id, text, digest in connection.execute(sa.select(MOVES).order_by(MOVES.c.sequence)):
            n_read += 1
            if sequence != n_read:
                raise MoveLogBroken(entry=n_read, problem="is missing")
            if hashlib.sha256(text.encode()).hexdigest() != digest:
                raise MoveLogBroken(entry=sequence, problem="is not what was written")
            entry = json.loads(text)
            if (entry["previous"], entry["sequence"], entry["suggestion_id"]) != (previous, sequence, suggestion_id):
                raise MoveLogBroken(entry=sequence, problem="does not follow from the entry before it")
            if entry["from"] != states.get(suggestion_id):
                raise MoveLogBroken(entry=sequence, problem="starts from another state than the suggestion was in")
            previous, states[suggestion_id] = digest, entry["to"]
        if (n_read, previous) != _head(connection):
            raise MoveLogBroken(entry=n_read, problem="is not the last that was written")
        _compare(connection, states, n_read)
        return previous


def _compare(connection: sa.Connection, states: Mapping[str, str], n_read: int) -> None:
    actual = {
        row[0]: row[1] for row in connection.execute(sa.select(SUGGESTIONS.c.suggestion_id, SUGGESTIONS.c.status))
    }
    for suggestion_id in sorted(actual.keys() | states.keys()):
        if actual.get(suggestion_id) != states.get(suggestion_id):
            raise MoveLogBroken(entry=n_read, problem=f"leaves {suggestion_id} in another state than it is in")


def _head(connection: sa.Connection) -> tuple[int, str]:
    row = connection.execute(sa.select(HEADS.c.n_moves, HEADS.c.digest).where(HEADS.c.name == HEAD)).one()
    return int(row[0]), str(row[1])


def _entry(step: Step, sequence: int, at: datetime, previous: str) -> str:
    facts = {
        "sequence": sequence,
        "at": shown(at),
        "suggestion_id": step.suggestion_id,
        "actor": step.actor,
        "action": step.action,
        "from": step.before,
        "to": step.after,
        "facts": dict(step.facts),
        "previous": previous,
    }
    return json.dumps(facts, sort_keys=True)
