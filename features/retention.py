"""What the lake, the feature tables and the online store let go of when it is too old."""

from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.settings import StorageSettings
from features import columns as c
from features.errors import RetentionEmptiesLake
from features.lake_edit import edited, has_lake
from features.online_rows import OnlineRows
from features.staging import COMPRESSION
from features.store import Store
from features.tables import VIEWS, snapshot_path, snapshots

_TIME_COLUMNS: Final = {c.PROMOTIONS: c.WEEK_START}  # the other tables have event_timestamp


class LakeRows:
    """One table of the lake by the time of its rows; manifest and digest follow.

    Args:
        root: The lake's folder.
        table: The table.
    """

    def __init__(self, root: Path, table: str) -> None:
        self.name = f"lake, {table}"
        self._root = root
        self._table = table

    def expire(self, before: datetime, *, dry_run: bool) -> int:
        """Remove rows from before a moment, or count them.

        Raises:
            RetentionEmptiesLake: If no transaction would be left.
        """
        if not has_lake(self._root):
            return 0
        with edited(self._root) as edit:
            if not edit.lake.has(self._table):
                return 0
            path = edit.draft / f"{self._table}.parquet"
            young = self._young(pq.ParquetFile(path).read(columns=[self._column]), before)
            n_old = int(pc.sum(pc.invert(young)).as_py() or 0)
            if dry_run or n_old == 0:
                return n_old
            if self._table == c.TRANSACTIONS:
                if n_old == len(young):
                    raise RetentionEmptiesLake(root=self._root, before=before)
                edit.changes["data_start"] = self._filter(path, before)
            else:
                self._filter(path, before)
            edit.n_changed = 1
        return n_old

    def _filter(self, path: Path, before: datetime) -> datetime:
        """Write the young rows anew, one row group after the other, and give the time of the oldest."""
        source, oldest = pq.ParquetFile(path), []
        staged = path.with_name(f".{path.name}")
        with pq.ParquetWriter(staged, source.schema_arrow, compression=COMPRESSION) as writer:
            for group in range(source.num_row_groups):
                rows = source.read_row_group(group)
                kept = rows.filter(self._young(rows, before))
                if kept.num_rows:
                    writer.write_table(kept)
                    oldest.append(pc.min(kept.column(self._column)).as_py())
        staged.replace(path)
        return min(oldest, default=before)

    @property
    def _column(self) -> str:
        return _TIME_COLUMNS.get(self._table, c.EVENT_TIMESTAMP)

    def _young(self, rows: pa.Table, before: datetime) -> pa.ChunkedArray:
        kind = rows.schema.field(self._column).type
        limit = pa.scalar(before.date() if pa.types.is_date(kind) else before, kind)
        return pc.fill_null(pc.greater_equal(rows.column(self._column), limit), True)


class LakeConsents:
    """The lake's own copy of consents: decisions that were replaced before a moment go, the ones in force stay.

    Args:
        root: The lake's folder.
    """

    name = "lake, consents"

    def __init__(self, root: Path) -> None:
        self._root = root

    def expire(self, before: datetime, *, dry_run: bool) -> int:
        """Remove decisions replaced before a moment, or count them."""
        if not has_lake(self._root):
            return 0
        with edited(self._root) as edit:
            if not edit.lake.has(c.CONSENTS):
                return 0
            path = edit.draft / f"{c.CONSENTS}.parquet"
            rows = pq.ParquetFile(path).read()
            replaced = _replaced(rows.to_pandas(), before)
            n_old = int(replaced.sum())
            if dry_run or n_old == 0:
                return n_old
            _replace(path, rows.filter(pa.array(~replaced.to_numpy())))
            edit.n_changed = 1
        return n_old


class FeatureSnapshots:
    """Snapshots of the feature tables by the moment they describe.

    Args:
        tables_dir: Folder of the tables.
    """

    name = "feature tables"

    def __init__(self, tables_dir: Path) -> None:
        self._dir = tables_dir

    def expire(self, before: datetime, *, dry_run: bool) -> int:
        """Remove snapshots as of an earlier moment, or count them."""
        old = [(view, moment) for view in VIEWS for moment in snapshots(self._dir, view) if moment < before]
        if not dry_run:
            for view, moment in old:
                snapshot_path(self._dir, view, moment).unlink()
        return len(old)


class StaleOnlineRows:
    """Rows of the online store by when their customer was last seen.

    Args:
        storage: Where the store is.
    """

    name = "online store"

    def __init__(self, storage: StorageSettings) -> None:
        self._rows = OnlineRows(storage.feast)
        self._store = Store(storage.feast)
        self._dir = storage.feast

    def expire(self, before: datetime, *, dry_run: bool) -> int:
        """Remove the rows of customers not seen since a moment, or count them."""
        if not self._dir.exists():
            return 0
        with self._store.exclusive():
            old = self._rows.older_than(before)
            return len(old) if dry_run or not old else self._rows.drop(old.__contains__)


def _replaced(consents: pd.DataFrame, before: datetime) -> pd.Series:
    decided = consents[consents[c.EVENT_TIMESTAMP] <= before]
    newest = decided.groupby([c.CUSTOMER_ID, c.PURPOSE])[c.EVENT_TIMESTAMP].transform("max")
    return (consents[c.EVENT_TIMESTAMP] < newest.reindex(consents.index)).astype(bool)


def _replace(path: Path, rows: pa.Table) -> None:
    staged = path.with_name(f".{path.name}")
    pq.write_table(rows, staged, compression=COMPRESSION)
    staged.replace(path)
