"""The lake: checked tables in Parquet under one manifest, replaced as a whole."""

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from features.errors import LakeDamaged, LakeMissing, LakeTableMissing, LakeVersionMismatch

LAKE_FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
REJECTS: Final = "rejects"


class TableEntry(BaseModel):
    """One table of the lake."""

    model_config = ConfigDict(frozen=True)

    rows: int
    sha256: str


class LakeManifest(BaseModel):
    """What a lake holds and where it came from; `snapshot_digest` names the content, whenever it was written.

    `ancestors` are the digests of the same ingest before rows were removed or renamed, oldest first.
    """

    model_config = ConfigDict(frozen=True)

    format_version: int
    created_at: datetime
    source: str
    trading_time_zone: str
    data_start: datetime
    data_end: datetime
    snapshot_digest: str
    tables: dict[str, TableEntry]
    pseudonym_key_version: int
    ancestors: tuple[str, ...] = ()


class _FormatOnly(BaseModel):
    """The one field that every format of the manifest shares."""

    format_version: int


class Lake:
    """A lake opened for reading.

    Args:
        root: The lake's folder.
        manifest: Its manifest.
    """

    def __init__(self, root: Path, manifest: LakeManifest) -> None:
        self.root = root
        self.manifest = manifest

    @classmethod
    def open(cls, root: Path) -> "Lake":
        """Open a lake after checking that this version can read it and that every table is whole.

        Raises:
            LakeMissing: If there is none.
            LakeVersionMismatch: If it was written in another format.
            LakeDamaged: If the manifest or a table cannot be read.
        """
        restore_interrupted_swap(root)
        path = root / MANIFEST
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise LakeMissing(root=root) from None
        except (OSError, UnicodeDecodeError) as failure:
            raise LakeDamaged(path=path, problem=str(failure)) from None
        lake = cls(root, _parse_manifest(root, text))
        for table, entry in lake.manifest.tables.items():
            _check_rows(lake.path(table), entry.rows)
        return lake

    def has(self, table: str) -> bool:
        """Tell whether the source gave this table."""
        return table in self.manifest.tables

    def path(self, table: str) -> Path:
        """Give the Parquet file of a table.

        Raises:
            LakeTableMissing: If the source never gave it.
        """
        if not self.has(table):
            raise LakeTableMissing(table=table, known=sorted(self.manifest.tables))
        return self.root / f"{table}.parquet"

    def read(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read a table, or some of its columns, in the order of the file.

        Raises:
            LakeTableMissing: If the source never gave it.
            LakeDamaged: If the file cannot be read.
        """
        path = self.path(table)
        try:
            rows = pq.ParquetFile(path).read(columns=None if columns is None else list(columns))
        except (OSError, pa.ArrowException) as failure:
            raise LakeDamaged(path=path, problem=_one_line(failure)) from None
        frame: pd.DataFrame = rows.to_pandas()
        return frame


def table_entry(path: Path) -> TableEntry:
    """Describe a finished table file by its rows and SHA-256."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return TableEntry(rows=pq.ParquetFile(path).metadata.num_rows, sha256=digest)


def snapshot_digest(tables: Mapping[str, TableEntry]) -> str:
    """Name a set of tables by their content.

    >>> entry = TableEntry(rows=1, sha256="ab")
    >>> snapshot_digest({"a": entry, "b": entry}) == snapshot_digest({"b": entry, "a": entry})
    True
    """
    lines = [f"{table} {tables[table].sha256}\n" for table in sorted(tables)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def publish(staged: Path, root: Path) -> None:
    """Put a finished lake in the place of the old one.

    Between the two renames no lake is visible; `restore_interrupted_swap` mends a process killed there.
    """
    restore_interrupted_swap(root)
    for path in (*staged.rglob("*"), staged):
        _sync(path)
    previous = _previous(root)
    if root.exists():
        root.rename(previous)
    staged.rename(root)
    _sync(root.parent)
    shutil.rmtree(previous, ignore_errors=True)


def restore_interrupted_swap(root: Path) -> None:
    """Bring the old lake back if a process was killed while it was being replaced."""
    previous = _previous(root)
    if not previous.exists():
        return
    if root.exists():
        shutil.rmtree(previous, ignore_errors=True)
    else:
        previous.rename(root)


def _previous(root: Path) -> Path:
    return root.with_name(f".{root.name}-previous")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse_manifest(root: Path, text: str) -> LakeManifest:
    path = root / MANIFEST
    try:
        found = _FormatOnly.model_validate_json(text).format_version
        if found != LAKE_FORMAT:
            raise LakeVersionMismatch(root=root, found=found, supported=LAKE_FORMAT)
        return LakeManifest.model_validate_json(text)
    except ValidationError as failure:
        first = failure.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LakeDamaged(path=path, problem=f"{place} {first['msg']}".strip()) from None


def _check_rows(path: Path, expected: int) -> None:
    try:
        found = pq.ParquetFile(path).metadata.num_rows
    except FileNotFoundError:
        raise LakeDamaged(path=path, problem="the file is gone") from None
    except (OSError, pa.ArrowException) as failure:
        raise LakeDamaged(path=path, problem=_one_line(failure)) from None
    if found != expected:
        raise LakeDamaged(path=path, problem=f"it holds {found} rows instead of {expected}")


def _one_line(failure: Exception) -> str:
    return " ".join(str(failure).split())
