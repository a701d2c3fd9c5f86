"""Who allowed what, when: an append-only ledger."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from privacy.errors import ConsentBackdated, PurposeUnknown, TimeWithoutZone

PERSONALIZATION: Final = "personalization"
MARKETING: Final = "marketing"
MODEL_TRAINING: Final = "model_training"
PRICE_PERSONALIZATION: Final = "price_personalization"
PURPOSES: Final = (PERSONALIZATION, MARKETING, MODEL_TRAINING, PRICE_PERSONALIZATION)

_METADATA = sa.MetaData()
_RECORDS = sa.Table(
    "consent_records",
    _METADATA,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("customer_id", sa.String(128), nullable=False),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("event_us", sa.BigInteger, nullable=False),  # microseconds since 1970, UTC
    sa.Column("granted", sa.Boolean, nullable=False),
    sa.Column("version", sa.String, nullable=False),  # "" when the source gave none
    sa.Column("source", sa.String, nullable=False),
    # The point lookup reads this index alone; it also makes a second import of the same records a no-op.
    sa.UniqueConstraint("customer_id", "purpose", "event_us", "granted", "version", "source"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH = 5_000
_LAST = datetime.max.replace(tzinfo=UTC)
_END_OF_TIME = (_LAST - _EPOCH) // timedelta(microseconds=1)

# At one and the same moment a refusal outweighs a grant, whatever the order of arrival.
_LATEST_FIRST = (_RECORDS.c.event_us.desc(), _RECORDS.c.granted.asc(), _RECORDS.c.version.desc())
_POINT = (
    sa.select(_RECORDS.c.granted, _RECORDS.c.version, _RECORDS.c.event_us)
    .where(
        _RECORDS.c.customer_id == sa.bindparam("customer"),
        _RECORDS.c.purpose == sa.bindparam("asked"),
        _RECORDS.c.event_us <= sa.bindparam("until"),
    )
    .order_by(*_LATEST_FIRST)
    .limit(1)
)


@dataclass(frozen=True)
class ConsentState:
    """What one customer allows for one purpose at one moment; never asked (`on_file` false) means not granted."""

    granted: bool
    version: str | None
    on_file: bool


@dataclass(frozen=True)
class Decided:
    """One decision of a person: for a purpose, yes or no, on which text, made where."""

    purpose: str
    granted: bool
    version: str
    source: str


@dataclass(frozen=True)
class ConsentOnFile(Decided):
    """A decision in force, and since when."""

    since: datetime


class ConsentLedger:
    """Consent records in an SQL table that is only ever added to.

    The latest record at or before the moment asked about decides; without one nothing is granted.
    """

    name = "consents"

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        _METADATA.create_all(engine)

    def import_records(self, records: pd.DataFrame) -> int:
        """Add many records; those already on file are passed over, so importing twice changes nothing.

        Args:
            records: customer_id, purpose, granted, event_timestamp (aware), and optionally version and source.

        Returns:
            How many records were new.

        Raises:
            PurposeUnknown: If a purpose is not one of `PURPOSES`; nothing is added then.
            TimeWithoutZone: If the timestamps are naive; nothing is added then.
        """
        for purpose in records["purpose"].unique():
            _check_purpose(str(purpose))
        if getattr(records["event_timestamp"].dtype, "tz", None) is None:
            raise TimeWithoutZone(field="event_timestamp")
        with self._engine.begin() as connection:
            before = self._count(connection)
            for batch in _batches(_rows(records)):
                connection.execute(self._insert(), batch)
            return self._count(connection) - before

    def record(
        self, customer_id: str, purpose: str, *, granted: bool, at: datetime, version: str | None, source: str
    ) -> None:
        """Add one decision of a customer.

        Raises:
            PurposeUnknown: If the purpose is not one of `PURPOSES`.
            TimeWithoutZone: If `at` is naive.
        """
        _check_purpose(purpose)
        row = {
            "customer_id": customer_id,
            "purpose": purpose,
            "event_us": _microseconds(at, field="at"),
            "granted": granted,
            "version": version or "",
            "source": source,
        }
        with self._engine.begin() as connection:
            connection.execute(self._insert(), [row])

    def decide(self, customer_id: str, decisions: Sequence[Decided], *, at: datetime) -> None:
        """Add what a person decides now, all of it or none.

        A refusal holds from now on whatever is on file, even if an earlier run of the clock dated a grant later than
        now. A grant is taken only if it comes after every decision on file.

        Raises:
            PurposeUnknown: If a purpose is not one of `PURPOSES`.
            TimeWithoutZone: If `at` is naive.
            ConsentBackdated: If a grant would come before a decision on file: the clock was moved back.
        """
        for decision in decisions:
            _check_purpose(decision.purpose)
        moment = _microseconds(at, field="at")
        with self._engine.begin() as connection:
            rows = [row for decision in decisions for row in _dated(connection, customer_id, decision, moment)]
            if rows:
                connection.execute(self._insert(), rows)

    def granted(self, customer_id: str, purpose: str, as_of: datetime) -> ConsentState:
        """Tell what a customer allows at a moment.

        Raises:
            PurposeUnknown: If the purpose is not one of `PURPOSES`.
            TimeWithoutZone: If `as_of` is naive.
        """
        _check_purpose(purpose)
        until = _microseconds(as_of, field="as_of")
        with self._engine.connect() as connection:
            row = connection.execute(_POINT, {"customer": customer_id, "asked": purpose, "until": until}).first()
        if row is None:
            return ConsentState(granted=False, version=None, on_file=False)
        return ConsentState(granted=row[0], version=row[1] or None, on_file=True)

    def in_force(self, customer_id: str, purpose: str, now: datetime) -> ConsentState:
        """Tell what a customer allows right now; a refusal that carries a later time counts already.

        So a withdrawal holds even after the clock was moved back behind it. For moments in the past ask `granted`.

        Raises:
            PurposeUnknown: If the purpose is not one of `PURPOSES`.
            TimeWithoutZone: If `now` is naive.
        """
        _check_purpose(purpose)
        moment = _microseconds(now, field="now")
        with self._engine.connect() as connection:
            row = connection.execute(_POINT, {"customer": customer_id, "asked": purpose, "until": _END_OF_TIME}).first()
        if row is None:
            return ConsentState(granted=False, version=None, on_file=False)
        if not row[0] or row[2] <= moment:
            return ConsentState(granted=row[0], version=row[1] or None, on_file=True)
        return self.granted(customer_id, purpose, now)

    def on_file(self, customer_id: str, as_of: datetime) -> list[ConsentOnFile]:
        """List a person's decisions in force at a moment, one for each purpose that was ever decided.

        Raises:
            TimeWithoutZone: If `as_of` is naive.
        """
        return [
            ConsentOnFile(row.purpose, bool(row.granted), row.version, row.source, _moment(row.event_us))
            for row in self._states(as_of, customer_id)
        ]

    def expire(self, before: datetime, *, dry_run: bool) -> int:
        """Remove decisions that were replaced before a moment; the one in force stays for good.

        What anybody allowed at that moment or later can still be told.

        Returns:
            How many were removed, or would be.
        """
        later = _RECORDS.alias("later")
        replaced = sa.exists().where(
            later.c.customer_id == _RECORDS.c.customer_id,
            later.c.purpose == _RECORDS.c.purpose,
            later.c.event_us > _RECORDS.c.event_us,
            later.c.event_us <= _microseconds(before, field="before"),
        )
        old = sa.and_(_RECORDS.c.event_us < _microseconds(before, field="before"), replaced)
        with self._engine.begin() as connection:
            if dry_run:
                return connection.execute(sa.select(sa.func.count()).select_from(_RECORDS).where(old)).scalar_one()
            return connection.execute(sa.delete(_RECORDS).where(old)).rowcount

    def granted_customers(self, purpose: str, as_of: datetime) -> set[str]:
        """Collect every customer who allows a purpose at a moment.

        Raises:
            PurposeUnknown: If the purpose is not one of `PURPOSES`.
            TimeWithoutZone: If `as_of` is naive.
        """
        _check_purpose(purpose)
        return {row.customer_id for row in self._states(as_of) if row.purpose == purpose and row.granted}

    def customers_in_force(self, purpose: str, now: datetime) -> set[str]:
        """Collect every customer who allows a purpose right now; a refusal that carries a later time counts already.

        Raises:
            PurposeUnknown: If the purpose is not one of `PURPOSES`.
            TimeWithoutZone: If `now` is naive.
        """
        later = {row.customer_id for row in self._states(_LAST) if row.purpose == purpose and not row.granted}
        return self.granted_customers(purpose, now) - later

    def digest(self, as_of: datetime, *, with_later_refusals: bool = False) -> str:
        """Give the SHA-256 of every state in force at a moment, whatever the order the records came in.

        Args:
            as_of: The moment.
            with_later_refusals: For right now: a refusal that carries a later time counts, as `in_force` has it.

        Raises:
            TimeWithoutZone: If `as_of` is naive.
        """
        states = {(row.customer_id, row.purpose): row for row in self._states(as_of)}
        for row in self._states(_LAST) if with_later_refusals else ():
            if not row.granted:
                states[row.customer_id, row.purpose] = row
        sha256 = hashlib.sha256()
        for (customer_id, purpose), row in sorted(states.items(), key=lambda state: state[0]):
            sha256.update(json.dumps([customer_id, purpose, bool(row.granted), row.version]).encode() + b"\n")
        return sha256.hexdigest()

    def _states(self, as_of: datetime, customer_id: str | None = None) -> Iterator[sa.Row[Any]]:
        place = sa.func.row_number().over(
            partition_by=(_RECORDS.c.customer_id, _RECORDS.c.purpose), order_by=_LATEST_FIRST
        )
        ranked = (
            sa.select(_RECORDS, place.label("place"))
            .where(_RECORDS.c.event_us <= _microseconds(as_of, field="as_of"))
            .where(sa.true() if customer_id is None else _RECORDS.c.customer_id == customer_id)
            .subquery()
        )
        latest = sa.select(ranked).where(ranked.c.place == 1).order_by(ranked.c.customer_id, ranked.c.purpose)
        with self._engine.connect() as connection:
            yield from connection.execute(latest)

    def _insert(self) -> sa.Executable:
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(_RECORDS).on_conflict_do_nothing()
        return sqlite.insert(_RECORDS).on_conflict_do_nothing()

    @staticmethod
    def _count(connection: sa.Connection) -> int:
        return connection.execute(sa.select(sa.func.count()).select_from(_RECORDS)).scalar_one()


def _check_purpose(purpose: str) -> None:
    if purpose not in PURPOSES:
        raise PurposeUnknown(purpose=purpose, known=PURPOSES)


def _microseconds(moment: datetime, *, field: str) -> int:
    if moment.tzinfo is None:
        raise TimeWithoutZone(field=field)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _dated(
    connection: sa.Connection, customer_id: str, decision: Decided, moment: int
) -> Iterator[Mapping[str, object]]:
    """Give a decision the time or times at which it must stand to be the one in force."""
    same = (_RECORDS.c.customer_id == customer_id) & (_RECORDS.c.purpose == decision.purpose)
    newest = connection.execute(sa.select(sa.func.max(_RECORDS.c.event_us)).where(same)).scalar()
    if newest is not None and newest > moment and decision.granted:
        raise ConsentBackdated(purpose=decision.purpose)
    for event_us in {moment} if newest is None or newest < moment else {moment, newest + 1}:
        yield {
            "customer_id": customer_id,
            "purpose": decision.purpose,
            "event_us": event_us,
            "granted": decision.granted,
            "version": decision.version,
            "source": decision.source,
        }


def _rows(records: pd.DataFrame) -> Iterator[Mapping[str, object]]:
    optional = records.reindex(columns=["version", "source"])
    texts = optional.astype(object).where(optional.notna(), "")
    moments = records["event_timestamp"].dt.tz_convert("UTC").dt.as_unit("us").astype("int64")
    columns = (
        records["customer_id"],
        records["purpose"],
        records["granted"],
        moments,
        texts["version"],
        texts["source"],
    )
    for customer_id, purpose, granted, event_us, version, source in zip(*columns, strict=True):
        yield {
            "customer_id": str(customer_id),
            "purpose": str(purpose),
            "event_us": int(event_us),
            "granted": bool(granted),
            "version": str(version),
            "source": str(source),
        }


def _batches(rows: Iterable[Mapping[str, object]]) -> Iterator[list[Mapping[str, object]]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
