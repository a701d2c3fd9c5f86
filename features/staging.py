"""Read a source table to its end: good rows to one file, bad rows to another, customers under pseudonyms."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.coercion import ARROW_TYPES, plain_type
from features.columns import CUSTOMER_ID, DEMOGRAPHICS, REASON, SOURCE_ROW
from features.contracts import Contract, Kind, Repeats
from features.lake import REJECTS
from features.late_arrivals import NOBODY, LateArrivals, Tombs
from features.rejects import RejectCounts, check_columns, check_rows, ignored_columns
from features.sources.source import SourceTable
from privacy.pseudonyms import Pseudonymizer

COMPRESSION: Final = "zstd"

_RANGED: Final = (Kind.NUMBER, Kind.MOMENT, Kind.DAY)


class CustomerNames:
    """Gives pseudonyms to whole columns, remembers which stood for whom, and leaves erased people out.

    Args:
        pseudonymizer: Gives the names.
        tombs: Who was erased.
    """

    def __init__(self, pseudonymizer: Pseudonymizer, tombs: Tombs = NOBODY) -> None:
        self._pseudonymizer = pseudonymizer
        self.late = LateArrivals(tombs)
        self.pairs: dict[str, str] = {}  # pseudonym by source id

    def replace(self, rows: pa.Table) -> pa.Table:
        """Put pseudonyms in the place of customer ids; tables without customers stay as they are."""
        if CUSTOMER_ID not in rows.schema.names:
            return rows
        place = rows.schema.get_field_index(CUSTOMER_ID)
        ids = rows.column(place).cast(pa.string()).combine_chunks().dictionary_encode()
        ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
        known = ids.dictionary.to_pylist()
        names = self._pseudonymizer.pseudonyms(pd.Series(known, dtype=object)).to_list()
        if self.late.stand_ins:  # they name nobody and stay as they are
            names = [one if one in self.late.stand_ins else name for one, name in zip(known, names, strict=True)]
        self.pairs.update((one, name) for one, name in zip(known, names, strict=True) if one != name)
        pseudonyms = pa.array(names, pa.string()).take(ids.indices)
        return rows.set_column(place, CUSTOMER_ID, pseudonyms)


@dataclass
class ColumnProfile:
    """What the accepted rows hold in one column."""

    supplied: bool
    n_rows: int = 0
    n_present: int = 0
    minimum: Any = None
    maximum: Any = None

    def add(self, values: pa.ChunkedArray, kind: Kind) -> None:
        """Take in one batch."""
        self.n_rows += len(values)
        self.n_present += len(values) - values.null_count
        if kind in _RANGED and values.null_count < len(values):
            found = pc.min_max(values).as_py()
            known = [value for value in (self.minimum, found["min"]) if value is not None]
            self.minimum = min(known)
            self.maximum = max(value for value in (self.maximum, found["max"]) if value is not None)


@dataclass
class Staged:
    """A table that was read, checked and set aside; demographics stay in memory and are never written unsealed."""

    contract: Contract
    origin: str
    path: Path
    rejects_path: Path
    counts: RejectCounts = field(default_factory=RejectCounts)
    profiles: dict[str, ColumnProfile] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    n_without_zone: int = 0
    in_memory: list[pa.Table] = field(default_factory=list)

    @property
    def n_accepted(self) -> int:
        """Rows that kept the contract."""
        return self.counts.n_rows - self.counts.n_rejected


class _RejectWriter:
    """Writes rejects in one layout, whichever step refused them; the file comes into being with its first row."""

    def __init__(self, path: Path, source: pa.Schema, contract: Contract) -> None:
        # Sensitive attributes stay out of the rejects: of demographics only the pseudonym is kept.
        kept = [column for column in source if contract.table != DEMOGRAPHICS or column.name in contract.kinds]
        types = [(column.name, plain_type(column.type)) for column in kept]
        texts = [name == CUSTOMER_ID or bool(pa.types.is_decimal(found)) for name, found in types]
        named = [(name, pa.string() if text else found) for (name, found), text in zip(types, texts, strict=True)]
        self._schema = pa.schema([(SOURCE_ROW, pa.int64()), *named, (REASON, pa.string())])
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, rows: pa.Table) -> None:
        if rows.num_rows == 0:
            return
        if self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self._path, self._schema, compression=COMPRESSION)
        columns = [
            rows.column(column.name).cast(column.type)
            if column.name in rows.schema.names
            else pa.nulls(rows.num_rows, column.type)
            for column in self._schema
        ]
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def stage(source: SourceTable, contract: Contract, folder: Path, names: CustomerNames, *, latest: datetime) -> Staged:
    """Read a table to its end and set good and bad rows aside.

    Args:
        source: The table to read.
        contract: What its rows must keep.
        folder: Where to set rows aside; a temporary folder of the run.
        names: Gives the pseudonyms.
        latest: No row may be stamped later.

    Raises:
        ColumnsUnfit: If the columns cannot fit the contract.
        SourceUnreadable: If the file breaks off.
    """
    check_columns(contract, source.schema, source.origin)
    file = f"{contract.table}.parquet"
    staged = Staged(contract, source.origin, folder / file, folder / REJECTS / file)
    staged.ignored = ignored_columns(contract, source.schema)
    staged.profiles = {name: ColumnProfile(name in source.schema.names) for name in contract.kinds}
    rejects = _RejectWriter(staged.rejects_path, source.schema, contract)
    try:
        if contract.table == DEMOGRAPHICS:
            staged.in_memory.extend(_accepted(source, staged, names, rejects, latest))
        else:
            _write(staged.path, _accepted(source, staged, names, rejects, latest), _schema(contract))
        _add_malformed(source, staged, rejects)
        if contract.repeats is Repeats.REFUSE and staged.n_accepted:
            _refuse_repeats(staged, rejects)
    finally:
        rejects.close()
    return staged


def _schema(contract: Contract) -> pa.Schema:
    typed = [(name, ARROW_TYPES[kind]) for name, kind in contract.kinds.items()]
    return pa.schema([(SOURCE_ROW, pa.int64()), *typed])


def _write(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, schema, compression=COMPRESSION) as writer:
        for rows in tables:
            writer.write_table(rows.select(schema.names))


def _accepted(
    source: SourceTable, staged: Staged, names: CustomerNames, rejects: _RejectWriter, latest: datetime
) -> Iterator[pa.Table]:
    """Yield the good rows of each batch, writing the bad ones and counting both."""
    for batch in source.batches():
        checked = check_rows(staged.contract, batch, latest=latest)
        rejected = names.late.without_erased(checked.rejected, REJECTS)
        accepted = names.late.without_erased(checked.accepted, staged.contract.table)
        staged.counts.n_rows += accepted.num_rows + rejected.num_rows
        staged.counts.n_rejected += rejected.num_rows
        staged.counts.reasons.update(checked.reasons)
        staged.n_without_zone += checked.n_without_zone
        rejects.write(names.replace(rejected))
        for name, profile in staged.profiles.items():
            profile.add(accepted.column(name), staged.contract.kinds[name])
        yield names.replace(accepted)


def _add_malformed(source: SourceTable, staged: Staged, rejects: _RejectWriter) -> None:
    malformed = source.malformed()
    staged.counts.n_rows += len(malformed)
    for row in malformed:
        staged.counts.add(row.reason, 1)
    rejects.write(
        pa.table({SOURCE_ROW: [row.source_row for row in malformed], REASON: [row.reason for row in malformed]})
    )


def _refuse_repeats(staged: Staged, rejects: _RejectWriter) -> None:
    """Move later rows of the same key to the rejects."""
    rows = pa.concat_tables(staged.in_memory) if staged.in_memory else pq.read_table(staged.path)
    repeated = rows.select(staged.contract.key).to_pandas().duplicated().to_numpy()
    if not repeated.any():
        return
    reason = f"repeats the {' and '.join(staged.contract.key)} of an earlier row"
    moved = rows.filter(pa.array(repeated))
    rejects.write(moved.append_column(REASON, pa.array([reason] * moved.num_rows)))
    staged.counts.add(reason, moved.num_rows)
    kept = rows.filter(pa.array(~repeated))
    if staged.in_memory:
        staged.in_memory[:] = [kept]
    else:
        _write(staged.path, [kept], kept.schema)
