"""A folder with one CSV or Parquet file per table."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from features.columns import TRANSACTIONS
from features.contracts import CONTRACTS
from features.errors import SourceMissing, SourceTablesUnfit, SourceUnreadable, TableEmpty
from features.sources.source import Batch, MalformedRow, SourceTable, nothing_malformed, numbered

CSV: Final = ".csv"
PARQUET: Final = ".parquet"

_BATCH_ROWS: Final = 250_000
_BLOCK_BYTES: Final = 16 * 1024 * 1024
_READING_MATTER: Final = (".md", ".txt")  # beside the data for people to read, never data


class FileSource:
    """Reads `<table>.csv` or `<table>.parquet` for every contract table a folder holds.

    CSV is UTF-8, cells parted by commas, the first line naming the columns; only an empty cell is a missing value.
    A time without a zone is read as UTC, and the data report counts such times.

    Args:
        folder: The folder.
        trading_time_zone: IANA name of the zone in which the stores' weeks run.

    Raises:
        SourceMissing: If the folder does not exist.
        SourceTablesUnfit: If it holds no transactions, a file of another name, or two files for one table; lists all.
        SourceUnreadable: If a file is not the CSV or Parquet it claims to be.
    """

    def __init__(self, folder: Path, *, trading_time_zone: str) -> None:
        self.name = f"files {folder.name}"
        self.trading_time_zone = trading_time_zone
        self.notes: tuple[str, ...] = ()
        self._paths = _find_tables(folder)

    def tables(self) -> Mapping[str, SourceTable]:
        """Give every table of the folder, in the order of the contracts."""
        return {table: _open(self._paths[table], table) for table in CONTRACTS if table in self._paths}


def _find_tables(folder: Path) -> Mapping[str, Path]:
    if not folder.is_dir():
        raise SourceMissing(path=folder)
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    data = [path for path in paths if path.suffix.lower() not in _READING_MATTER]
    tables: dict[str, Path] = {}
    problems: list[str] = []
    for path in data:
        if not path.is_file() or path.suffix.lower() not in (CSV, PARQUET) or path.stem not in CONTRACTS:
            problems.append(f"{path.name} is not the CSV or Parquet file of a known table")
        elif path.stem in tables:
            problems.append(f"{tables[path.stem].name} and {path.name} are both there: keep one of them")
        else:
            tables[path.stem] = path
    if TRANSACTIONS not in tables:
        problems.append("there is no transactions.csv or transactions.parquet")
    if problems:
        raise SourceTablesUnfit(path=folder, problems=problems, known=list(CONTRACTS))
    return tables


def _open(path: Path, table: str) -> SourceTable:
    return _open_csv(path, table) if path.suffix.lower() == CSV else _open_parquet(path)


def _open_parquet(path: Path) -> SourceTable:
    try:
        schema = pq.ParquetFile(path).schema_arrow
    except (OSError, pa.ArrowException) as failure:
        raise _unreadable(path, failure) from None
    return SourceTable(str(path), schema, lambda: numbered(_read_parquet(path)), nothing_malformed)


def _read_parquet(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        yield from pq.ParquetFile(path).iter_batches(_BATCH_ROWS)
    except (OSError, pa.ArrowException) as failure:
        raise _unreadable(path, failure) from None


def _open_csv(path: Path, table: str) -> SourceTable:
    names = _header(path, table)
    malformed: list[MalformedRow] = []
    schema = pa.schema([(name, pa.string()) for name in names])
    return SourceTable(str(path), schema, lambda: _read_csv(path, names, malformed), lambda: malformed)


def _header(path: Path, table: str) -> Sequence[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file), [])
    except UnicodeDecodeError:
        raise SourceUnreadable(path=path, problem="it is not UTF-8 text; save it as CSV UTF-8") from None
    except (OSError, csv.Error) as failure:
        raise _unreadable(path, failure) from None
    if not names:
        raise TableEmpty(origin=str(path), table=table)
    return [name.strip() for name in names]


def _read_csv(path: Path, names: Sequence[str], malformed: list[MalformedRow]) -> Iterator[Batch]:
    malformed.clear()
    n_read = 0
    try:
        for rows in _csv_batches(path, names, malformed):
            yield Batch(rows, _places(n_read, rows.num_rows, malformed))
            n_read += rows.num_rows
    except (OSError, pa.ArrowException) as failure:
        raise _unreadable(path, failure) from None


def _csv_batches(path: Path, names: Sequence[str], malformed: list[MalformedRow]) -> Iterator[pa.RecordBatch]:
    def set_aside(row: pa_csv.InvalidRow) -> str:
        reason = f"the row has {row.actual_columns} cells instead of {row.expected_columns}"
        malformed.append(MalformedRow(row.number - 1, reason))  # the parser counts the header as row 1
        return "skip"

    reader = pa_csv.open_csv(
        path,
        read_options=pa_csv.ReadOptions(
            use_threads=False, block_size=_BLOCK_BYTES, column_names=list(names), skip_rows_after_names=1
        ),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=set_aside),
        convert_options=pa_csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    return chain(reader)


def _places(n_before: int, n_rows: int, malformed: Sequence[MalformedRow]) -> npt.NDArray[np.int64]:
    """Number good rows among all rows of the file, counting the malformed ones between them."""
    order = np.arange(n_before + 1, n_before + n_rows + 1, dtype=np.int64)
    n_good_before = np.array([row.source_row for row in malformed], dtype=np.int64) - np.arange(1, len(malformed) + 1)
    return order + np.searchsorted(n_good_before, order, side="left")


def _unreadable(path: Path, failure: Exception) -> SourceUnreadable:
    problem = " ".join(str(failure).split())
    if "invalid UTF8" in problem:
        problem = f"it is not UTF-8 text ({problem}); save it as CSV UTF-8"
    return SourceUnreadable(path=path, problem=problem)
