"""The data report: what came in, what was refused, and what to know before trusting it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
from pydantic import BaseModel, ConfigDict

from features import columns as c
from features.engine import connect, quoted
from features.lake import LakeManifest
from features.staging import ColumnProfile, Staged

REPORT_NAME: Final = "data-report"

Value = float | datetime | date | None


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class ColumnReport(_Part):
    """One column of the accepted rows; `completeness` is the share that holds a value, in [0, 1]."""

    name: str
    supplied: bool
    completeness: float
    minimum: Value
    maximum: Value


class TableReport(_Part):
    """One table: every row of the source is accepted or refused, and what became of the accepted ones."""

    table: str
    origin: str
    n_rows: int
    n_accepted: int
    n_rejected: int
    n_merged: int  # accepted rows that became one with another of the same key
    n_added: int  # rows made for products that were sold but not described
    n_written: int
    n_repeated: int  # rows that equal another in every column, kept as they are
    reject_reasons: dict[str, int]
    columns: list[ColumnReport]
    ignored_columns: list[str]
    n_times_without_zone: int
    oldest: datetime | None
    newest: datetime | None
    age_days: float | None
    stale: bool


class ReferenceReport(_Part):
    """Ids in one table that another does not know."""

    table: str
    column: str
    known_from: str
    n_rows: int
    n_ids: int


class DataReport(_Part):
    """Everything the report says; the page shows the same."""

    created_at: datetime
    source: str
    snapshot_digest: str
    stale_after_days: int
    notes: list[str]
    warnings: list[str]
    tables: list[TableReport]
    references: list[ReferenceReport]


# A consent or a finished campaign does not go off with time; sales, promotions and stock do.
_PERISHABLE: Final = (c.TRANSACTIONS, c.PROMOTIONS, c.INVENTORY)

# table, column, the table that should know the id
_REFERENCES: Final = (
    (c.TRANSACTIONS, c.PRODUCT_ID, c.PRODUCTS),
    (c.PROMOTIONS, c.PRODUCT_ID, c.PRODUCTS),
    (c.INVENTORY, c.PRODUCT_ID, c.PRODUCTS),
    (c.PROMOTIONS, c.STORE_ID, c.TRANSACTIONS),
    (c.TRANSACTIONS, c.CUSTOMER_ID, c.CONSENTS),
    (c.CONSENTS, c.CUSTOMER_ID, c.TRANSACTIONS),
    (c.CAMPAIGNS, c.CUSTOMER_ID, c.TRANSACTIONS),
    (c.REDEMPTIONS, c.CUSTOMER_ID, c.TRANSACTIONS),
    (c.REDEMPTIONS, c.CAMPAIGN_ID, c.CAMPAIGNS),
)
_MEANING: Final[Mapping[tuple[str, str], str]] = {
    (c.TRANSACTIONS, c.PRODUCT_ID): "They are kept in the lake and stay out of recommendations until described.",
    (c.TRANSACTIONS, c.CUSTOMER_ID): "Without a consent on file nothing is granted: they are served without profile.",
}


def describe(
    staged: Mapping[str, Staged],
    n_written: Mapping[str, int],
    manifest: LakeManifest,
    lake: Path,
    *,
    notes: Sequence[str],
    stale_after_days: int,
    now: datetime,
) -> DataReport:
    """Put the report together from what staging counted and what the finished lake holds.

    Args:
        staged: What was read, by table.
        n_written: Rows of each finished table.
        manifest: The finished lake's manifest.
        lake: The finished lake's folder.
        notes: What the source wants readers to know.
        stale_after_days: Age past which a table counts as stale; days.
        now: The moment ages are measured from.
    """
    with connect() as database:
        tables = [
            _table(part, n_written.get(table), _n_repeated(database, lake, table), stale_after_days, now)
            for table, part in staged.items()
        ]
        references = _references(database, lake, staged)
    return DataReport(
        created_at=now,
        source=manifest.source,
        snapshot_digest=manifest.snapshot_digest,
        stale_after_days=stale_after_days,
        notes=list(notes),
        warnings=[*_table_warnings(tables), *_reference_warnings(references)],
        tables=tables,
        references=references,
    )


def _table(part: Staged, n_written: int | None, n_repeated: int, stale_after_days: int, now: datetime) -> TableReport:
    time_column = part.contract.time_column
    times = part.profiles[time_column] if time_column else ColumnProfile(supplied=False)
    newest = _moment(times.maximum)
    age = None if newest is None else now - newest
    kept = part.n_accepted if n_written is None else n_written
    return TableReport(
        table=part.contract.table,
        origin=part.origin,
        n_rows=part.counts.n_rows,
        n_accepted=part.n_accepted,
        n_rejected=part.counts.n_rejected,
        n_merged=max(part.n_accepted - kept, 0),
        n_added=max(kept - part.n_accepted, 0),
        n_written=kept,
        n_repeated=n_repeated,
        reject_reasons=dict(part.counts.reasons.most_common()),
        columns=[_column(name, profile) for name, profile in part.profiles.items()],
        # Names of sensitive attributes stay with their values.
        ignored_columns=part.ignored,
        n_times_without_zone=part.n_without_zone,
        oldest=_moment(times.minimum),
        newest=newest,
        age_days=None if age is None else age / timedelta(days=1),
        stale=part.contract.table in _PERISHABLE and age is not None and age > timedelta(days=stale_after_days),
    )


def _column(name: str, profile: ColumnProfile) -> ColumnReport:
    share = profile.n_present / profile.n_rows if profile.n_rows else 0.0
    return ColumnReport(
        name=name, supplied=profile.supplied, completeness=share, minimum=profile.minimum, maximum=profile.maximum
    )


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None


def _n_repeated(database: duckdb.DuckDBPyConnection, lake: Path, table: str) -> int:
    """Count rows that equal another; only tables of events may hold any."""
    if table not in (c.TRANSACTIONS, c.REDEMPTIONS):
        return 0
    path = _parquet(lake, table)
    found = database.sql(
        f"SELECT (SELECT count(*) FROM {path}) - (SELECT count(*) FROM (SELECT DISTINCT * FROM {path}))"  # noqa: S608
    ).fetchall()
    return int(found[0][0])


def _references(database: duckdb.DuckDBPyConnection, lake: Path, staged: Mapping[str, Staged]) -> list[ReferenceReport]:
    found = []
    for table, column, known_from in _REFERENCES:
        if table not in staged or known_from not in staged:
            continue
        # Of products the source's own count, not the rows made up for what was sold but not described.
        known = f"read_parquet('{quoted(staged[known_from].path)}')"
        row = database.sql(
            f"SELECT count(*), count(DISTINCT {column}) FROM {_parquet(lake, table)} "  # noqa: S608
            f"WHERE {column} NOT IN (SELECT DISTINCT {column} FROM {known})"
        ).fetchall()
        n_rows, n_ids = row[0]
        found.append(ReferenceReport(table=table, column=column, known_from=known_from, n_rows=n_rows, n_ids=n_ids))
    return found


def _table_warnings(tables: Sequence[TableReport]) -> list[str]:
    warnings = []
    for part in tables:
        if part.stale and part.newest is not None:
            warnings.append(
                f"{part.table}: the newest row is of {part.newest:%Y-%m-%d}, {part.age_days:,.0f} days ago."
            )
        if part.ignored_columns:
            warnings.append(
                f"{part.table}: columns outside the contract were ignored: {', '.join(part.ignored_columns)}."
            )
        if part.n_times_without_zone:
            warnings.append(f"{part.table}: {part.n_times_without_zone:,} times named no zone and were read as UTC.")
    return warnings


def _reference_warnings(references: Sequence[ReferenceReport]) -> list[str]:
    return [
        f"{part.table}: {part.n_rows:,} rows name {part.n_ids:,} {part.column} values that {part.known_from} does not "
        f"hold. {_MEANING.get((part.table, part.column), '')}".strip()
        for part in references
        if part.n_rows
    ]


def _parquet(lake: Path, table: str) -> str:
    return f"read_parquet('{quoted(lake / f'{table}.parquet')}')"
