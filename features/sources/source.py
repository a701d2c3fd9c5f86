"""What every source of tables offers to the ingest."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True)
class MalformedRow:
    """A line that could not be cut into cells at all; `source_row` counts data rows from 1."""

    source_row: int
    reason: str


@dataclass(frozen=True)
class Batch:
    """Rows as the source holds them, and where each stands in it.

    Args:
        rows: Source columns under their contract names.
        source_rows: (N,) position among the source's data rows, from 1.
    """

    rows: pa.RecordBatch
    source_rows: npt.NDArray[np.int64]


@dataclass(frozen=True)
class SourceTable:
    """One table, read in batches so that no table has to fit into memory.

    Args:
        origin: The file or data set, named in messages.
        schema: Columns and types before anything was checked.
        batches: Starts reading from the first row.
        malformed: Rows that `batches` had to leave out; complete once it has been read to its end.
    """

    origin: str
    schema: pa.Schema
    batches: Callable[[], Iterator[Batch]]
    malformed: Callable[[], list[MalformedRow]]


class Source(Protocol):
    """A set of contract tables with the source's own ids.

    Attributes:
        name: Goes into the lake's manifest.
        trading_time_zone: IANA name of the zone in which the stores' weeks run.
        notes: What readers of the data report should know about the source.
    """

    name: str
    trading_time_zone: str
    notes: tuple[str, ...]

    def tables(self) -> Mapping[str, SourceTable]:
        """Give every table the source has, by contract name."""
        ...


def numbered(batches: Iterable[pa.RecordBatch]) -> Iterator[Batch]:
    """Number the rows of batches that hold every row of their source."""
    first = 1
    for rows in batches:
        yield Batch(rows, np.arange(first, first + rows.num_rows, dtype=np.int64))
        first += rows.num_rows


def nothing_malformed() -> list[MalformedRow]:
    """Answer for sources that have no lines to cut."""
    return []
