"""The book of erasures: what was asked for, how far it has got, and the receipt."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

import sqlalchemy as sa

from privacy.forgetting.errors import ErasureKeyReused, ErasureUnknown
from privacy.forgetting.modes import Mode
from privacy.forgetting.receipts import Receipt
from privacy.forgetting.subjects import new_stand_in
from privacy.instants import instant, microseconds

WAITING: Final = "waiting"  # asked for, or begun and not finished
SEALING: Final = "sealing"  # all stores done and the person's names forgotten; bytes on disk still to be rewritten
DONE: Final = "done"

_NO_STEPS: Final = "{}"
_NONE: Final = "[]"
_METADATA: Final = sa.MetaData()
_ERASURES: Final = sa.Table(
    "erasures",
    _METADATA,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("erasure_id", sa.String(64), nullable=False, unique=True),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("requested_us", sa.BigInteger, nullable=False),
    sa.Column("requested_by", sa.String(128), nullable=False),  # a role or the name of an API key
    sa.Column("source_id", sa.String(128)),  # the shop's id while it is needed, then null
    sa.Column("stand_in", sa.String(64)),  # what stands in the person's place where rows stay, then null
    sa.Column("steps", sa.String, nullable=False),  # store -> what was found and whether it is done
    sa.Column("finished_us", sa.BigInteger),
    sa.Column("receipt", sa.String),
    sa.Column("concerned", sa.Boolean, nullable=False),  # whether anything was found, so that models learnt from it
    sa.Column("stale_snapshots", sa.String, nullable=False),  # digests of the lake that held the person
    sa.Column("ticket", sa.String(64), unique=True),  # keyed digest of caller and idempotency key
    sa.Column("ticket_request", sa.String(64)),  # keyed digest of what was asked under it
)


@dataclass(frozen=True)
class Step:
    """How far an erasure has got in one store: rows found before the first attempt, and whether it is done."""

    found: int | None
    done: bool


@dataclass(frozen=True)
class Entry:
    """One erasure as the book holds it.

    Attributes:
        source_id: The shop's own id; None once it was forgotten.
        stand_in: What stands in the person's place where rows stay; None once it was forgotten.
        steps: Progress by store.
        stale_snapshots: Digests of the lake's contents that held the person.
    """

    erasure_id: str
    mode: Mode
    state: str
    requested_at: datetime
    requested_by: str
    source_id: str | None
    stand_in: str | None
    steps: Mapping[str, Step]
    finished_at: datetime | None
    receipt: Receipt | None
    stale_snapshots: tuple[str, ...]


@dataclass(frozen=True)
class Ticket:
    """Keyed digests of an idempotency key and of the request it came with; neither tells an id."""

    key: str
    request: str


@dataclass(frozen=True)
class Obligation:
    """What finished or running erasures of people who were found ask of models.

    A model rests on an erased person's data when it was trained before the erasure, or from a lake that still held
    the person.
    """

    erased_at: datetime
    stale_snapshots: frozenset[str]

    def concerns(self, trained_at: datetime, data_snapshot_digest: str) -> bool:
        """Tell whether a model may have learnt from the person."""
        return trained_at <= self.erased_at or data_snapshot_digest in self.stale_snapshots

    def due(self, within_days: int) -> datetime:
        """Say by when such a model must be gone."""
        return self.erased_at + timedelta(days=within_days)


class ErasureBook:
    """Erasures in an SQL table; a person's names stay in it no longer than the run needs them.

    Args:
        engine: Database whose commits are on disk when they return.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        _METADATA.create_all(engine)

    def open(self, source_id: str, mode: Mode, *, by: str, at: datetime, ticket: Ticket | None = None) -> str:
        """Write a request down; the same ticket again gives the erasure that it started.

        Returns:
            The id of the erasure.

        Raises:
            ErasureKeyReused: If the ticket came with another request before.
        """
        row = {
            "erasure_id": f"er_{secrets.token_hex(12)}",
            "mode": mode,
            "state": WAITING,
            "requested_us": microseconds(at),
            "requested_by": by,
            "source_id": source_id,
            "stand_in": new_stand_in(),
            "steps": _NO_STEPS,
            "concerned": False,
            "stale_snapshots": _NONE,
            "ticket": ticket.key if ticket else None,
            "ticket_request": ticket.request if ticket else None,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(_ERASURES.insert().values(row))
        except sa.exc.IntegrityError:
            if ticket is None:
                raise
            return self._started_by(ticket)
        return str(row["erasure_id"])

    def get(self, erasure_id: str) -> Entry:
        """Read one erasure.

        Raises:
            ErasureUnknown: If there is none of this id.
        """
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(_ERASURES).where(_ERASURES.c.erasure_id == erasure_id)).first()
        if row is None:
            raise ErasureUnknown(erasure_id=erasure_id)
        return _entry(row)

    def unfinished(self, state: str = WAITING) -> list[Entry]:
        """List the erasures in one of the two unfinished states, oldest first."""
        asked = sa.select(_ERASURES).where(_ERASURES.c.state == state).order_by(_ERASURES.c.sequence)
        with self._engine.connect() as connection:
            return [_entry(row) for row in connection.execute(asked)]

    def asked_for(self, source_id: str) -> list[Entry]:
        """List the erasures of a person that have not yet forgotten whom they are about, oldest first."""
        asked = sa.select(_ERASURES).where(_ERASURES.c.source_id == source_id).order_by(_ERASURES.c.sequence)
        with self._engine.connect() as connection:
            return [_entry(row) for row in connection.execute(asked)]

    def begin(self, erasure_ids: Sequence[str], snapshots: Sequence[str]) -> None:
        """Keep which contents of the lake held the people, unless an earlier attempt did before it changed them."""
        untouched = (_ERASURES.c.stale_snapshots == _NONE) & (_ERASURES.c.steps == _NO_STEPS)
        with self._engine.begin() as connection:
            for erasure_id in erasure_ids:
                connection.execute(
                    _ERASURES.update()
                    .where(_ERASURES.c.erasure_id == erasure_id, untouched)
                    .values(stale_snapshots=json.dumps(list(snapshots)))
                )

    def note(self, steps: Mapping[str, Mapping[str, Step]]) -> None:
        """Write down progress of several erasures in one commit.

        Args:
            steps: All steps so far, by erasure and store.
        """
        rows = [
            {
                "key": erasure_id,
                "said": json.dumps({store: [step.found, step.done] for store, step in progress.items()}),
                "anything": any(step.found for step in progress.values()),
            }
            for erasure_id, progress in steps.items()
        ]
        values: dict[str, Any] = {"steps": sa.bindparam("said"), "concerned": sa.bindparam("anything")}
        with self._engine.begin() as connection:
            connection.execute(
                _ERASURES.update().where(_ERASURES.c.erasure_id == sa.bindparam("key")).values(values), rows
            )

    def seal(self, receipts: Sequence[Receipt]) -> None:
        """Keep the receipts and forget the people's names, in one commit; their bytes go with the next `compact`."""
        rows = [
            {"key": one.erasure_id, "signed": one.model_dump_json(), "at": microseconds(one.finished_at)}
            for one in receipts
        ]
        values: dict[str, Any] = {
            "state": SEALING,
            "source_id": None,
            "stand_in": None,
            "receipt": sa.bindparam("signed"),
            "finished_us": sa.bindparam("at"),
        }
        with self._engine.begin() as connection:
            connection.execute(
                _ERASURES.update().where(_ERASURES.c.erasure_id == sa.bindparam("key")).values(values), rows
            )

    def close(self) -> None:
        """Call every sealed erasure done, after the bytes were rewritten."""
        with self._engine.begin() as connection:
            connection.execute(_ERASURES.update().where(_ERASURES.c.state == SEALING).values(state=DONE))

    def obligations(self) -> list[Obligation]:
        """List what erasures of people who were found ask of models."""
        asked = sa.select(_ERASURES.c.requested_us, _ERASURES.c.finished_us, _ERASURES.c.stale_snapshots).where(
            _ERASURES.c.concerned
        )
        with self._engine.connect() as connection:
            return [
                Obligation(instant(row[0] if row[1] is None else row[1]), frozenset(json.loads(row[2])))
                for row in connection.execute(asked)
            ]

    def _started_by(self, ticket: Ticket) -> str:
        asked = sa.select(_ERASURES.c.erasure_id, _ERASURES.c.ticket_request).where(_ERASURES.c.ticket == ticket.key)
        with self._engine.connect() as connection:
            erasure_id, request = connection.execute(asked).one()
        if request != ticket.request:
            raise ErasureKeyReused
        return str(erasure_id)


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(
        erasure_id=row.erasure_id,
        mode=cast("Mode", row.mode),
        state=row.state,
        requested_at=instant(row.requested_us),
        requested_by=row.requested_by,
        source_id=row.source_id,
        stand_in=row.stand_in,
        steps={store: Step(found, done) for store, (found, done) in json.loads(row.steps).items()},
        finished_at=None if row.finished_us is None else instant(row.finished_us),
        receipt=Receipt.model_validate_json(row.receipt) if row.receipt else None,
        stale_snapshots=tuple(json.loads(row.stale_snapshots)),
    )
