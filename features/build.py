"""Build the feature tables: one Parquet file per view and snapshot."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow.parquet as pq

from configs.settings import FeatureSettings
from features import columns, locks
from features.build_record import read_record, update_record
from features.lake import Lake
from features.pipelines.purchases import basket_purchases, basket_visits, merchandise_lines, of_customers
from features.pipelines.snapshots import Reduced, snapshot_views
from features.tables import VIEWS, snapshot_path, snapshots

PIPELINE_VERSION: Final = "1"  # raise it when a feature's definition changes: tables of another version are rebuilt

# Settings that decide a value of a table; the others (number of snapshots, TTL, clock) may change without a rebuild.
_DECIDING: Final = {
    "history_length",
    "half_life_short_days",
    "half_life_long_days",
    "popularity_days",
    "price_window_days",
}

_STAGED: Final = ".unfinished-"


def build_features(
    lake: Lake,
    tables_dir: Path,
    as_of: Sequence[datetime],
    settings: FeatureSettings,
    customers: Collection[str] | None = None,
    counted: Collection[str] | None = None,
) -> None:
    """Compute the snapshots that are missing, in files that appear whole or not at all.

    Tables built from another lake, other settings or other customers are removed first. A killed run leaves
    finished snapshots, which the next run keeps.

    Args:
        lake: Where transactions and products are read.
        tables_dir: Folder of the tables; `build.json` lies beside it.
        as_of: Snapshots wanted, each midnight UTC; history ends strictly before it.
        settings: Windows, half-lives and caps.
        customers: Pseudonyms who get histories and profiles; None takes all.
        counted: Pseudonyms whose purchases make the product profiles, which models learn from; None takes all.

    Raises:
        SnapshotNotMidnight: If a snapshot is not midnight UTC.
    """
    wanted = {moment: [snapshot_path(tables_dir, view, moment) for view in VIEWS] for moment in sorted(set(as_of))}
    with locks.held(tables_dir.parent / ".build.lock"):
        _discard_outdated(tables_dir, _inputs(lake, settings, customers, counted))
        missing = [moment for moment, paths in wanted.items() if not all(path.exists() for path in paths)]
        if missing:
            with _Engine(lake, customers, counted) as engine:
                for moment in missing:
                    for view, rows in engine.views(moment, settings).items():
                        engine.write(rows, snapshot_path(tables_dir, view, moment))


def _inputs(
    lake: Lake, settings: FeatureSettings, customers: Collection[str] | None, counted: Collection[str] | None
) -> dict[str, str]:
    return {
        "lake_snapshot": lake.manifest.snapshot_digest,
        "settings": digest_of(f"{key}={value}" for key, value in settings.model_dump(include=_DECIDING).items()),
        "customers": "all" if customers is None else digest_of(customers),
        "counted": "all" if counted is None else digest_of(counted),
        "pipeline": PIPELINE_VERSION,
    }


def digest_of(parts: Iterable[str]) -> str:
    """Name a set of texts, such as whose rows are in the tables, whatever their order."""
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def _discard_outdated(tables_dir: Path, inputs: dict[str, str]) -> None:
    """Remove tables of other inputs before the record names the new ones: a kill between leaves no stale file."""
    for unfinished in tables_dir.glob(f"*/{_STAGED}*"):
        unfinished.unlink()
    if read_record(tables_dir.parent).inputs == inputs:
        return
    for view in VIEWS:
        for moment in snapshots(tables_dir, view):
            snapshot_path(tables_dir, view, moment).unlink()
    update_record(tables_dir.parent, inputs=inputs)


class _Engine:
    """A DuckDB connection with the lake's lines at hand, reduced once for every snapshot."""

    def __init__(
        self, lake: Lake, customers: Collection[str] | None, counted_customers: Collection[str] | None
    ) -> None:
        self._connection = ibis.duckdb.connect()
        self._connection.raw_sql("SET TimeZone = 'UTC'")
        products = self._connection.read_parquet(lake.path(columns.PRODUCTS))
        transactions = self._connection.read_parquet(lake.path(columns.TRANSACTIONS))
        merchandise = merchandise_lines(transactions, products)
        lines = self._keep("lines", _listed(merchandise, customers))
        counted = self._keep("counted_lines", _listed(merchandise, counted_customers))
        self._reduced = Reduced(
            products=products,
            lines=lines,
            purchases=self._keep("purchases", basket_purchases(lines)),
            visits=self._keep("visits", basket_visits(lines)),
            counted_lines=counted,
            counted_purchases=self._keep("counted_purchases", basket_purchases(counted)),
        )

    def __enter__(self) -> "_Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.disconnect()

    def views(self, as_of: datetime, settings: FeatureSettings) -> dict[str, ir.Table]:
        """Give the expression of each view as of one moment, in a fixed row order."""
        views = snapshot_views(self._reduced, as_of, settings)
        return {name: rows.order_by(rows.columns[0]) for name, rows in views.items()}

    def write(self, rows: ir.Table, path: Path) -> None:
        """Write rows to a hidden file, then give it its name."""
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f"{_STAGED}{path.name}")
        # Through Arrow, because DuckDB's own COPY writes sums of whole numbers as floating point.
        pq.write_table(self._connection.to_pyarrow(rows), staged, compression="zstd")
        staged.replace(path)

    def _keep(self, name: str, rows: ir.Table) -> ir.Table:
        return self._connection.create_table(name, rows, temp=True)


def _listed(lines: ir.Table, customers: Collection[str] | None) -> ir.Table:
    if customers is None:
        return lines
    listed = pd.DataFrame({columns.CUSTOMER_ID: pd.Series(sorted(customers), dtype="str")})
    return of_customers(lines, ibis.memtable(listed))
