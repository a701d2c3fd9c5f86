"""The event journal: accepted events on disk, in the order they were accepted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

EventType = Literal["impression", "view", "add_to_basket", "remove_from_basket", "purchase", "search"]

PURCHASE: Final = "purchase"
FOLDED_TYPES: Final = (PURCHASE, "view", "add_to_basket", "remove_from_basket")  # the types that change features

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_METADATA: Final = sa.MetaData()
_EVENTS: Final = sa.Table(
    "events",
    _METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("event_id", sa.String(128), nullable=False, unique=True),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("customer_id", sa.String(128), nullable=False),
    sa.Column("product_id", sa.String(128)),
    sa.Column("store_id", sa.String(128)),
    sa.Column("quantity", sa.Float),
    sa.Column("unit_price_usd", sa.Float),
    sa.Column("decision_id", sa.String(128)),
    sa.Column("occurred_us", sa.BigInteger, nullable=False),  # wall clock of the sender; microseconds since 1970, UTC
    sa.Column("data_us", sa.BigInteger, nullable=False),  # the same moment in data time
    sa.Column("recorded_us", sa.BigInteger, nullable=False),  # wall clock when it was accepted
    sa.Column("foldable", sa.Boolean, nullable=False),  # whether its person allowed personalization then
    sa.Index("ix_events_customer", "customer_id", "seq"),
    sa.Index("ix_events_line", "customer_id", "product_id", "occurred_us"),
    sqlite_autoincrement=True,  # a number is never given twice, not even after rows were erased
)


@dataclass(frozen=True)
class Event:
    """Something a person did or was shown; `customer_id` is the pseudonym of a customer or of a visitor."""

    event_id: str
    type: EventType
    customer_id: str
    product_id: str | None
    store_id: str | None
    quantity: float | None
    unit_price_usd: float | None
    decision_id: str | None
    occurred_at: datetime


@dataclass(frozen=True)
class JournalEntry:
    """An event as the journal holds it.

    Attributes:
        seq: Place in the journal, growing.
        event: The event.
        data_time: When it occurred, in data time.
        repeats_line: Whether an earlier entry is a purchase of the same product by the same person at the same
            moment: one basket with two lines, which counts once.
    """

    seq: int
    event: Event
    data_time: datetime
    repeats_line: bool


@dataclass(frozen=True)
class AppendResult:
    """What one append did: the places given to new events, and how many were on file already."""

    seqs: tuple[int, ...]
    duplicates: int


class Journal:
    """Accepted events in one SQL table that is only ever added to.

    Args:
        engine: Database whose commits are on disk when they return, as `privacy.state.open_state` makes.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        _METADATA.create_all(engine)

    def append(
        self,
        events: Sequence[Event],
        *,
        data_times: Sequence[datetime],
        recorded_at: datetime,
        foldable: Collection[str],
    ) -> AppendResult:
        """Write events to disk in one commit; an event id seen before, here or in an earlier batch, is passed over.

        Args:
            events: Events in the order to keep.
            data_times: When each occurred, in data time.
            recorded_at: Wall-clock time of acceptance.
            foldable: Pseudonyms in the batch whose events may change features.
        """
        if not events:
            return AppendResult(seqs=(), duplicates=0)
        rows = [
            _row(event, data_time, recorded_at, event.customer_id in foldable)
            for event, data_time in zip(events, data_times, strict=True)
        ]
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        insert = dialect.insert(_EVENTS).values(rows).on_conflict_do_nothing(index_elements=["event_id"])
        with self._engine.begin() as connection:
            seqs = sorted(connection.execute(insert.returning(_EVENTS.c.seq)).scalars())
        return AppendResult(seqs=tuple(seqs), duplicates=len(rows) - len(seqs))

    def events_after(self, customer_id: str, seq: int) -> list[Event]:
        """List a person's events past a place in the journal, of every type, in journal order."""
        with self._engine.connect() as connection:
            statement = _of(customer_id, seq).order_by(_EVENTS.c.seq)
            return [_event(row) for row in connection.execute(statement)]

    def foldable_after(
        self, customer_id: str, seq: int, *, as_of: datetime | None, materialised_at: datetime | None
    ) -> list[JournalEntry]:
        """List what changes a person's features past a place in the journal, in journal order.

        Left out: types that change nothing, events from before the person allowed personalization, and events that
        the lake already covered when the online store was filled from it.

        Args:
            customer_id: The person's pseudonym.
            seq: Only entries past this place.
            as_of: Data time the lake was known to; purchases before it are in the lake ...
            materialised_at: ... unless they were accepted after this wall-clock moment.
        """
        earlier = _EVENTS.alias("earlier")
        repeats_line = sa.exists().where(
            earlier.c.customer_id == _EVENTS.c.customer_id,
            earlier.c.product_id == _EVENTS.c.product_id,
            earlier.c.occurred_us == _EVENTS.c.occurred_us,
            earlier.c.type == PURCHASE,
            earlier.c.foldable,
            earlier.c.seq < _EVENTS.c.seq,
        )
        statement = (
            _of(customer_id, seq)
            .add_columns(repeats_line.label("repeats_line"))
            .where(_EVENTS.c.foldable, _EVENTS.c.type.in_(FOLDED_TYPES), _EVENTS.c.product_id.is_not(None))
            .order_by(_EVENTS.c.seq)
        )
        if as_of is not None and materialised_at is not None:
            covered = (_EVENTS.c.data_us < _microseconds(as_of)) & (
                _EVENTS.c.recorded_us < _microseconds(materialised_at)
            )
            statement = statement.where(~covered)
        with self._engine.connect() as connection:
            return [
                JournalEntry(row.seq, _event(row), _moment(row.data_us), bool(row.repeats_line))
                for row in connection.execute(statement)
            ]

    def purchases_since(self, moment: datetime) -> list[Event]:
        """List everybody's purchases that occurred at or after a wall-clock moment, in journal order."""
        statement = (
            sa.select(_EVENTS)
            .where(_EVENTS.c.type == PURCHASE, _EVENTS.c.occurred_us >= _microseconds(moment))
            .order_by(_EVENTS.c.seq)
        )
        with self._engine.connect() as connection:
            return [_event(row) for row in connection.execute(statement)]

    def expire(self, before: datetime, *, dry_run: bool) -> int:
        """Remove events accepted before a wall-clock moment, or count them.

        What they changed in the online rows stays there; a row that is filled anew from the lake goes without them.
        """
        old = _EVENTS.c.recorded_us < _microseconds(before)
        with self._engine.begin() as connection:
            if dry_run:
                return connection.execute(sa.select(sa.func.count()).select_from(_EVENTS).where(old)).scalar_one()
            return connection.execute(sa.delete(_EVENTS).where(old)).rowcount

    @property
    def name(self) -> str:
        """What retention calls the journal."""
        return "event journal"

    def last_seqs(self) -> dict[str, int]:
        """Give the place of the newest feature-changing event of everyone who has one."""
        statement = (
            sa.select(_EVENTS.c.customer_id, sa.func.max(_EVENTS.c.seq).label("seq"))
            .where(_EVENTS.c.foldable, _EVENTS.c.type.in_(FOLDED_TYPES), _EVENTS.c.product_id.is_not(None))
            .group_by(_EVENTS.c.customer_id)
        )
        with self._engine.connect() as connection:
            return {row.customer_id: row.seq for row in connection.execute(statement)}


def _of(customer_id: str, seq: int) -> sa.Select[Any]:
    return sa.select(_EVENTS).where(_EVENTS.c.customer_id == customer_id, _EVENTS.c.seq > seq)


def _row(event: Event, data_time: datetime, recorded_at: datetime, foldable: bool) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "type": event.type,
        "customer_id": event.customer_id,
        "product_id": event.product_id,
        "store_id": event.store_id,
        "quantity": event.quantity,
        "unit_price_usd": event.unit_price_usd,
        "decision_id": event.decision_id,
        "occurred_us": _microseconds(event.occurred_at),
        "data_us": _microseconds(data_time),
        "recorded_us": _microseconds(recorded_at),
        "foldable": foldable,
    }


def _event(row: sa.Row[Any]) -> Event:
    return Event(
        event_id=row.event_id,
        type=row.type,
        customer_id=row.customer_id,
        product_id=row.product_id,
        store_id=row.store_id,
        quantity=row.quantity,
        unit_price_usd=row.unit_price_usd,
        decision_id=row.decision_id,
        occurred_at=_moment(row.occurred_us),
    )


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
