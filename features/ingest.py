"""The one door into the lake, whatever the source.

A source's tables are checked against their contracts, bad rows set aside with their reasons, customers given
pseudonyms, demographics sealed apart, and the finished lake put in the old one's place in one step. A run that fails
leaves the old lake as it was.
"""

import errno
import fcntl
import io
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from configs.settings import IngestSettings, PrivacySettings, StorageSettings
from features import columns as c
from features.contracts import CONTRACTS
from features.data_report import REPORT_NAME, DataReport, describe
from features.data_report_page import render
from features.errors import DiskFull, IngestRunning, TableEmpty, TooManyRejects
from features.lake import (
    LAKE_FORMAT,
    MANIFEST,
    REJECTS,
    Lake,
    LakeManifest,
    publish,
    snapshot_digest,
    table_entry,
)
from features.lake_tables import LakeTables
from features.late_arrivals import NOBODY, Tombs
from features.sources.complete_journey import CompleteJourneySource, installed_data
from features.sources.files import FileSource
from features.sources.source import Source
from features.staging import CustomerNames, Staged, stage
from privacy.consent import ConsentLedger
from privacy.forgetting.tombstones import tombstones_on_file
from privacy.key_ring import require_settled
from privacy.proven_keys import proven_pseudonymizer
from privacy.sealed import load_or_create_public_key, seal
from privacy.state import open_state
from privacy.vault import open_vault

SEALED_DEMOGRAPHICS: Final = "demographics.sealed"
FAILED_REJECTS: Final = "rejects-failed"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class IngestResult:
    """A finished ingest.

    Args:
        lake: The new lake.
        report: What came in and what was refused.
        report_page: The same for people.
        n_new_consents: Consent records that the ledger did not hold before.
        n_customers: Distinct customers met in any table.
    """

    lake: Lake
    report: DataReport
    report_page: Path
    n_new_consents: int
    n_customers: int


def ingest_complete_journey(
    storage: StorageSettings, settings: IngestSettings, privacy: PrivacySettings, progress: Progress
) -> IngestResult:
    """Ingest the demonstration data; see `ingest`.

    Raises:
        SourcePackageMissing: If the data package is not installed.
    """
    source = CompleteJourneySource(installed_data(), refusal_share=privacy.demo_refusal_share)
    return ingest(source, storage, settings, privacy, now=datetime.now(UTC), progress=progress)


def ingest_files(
    directory: Path, storage: StorageSettings, settings: IngestSettings, privacy: PrivacySettings, progress: Progress
) -> IngestResult:
    """Ingest a folder of CSV or Parquet files, one per table; see `ingest`.

    Raises:
        SourceError: If the folder or one of its files cannot be read as contract tables.
    """
    source = FileSource(directory, trading_time_zone=settings.trading_time_zone)
    return ingest(source, storage, settings, privacy, now=datetime.now(UTC), progress=progress)


def ingest(
    source: Source,
    storage: StorageSettings,
    settings: IngestSettings,
    privacy: PrivacySettings,
    *,
    now: datetime,
    progress: Progress,
) -> IngestResult:
    """Read a source, check it, and put it in the lake's place.

    Args:
        source: Where the tables come from.
        storage: Where the lake, keys, vault, consents and reports are kept.
        settings: Limits of the door.
        privacy: Pseudonym keys.
        now: The moment rows may not lie after, and ages are measured from.
        progress: Told each step in words.

    Raises:
        SourceError: If the source cannot be read as contract tables.
        TableEmpty: If no transaction could be accepted.
        TooManyRejects: If too large a share of a table's rows is refused.
        KeyMissing: If a key is missing and may not be made.
        KeyLost, KeyUnusable: If the key of the names on file is gone, or is not this one.
        RotationUnfinished: If a change of pseudonym keys was cut short.
        IngestRunning: If another ingest writes to the same lake.
        DiskFull: If there is no room left.
    """
    with alone(storage.root), _workspace(storage.root) as workspace:
        require_settled(storage.keys)
        pseudonymizer = proven_pseudonymizer(storage, privacy)
        names = CustomerNames(pseudonymizer, _tombs(storage, privacy))
        latest = now + timedelta(minutes=settings.max_future_minutes)
        staged = _stage_all(source, workspace / "staged", names, latest, progress)
        _refuse_bad_tables(staged, storage, settings)
        draft = workspace / "lake"
        n_written = _write_tables(staged, draft, progress)
        manifest = _write_manifest(source, staged, draft, now, pseudonymizer.current_version)
        report = describe(
            staged,
            n_written,
            manifest,
            draft,
            notes=(*source.notes, *_left_out(names)),
            stale_after_days=settings.stale_after_days,
            now=now,
        )
        progress("customers: remembering identities, consents and sealed demographics")
        open_vault(storage.vault).remember({pseudonym: source_id for source_id, pseudonym in names.pairs.items()})
        _seal_demographics(staged.get(c.DEMOGRAPHICS), storage, privacy)
        n_new_consents = _import_consents(Lake(draft, manifest), storage)
        publish(draft, storage.lake)
        page = _write_report(report, storage.reports)
    progress(f"lake: {storage.lake} is ready; the data report is {page}")
    return IngestResult(Lake.open(storage.lake), report, page, n_new_consents, len(names.pairs))


def _tombs(storage: StorageSettings, privacy: PrivacySettings) -> Tombs:
    """Open the tombstones, so that a source does not bring back whoever was erased."""
    engine = open_state(storage.state_db)
    return tombstones_on_file(engine, storage.keys, privacy) or NOBODY


def _left_out(names: CustomerNames) -> Iterator[str]:
    if names.late.n_left_out:
        yield f"{names.late.n_left_out:,} rows about erased people were left out; the source still holds them."


def _stage_all(
    source: Source, folder: Path, names: CustomerNames, latest: datetime, progress: Progress
) -> Mapping[str, Staged]:
    staged = {}
    for table, rows in source.tables().items():
        progress(f"{table}: reading and checking {rows.origin}")
        staged[table] = stage(rows, CONTRACTS[table], folder, names, latest=latest)
        counts = staged[table].counts
        progress(f"{table}: {counts.n_rows:,} rows, {counts.n_rejected:,} refused")
    return staged


def _refuse_bad_tables(staged: Mapping[str, Staged], storage: StorageSettings, settings: IngestSettings) -> None:
    bad = [table for table, part in staged.items() if part.counts.share > settings.max_reject_share]
    if bad:
        kept = storage.reports / FAILED_REJECTS
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        for part in staged.values():
            if part.rejects_path.exists():
                shutil.copy(part.rejects_path, kept)
        raise TooManyRejects(
            counts={table: (staged[table].counts.n_rejected, staged[table].counts.n_rows) for table in bad},
            reasons={table: dict(staged[table].counts.reasons.most_common()) for table in bad},
            limit=settings.max_reject_share,
            rejects=kept,
        )
    transactions = staged[c.TRANSACTIONS]
    if transactions.n_accepted == 0:
        raise TableEmpty(origin=transactions.origin, table=c.TRANSACTIONS)


def _write_tables(staged: Mapping[str, Staged], draft: Path, progress: Progress) -> Mapping[str, int]:
    draft.mkdir(parents=True)
    tables = LakeTables(staged, draft)
    try:
        n_written = {}
        for table in {c.PRODUCTS: None, **staged}:  # products are written even where none are described
            if table != c.DEMOGRAPHICS:
                progress(f"{table}: writing")
                n_written[table] = tables.write(table)
    finally:
        tables.close()
    rejects = [part.rejects_path for part in staged.values() if part.rejects_path.exists()]
    (draft / REJECTS).mkdir()
    for path in rejects:
        shutil.copy(path, draft / REJECTS)
    return n_written


def _write_manifest(
    source: Source, staged: Mapping[str, Staged], draft: Path, now: datetime, key_version: int
) -> LakeManifest:
    entries = {path.stem: table_entry(path) for path in sorted(draft.glob("*.parquet"))}
    times = staged[c.TRANSACTIONS].profiles[c.EVENT_TIMESTAMP]
    manifest = LakeManifest(
        format_version=LAKE_FORMAT,
        created_at=now,
        source=source.name,
        trading_time_zone=source.trading_time_zone,
        data_start=times.minimum,
        data_end=times.maximum,
        snapshot_digest=snapshot_digest(entries),
        tables=entries,
        pseudonym_key_version=key_version,
    )
    (draft / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def _seal_demographics(part: Staged | None, storage: StorageSettings, privacy: PrivacySettings) -> None:
    """Seal what the audit role may read; a source without demographics leaves none behind from an earlier one."""
    path = storage.audit / SEALED_DEMOGRAPHICS
    if part is None or not part.in_memory:
        path.unlink(missing_ok=True)
        return
    public_key = load_or_create_public_key(storage.keys, create=privacy.create_missing_keys)
    customers = pa.concat_tables(part.in_memory).drop_columns([c.SOURCE_ROW])
    buffer = io.BytesIO()
    pq.write_table(customers.sort_by(c.CUSTOMER_ID), buffer)
    storage.audit.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(seal(buffer.getvalue(), public_key))
    draft.replace(path)


def _import_consents(lake: Lake, storage: StorageSettings) -> int:
    engine = open_state(storage.state_db)
    try:
        ledger = ConsentLedger(engine)
        return ledger.import_records(lake.read(c.CONSENTS)) if lake.has(c.CONSENTS) else 0
    finally:
        engine.dispose()


def _write_report(report: DataReport, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{REPORT_NAME}.html"
    for path, text in (
        (folder / f"{REPORT_NAME}.json", report.model_dump_json(indent=2) + "\n"),
        (page, render(report)),
    ):
        draft = path.with_name(f".{path.name}")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    return page


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Let one writer of the lake at a time work under a root.

    Raises:
        IngestRunning: If another one is at it.
    """
    root.mkdir(parents=True, exist_ok=True)
    path = root / ".ingest.lock"
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise IngestRunning(lock=path) from None
        yield


@contextmanager
def _workspace(root: Path) -> Iterator[Path]:
    """Give a temporary folder on the lake's own disk, gone when the run ends or the next one starts."""
    for left in root.glob(".ingest-*"):
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else None
    folder = Path(mkdtemp(prefix=".ingest-", dir=root))
    try:
        yield folder
    except (OSError, duckdb.Error) as failure:
        if getattr(failure, "errno", None) == errno.ENOSPC or "No space left" in str(failure):
            raise DiskFull(path=root) from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
