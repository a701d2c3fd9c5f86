"""Turn staged rows into the tables of the lake: one order, one row per key, no product without a row."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from features import columns as c
from features.coercion import ARROW_TYPES
from features.contracts import CONTRACTS
from features.engine import connect, quoted
from features.staging import COMPRESSION, Staged

_ROWS_PER_GROUP: Final = 200_000

# What a source left out: the shelf amount is what was paid plus the loyalty discount, and the other way round.
_TRANSACTIONS: Final = """
    SELECT customer_id, product_id, store_id, basket_id, event_timestamp, quantity, paid_amount,
           coalesce(shelf_amount, paid_amount + coalesce(loyalty_discount, 0)) AS shelf_amount,
           coalesce(loyalty_discount, greatest(shelf_amount - paid_amount, 0), 0) AS loyalty_discount,
           coalesce(coupon_discount, 0) AS coupon_discount,
           channel
    FROM staged_transactions
    ORDER BY event_timestamp, basket_id, product_id, quantity, paid_amount, shelf_amount, loyalty_discount,
             coupon_discount, channel, customer_id, store_id
"""
_PRODUCTS: Final = """
    SELECT * EXCLUDE (source_row, sold_by_weight, is_merchandise),
           coalesce(sold_by_weight, false) AS sold_by_weight, coalesce(is_merchandise, true) AS is_merchandise
    FROM staged_products
"""
# A product that was sold but that nobody described keeps a row. Where other products are described it stays out of
# the catalogue, because nobody knows whether it is merchandise.
_UNDESCRIBED: Final = """
    SELECT DISTINCT product_id FROM staged_transactions ANTI JOIN staged_products USING (product_id) ORDER BY product_id
"""


class LakeTables:
    """Writes finished tables from staged ones.

    Args:
        staged: Accepted rows by table.
        folder: Where the tables go.
    """

    def __init__(self, staged: Mapping[str, Staged], folder: Path) -> None:
        self._staged = staged
        self._folder = folder
        self._database = connect(folder / ".spill")
        for table in CONTRACTS:
            self._view(table)

    def write(self, table: str) -> int:
        """Write one table of the lake.

        Returns:
            The number of rows written.
        """
        if table == c.PROMOTIONS:
            return self._write(table, self._promotions())
        if table == c.PRODUCTS:
            return self._write(table, self._products())
        query = _TRANSACTIONS if table == c.TRANSACTIONS else self._distinct(table)
        return self._write(table, self._run(query))

    def close(self) -> None:
        """Let go of the staged files."""
        self._database.close()

    def _view(self, table: str) -> None:
        staged = self._staged.get(table)
        if staged is not None and staged.path.exists():
            self._database.execute(f"CREATE VIEW staged_{table} AS SELECT * FROM read_parquet('{quoted(staged.path)}')")  # noqa: S608
        else:
            types = ", ".join(
                f"{name} {_SQL_TYPES[ARROW_TYPES[kind]]}" for name, kind in CONTRACTS[table].kinds.items()
            )
            self._database.execute(f"CREATE TABLE staged_{table} (source_row BIGINT, {types})")

    def _distinct(self, table: str) -> str:
        contract = CONTRACTS[table]
        once = "DISTINCT" if table == c.CONSENTS else ""
        return f"SELECT {once} {', '.join(contract.kinds)} FROM staged_{table} ORDER BY ALL"  # noqa: S608

    def _promotions(self) -> Iterator[pa.RecordBatch]:
        """Merge week by week, so that millions of keys never meet in memory at once."""
        weeks = self._database.sql("SELECT DISTINCT week_start FROM staged_promotions ORDER BY 1").fetchall()
        for (week,) in weeks:
            yield from self._run(
                "SELECT product_id, store_id, week_start, max(display) AS display, max(mailer) AS mailer "  # noqa: S608
                f"FROM staged_promotions WHERE week_start = DATE '{week}' "
                "GROUP BY ALL ORDER BY product_id, store_id"
            )

    def _products(self) -> Iterator[pa.RecordBatch]:
        described = c.PRODUCTS in self._staged
        return self._run(
            f"{_PRODUCTS} UNION ALL BY NAME "  # noqa: S608
            f"SELECT *, false AS sold_by_weight, {not described} AS is_merchandise FROM ({_UNDESCRIBED}) "
            "ORDER BY product_id"
        )

    def _run(self, query: str) -> Iterator[pa.RecordBatch]:
        yield from self._database.sql(query).to_arrow_reader(_ROWS_PER_GROUP)

    def _write(self, table: str, batches: Iterable[pa.RecordBatch]) -> int:
        schema = pa.schema([(name, ARROW_TYPES[kind]) for name, kind in CONTRACTS[table].kinds.items()])
        n_rows = 0
        with pq.ParquetWriter(self._folder / f"{table}.parquet", schema, compression=COMPRESSION) as writer:
            for batch in batches:
                rows = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
                writer.write_table(rows)
                n_rows += rows.num_rows
        return n_rows


_SQL_TYPES: Final[Mapping[pa.DataType, str]] = {
    pa.string(): "VARCHAR",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
    pa.date32(): "DATE",
}
