"""Build the price tables: one Parquet file per view, made anew for another lake or another pipeline."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from features import columns, locks
from features.engine import MEMORY, quoted
from features.lake import Lake
from features.pipelines.prices import price_views
from features.tables import PRICE_VIEWS, price_table_path, price_tables

PIPELINE_VERSION: Final = "1"  # raise it when a feature's definition changes: tables of another version are rebuilt
LAKE_TABLES: Final = (columns.TRANSACTIONS, columns.PRODUCTS, columns.PROMOTIONS, columns.INVENTORY)

_ROWS_PER_GROUP: Final = 200_000
_STAGED: Final = ".unfinished-"
_ORDER: Final = (columns.PRODUCT_ID, columns.STORE_ID, columns.EVENT_TIMESTAMP)


def build_prices(lake: Lake, tables_dir: Path) -> None:
    """Compute the price tables unless those of this lake are there, in files that appear whole or not at all.

    Args:
        lake: Where sales, products, and if given promotions and inventory are read.
        tables_dir: Folder of the tables.
    """
    made_from = _digest(lake)
    wanted = {view: price_table_path(tables_dir, view, made_from) for view in PRICE_VIEWS}
    with locks.held(tables_dir.parent / ".build.lock"):
        if all(price_tables(tables_dir, view) == [path] for view, path in wanted.items()):
            return
        staged = _compute(lake, {view: path.with_name(f"{_STAGED}{view}") for view, path in wanted.items()})
        for outdated in (path for view in PRICE_VIEWS for path in price_tables(tables_dir, view)):
            outdated.unlink()
        for view, path in staged.items():
            path.replace(wanted[view])


def _digest(lake: Lake) -> str:
    parts = (lake.manifest.snapshot_digest, lake.manifest.trading_time_zone, PIPELINE_VERSION)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _compute(lake: Lake, paths: dict[str, Path]) -> dict[str, Path]:
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".spill-", dir=next(iter(paths.values())).parents[1]) as spill:
        connection = _connect(Path(spill))
        try:
            tables = {name: connection.read_parquet(lake.path(name)) for name in LAKE_TABLES if lake.has(name)}
            views = price_views(
                tables,
                lake.manifest.trading_time_zone,
                keep=lambda name, rows: connection.create_table(name, rows, temp=True),
            )
            for view, path in paths.items():
                _write(connection, views[view], path)
        finally:
            connection.disconnect()
    return paths


def _connect(spill: Path) -> Backend:
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'UTC'")
    connection.raw_sql(f"SET memory_limit = '{MEMORY}'")
    connection.raw_sql(f"SET temp_directory = '{quoted(spill)}'")
    return connection


def _write(connection: Backend, rows: ir.Table, path: Path) -> None:
    ordered = rows.order_by([name for name in _ORDER if name in rows.columns])
    schema = ordered.schema().to_pyarrow()
    # Ibis' own streaming asks duckdb 2 for a method that it no longer has.
    batches = connection.con.sql(connection.compile(ordered)).to_arrow_reader(_ROWS_PER_GROUP)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema))
