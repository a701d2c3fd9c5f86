"""Who allowed what, when: an append-only ledger."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from privacy.errors import PurposeUnknown, TimeWithoutZone

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

# At one and the same moment a refusal outweighs a grant, whatever the order of arrival.
_LATEST_FIRST = (_RECORDS.c.event_us.desc(), _RECORDS.c.granted.asc(), _RECORDS.c.version.desc())
_POINT = (
    sa.select(_RECORDS.c.granted, _RECORDS.c.version)
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


class ConsentLedger:
    """Consent records in an SQL table that is only ever added to.

    The latest record at or before the moment asked about decides; without one nothing is granted.
    """

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

    def granted_customers(self, purpose: str, as_of: datetime) -> set[str]:
        """Collect every customer who allows a purpose at a moment.

        Raises:
            PurposeUnknown: If the purpose is not one of `PURPOSES`.
            TimeWithoutZone: If `as_of` is naive.
        """
        _check_purpose(purpose)
        return {row.customer_id for row in self._states(as_of) if row.purpose == purpose and row.granted}

    def digest(self, as_of: datetime) -> str:
        """Give the SHA-256 of every state in force at a moment, whatever the order the records came in.

        Raises:
            TimeWithoutZone: If `as_of` is naive.
        """
        sha256 = hashlib.sha256()
        for row in self._states(as_of):
            sha256.update(json.dumps([row.customer_id, row.purpose, bool(row.granted), row.version]).encode() + b"\n")
        return sha256.hexdigest()

    def _states(self, as_of: datetime) -> Iterator[sa.Row[Any]]:
        place = sa.func.row_number().over(
            partition_by=(_RECORDS.c.customer_id, _RECORDS.c.purpose), order_by=_LATEST_FIRST
        )
        ranked = (
            sa.select(_RECORDS, place.label("place"))
            .where(_RECORDS.c.event_us <= _microseconds(as_of, field="as_of"))
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
