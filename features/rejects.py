"""Check rows against their contract, and keep every bad row with all its reasons."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from features.coercion import ARROW_TYPES, Coerced, coerce, why_unfit
from features.columns import DEMOGRAPHICS, REASON, SOURCE_ROW
from features.contracts import Contract, Kind
from features.errors import ColumnsUnfit
from features.sources.source import Batch

SEPARATOR: Final = "; "

Mask = npt.NDArray[np.bool_]


@dataclass
class RejectCounts:
    """How many rows of a table were refused, and why; a row counts once for each of its reasons."""

    n_rows: int = 0
    n_rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """Refused rows over all rows, in [0, 1]; 0 for an empty table."""
        return self.n_rejected / self.n_rows if self.n_rows else 0.0

    def add(self, reason: str, n_rows: int) -> None:
        """Count rows refused for one reason after the batch checks."""
        self.n_rejected += n_rows
        self.reasons[reason] += n_rows


@dataclass(frozen=True)
class Checked:
    """One batch parted into good and bad rows.

    Args:
        accepted: source_row and the contract's columns, typed; columns the source lacks are null.
        rejected: source_row, the source's columns as they were, and reason.
        reasons: How many rows of the batch each reason hit.
        n_without_zone: Accepted or not, times that named no zone and were read as UTC.
    """

    accepted: pa.Table
    rejected: pa.Table
    reasons: Mapping[str, int]
    n_without_zone: int


def check_columns(contract: Contract, schema: pa.Schema, origin: str) -> None:
    """Refuse a table whose columns cannot fit the contract, before reading its rows.

    Raises:
        ColumnsUnfit: If a required column is missing, a name is doubled or a type can never fit; lists all.
    """
    names = Counter(schema.names)
    problems = [f"column {name} is missing" for name in contract.required if name not in names]
    problems += [f"column {name} stands there {n} times" for name, n in names.items() if n > 1]
    problems += [f"column {name} has a name kept for rejects" for name in (SOURCE_ROW, REASON) if name in names]
    for column in schema:
        kind = _kinds(contract, schema).get(column.name)
        why = None if kind is None else why_unfit(kind, column.type)
        if why is not None:
            problems.append(f"column {column.name} {why}")
    if len(schema) == 1 and any(mark in schema.names[0] for mark in ";\t|"):
        problems.append("the header is a single cell: part cells by commas")
    if problems:
        raise ColumnsUnfit(origin=origin, table=contract.table, problems=problems, required=contract.required)


def ignored_columns(contract: Contract, schema: pa.Schema) -> list[str]:
    """List the columns that the contract does not know, in the order of the source."""
    kinds = _kinds(contract, schema)
    return [name for name in schema.names if name not in kinds]


def check_rows(contract: Contract, batch: Batch, *, latest: datetime) -> Checked:
    """Part a batch into the rows that keep the contract and those that break it.

    Args:
        contract: The contract of the table.
        batch: Source rows; their columns have passed `check_columns`.
        latest: No row may be stamped later, where the contract forbids it.
    """
    kinds = _kinds(contract, batch.rows.schema)
    columns = {
        name: coerce(kind, batch.rows.column(name)) for name, kind in kinds.items() if name in batch.rows.schema.names
    }
    failures = [*_failures(contract, columns, latest)]
    bad = np.zeros(batch.rows.num_rows, dtype=bool)
    for mask, _ in failures:
        bad |= mask
    typed = {
        name: columns[name].values if name in columns else pa.nulls(len(bad), ARROW_TYPES[kind])
        for name, kind in kinds.items()
    }
    accepted = pa.table({SOURCE_ROW: batch.source_rows, **typed}).filter(pa.array(~bad))
    rejected = pa.Table.from_batches([batch.rows]).filter(pa.array(bad))
    return Checked(
        accepted=accepted,
        rejected=as_rejects(rejected, batch.source_rows[bad], _joined(failures, bad)),
        reasons={reason: int(mask.sum()) for mask, reason in failures},
        n_without_zone=sum(column.n_without_zone for column in columns.values()),
    )


def as_rejects(rows: pa.Table, source_rows: npt.NDArray[np.int64], reasons: Sequence[str]) -> pa.Table:
    """Set rows between their place in the source and their reasons."""
    return rows.add_column(0, SOURCE_ROW, pa.array(source_rows)).append_column(REASON, pa.array(reasons, pa.string()))


def _kinds(contract: Contract, schema: pa.Schema) -> Mapping[str, Kind]:
    if contract.table != DEMOGRAPHICS:
        return contract.kinds
    return {name: contract.kinds.get(name, Kind.TEXT) for name in dict.fromkeys((*contract.kinds, *schema.names))}


def _failures(contract: Contract, columns: Mapping[str, Coerced], latest: datetime) -> Iterator[tuple[Mask, str]]:
    for name, column in columns.items():
        kind = contract.kinds.get(name, Kind.TEXT)
        values = pd.Series(column.values, dtype=pd.ArrowDtype(column.values.type))
        if column.unreadable.any():
            yield column.unreadable, f"{name} is not {kind.value}"
        missing = values.isna().to_numpy() & ~column.unreadable
        if name in contract.required and missing.any():
            yield missing, f"{name} is missing"
        yield from _failed_checks(contract, name, values)
        if kind is Kind.MOMENT and not contract.may_lie_ahead:
            ahead = (values > pd.Timestamp(latest)).fillna(False).to_numpy(dtype=bool)
            if ahead.any():
                yield ahead, f"{name} lies in the future"


def _failed_checks(contract: Contract, name: str, values: pd.Series) -> Iterator[tuple[Mask, str]]:
    column = contract.schema.columns.get(name)
    for check in () if column is None else column.checks:
        passed = check(values).check_output  # pandera leaves missing values out, so go by position
        failed = np.zeros(len(values), dtype=bool)
        failed[passed.index[~passed.to_numpy(dtype=bool)]] = True
        if failed.any():
            yield failed, f"{name} {check.name}"


def _joined(failures: Sequence[tuple[Mask, str]], bad: Mask) -> list[str]:
    texts = np.full(int(bad.sum()), "", dtype=object)
    for mask, reason in failures:
        texts[mask[bad]] += reason + SEPARATOR
    return [text.removesuffix(SEPARATOR) for text in texts]
