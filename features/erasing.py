"""Erasable stores of the features package that are files: lake, feature tables, sealed demographics."""

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.settings import StorageSettings
from features import columns as c
from features.lake import MANIFEST, REJECTS, Lake, LakeManifest
from features.lake_edit import edited
from features.locks import held
from features.staging import COMPRESSION
from features.tables import CUSTOMER_HISTORY, CUSTOMER_PROFILE
from privacy.forgetting.modes import ANONYMISE, Mode
from privacy.forgetting.subjects import Subject, pseudonyms_of

INGEST_LOCK: Final = ".ingest.lock"

_STAGED: Final = ".unfinished-"

Change = Callable[[pa.Table], pa.Table]  # of rows about erased people, to what stays of them


class LakeRows:
    """The lake: rewritten without the people, under a new snapshot digest, and swapped in as a whole.

    An ingest and an erasure wait for each other. Bundles and feature tables made from the lake before keep naming its
    old digest; the manifest lists it among the lake's ancestors.

    Args:
        storage: Where the lake is.
    """

    name = "lake"

    def __init__(self, storage: StorageSettings) -> None:
        self._storage = storage

    def action(self, mode: Mode) -> str:
        """Say in words what happens here."""
        if mode == ANONYMISE:
            return (
                "purchases get a random customer id and random basket ids; consents, campaigns, redemptions and "
                "refused rows are removed"
            )
        return "purchases, consents, campaigns, redemptions and refused rows are removed; a new snapshot is written"

    def find(self, subject: Subject) -> list[dict[str, Any]]:
        """Give the person's rows of every table, with the table's name."""
        return [
            {"table": str(path.relative_to(self._storage.lake).with_suffix("")), **row}
            for path in self._paths(self._storage.lake)
            for row in rows_of(path, subject.pseudonyms)
        ]

    def count(self, subjects: Sequence[Subject]) -> list[int | None]:
        """Count the rows of each person."""
        return count_rows(self._paths(self._storage.lake), subjects)

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Remove the people's rows."""
        self._rewrite(subjects, {})

    def anonymise(self, subjects: Sequence[Subject]) -> None:
        """Keep the people's purchases under ids that nothing leads to, and remove all their other rows."""
        self._rewrite(subjects, {c.TRANSACTIONS: _unlinking(subjects)})

    def _paths(self, root: Path) -> list[Path]:
        if not (root / MANIFEST).exists() and not root.with_name(f".{root.name}-previous").exists():
            return []
        Lake.open(root)  # mends a swap that was cut short
        return [*sorted(root.glob("*.parquet")), *sorted((root / REJECTS).glob("*.parquet"))]

    def _rewrite(self, subjects: Sequence[Subject], kept: Mapping[str, Change]) -> None:
        root, names = self._storage.lake, pseudonyms_of(subjects)
        with held(self._storage.root / INGEST_LOCK):
            for left in self._storage.root.glob(".ingest-*"):  # of killed ingests: none is under way now
                shutil.rmtree(left, ignore_errors=True)
            paths = [path for path in self._paths(root) if any(count_rows([path], subjects))]
            if not paths:
                return
            with edited(root) as edit:
                for path in paths:
                    change = kept.get(path.stem) if path.parent == root else None
                    rewrite(edit.draft / path.relative_to(root), names, change)
                    edit.n_changed += 1
                edit.changes |= _times(edit.draft / f"{c.TRANSACTIONS}.parquet", edit.lake.manifest)


class FeatureTableRows:
    """The customers' feature tables, file by file.

    Totals of products and prices are not touched: they name nobody, and are computed anew from the new lake by the
    next build, because the lake they came from is no more.

    Args:
        storage: Where the tables are.
    """

    name = "feature tables"

    def __init__(self, storage: StorageSettings) -> None:
        self._storage = storage

    def action(self, mode: Mode) -> str:  # noqa: ARG002 - the same in both modes
        """Say in words what happens here."""
        return "histories and profiles are removed from every snapshot; totals of products are built anew next time"

    def find(self, subject: Subject) -> list[dict[str, Any]]:
        """Give the person's rows of every snapshot, with view and snapshot."""
        return [
            {"view": path.parent.name, "snapshot": path.stem, **row}
            for path in self._paths()
            for row in rows_of(path, subject.pseudonyms)
        ]

    def count(self, subjects: Sequence[Subject]) -> list[int | None]:
        """Count the rows of each person."""
        return count_rows(self._paths(), subjects)

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Remove the people's rows; a build and an erasure wait for each other."""
        with held(self._storage.feast / ".build.lock"):
            for unfinished in (self._storage.feast / "tables").glob(f"*/{_STAGED}*"):
                unfinished.unlink()
            for path in self._paths():
                if any(count_rows([path], subjects)):
                    rewrite(path, pseudonyms_of(subjects), None)

    def anonymise(self, subjects: Sequence[Subject]) -> None:
        """Remove the people's rows: a history describes one person and nothing else."""
        self.erase(subjects)

    def _paths(self) -> list[Path]:
        folders = [self._storage.feast / "tables" / view for view in (CUSTOMER_HISTORY, CUSTOMER_PROFILE)]
        return [path for folder in folders for path in sorted(folder.glob("[!.]*.parquet"))]


class SealedDemographics:
    """Sensitive attributes, which only the audit role can open: the key is not in reach of whoever runs an erasure.

    The tombstone takes the person out whenever the audit reads the file, and the next ingest seals it without them.
    """

    name = "sealed demographics"

    def action(self, mode: Mode) -> str:  # noqa: ARG002 - the same in both modes
        """Say in words what happens here."""
        return (
            "only the audit's key opens the file, and it is not here: from now on the audit leaves the person out when "
            "it reads, and the next ingest seals the file without them"
        )

    def find(self, subject: Subject) -> list[dict[str, Any]]:  # noqa: ARG002 - nobody here can look
        """Give nothing: the file cannot be opened here."""
        return []

    def count(self, subjects: Sequence[Subject]) -> list[int | None]:
        """Say of nobody how many rows there are."""
        return [None] * len(subjects)

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Leave the file: the tombstone does it."""

    def anonymise(self, subjects: Sequence[Subject]) -> None:
        """Leave the file: the tombstone does it."""


def rows_of(path: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Read the rows of a Parquet file whose customer has one of these names."""
    if c.CUSTOMER_ID not in pq.read_schema(path).names:
        return []
    found: list[dict[str, Any]] = []
    for rows in _groups(path):
        found += rows.filter(_is_in(rows, names)).to_pylist()
    return found


def count_rows(paths: Sequence[Path], subjects: Sequence[Subject]) -> list[int | None]:
    """Count the rows about each person over Parquet files."""
    places, counts = pseudonyms_of(subjects), Counter[int]()
    for path in paths:
        if c.CUSTOMER_ID in pq.read_schema(path).names:
            for rows in _groups(path, [c.CUSTOMER_ID]):
                found = rows.filter(_is_in(rows, list(places))).column(c.CUSTOMER_ID).value_counts()
                for entry in found.to_pylist():
                    counts[places[entry["values"]]] += entry["counts"]
    return [counts[place] for place in range(len(subjects))]


def rewrite(path: Path, names: Mapping[str, int], change: Change | None) -> None:
    """Rewrite a Parquet file without people's rows, or with what a change makes of them; whole or not at all.

    Args:
        path: The file.
        names: The people's names, and whose each is.
        change: Makes rows that may stay; None removes them. The order of rows is kept.
    """
    staged = path.with_name(f"{_STAGED}{path.name}")
    with pq.ParquetWriter(staged, pq.read_schema(path), compression=COMPRESSION) as writer:
        for rows in _groups(path):
            theirs = _is_in(rows, list(names))
            writer.write_table(change(rows) if change else rows.filter(pc.invert(theirs)))
    with staged.open("rb") as file:
        os.fsync(file.fileno())
    staged.replace(path)


def _groups(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Read a file one row group at a time, so that no table has to fit into memory."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=None if columns is None else list(columns))


def _is_in(rows: pa.Table, names: Sequence[str]) -> pa.ChunkedArray:
    return pc.is_in(rows.column(c.CUSTOMER_ID), value_set=pa.array(names, pa.string()))


def _unlinking(subjects: Sequence[Subject]) -> Change:
    """Make the change that gives purchases new customer and basket ids; lines of a basket stay together."""
    places = pseudonyms_of(subjects)
    baskets: dict[str, str] = {}

    def change(rows: pa.Table) -> pa.Table:
        theirs = _is_in(rows, list(places))
        if not pc.any(theirs).as_py():
            return rows
        moved = rows.filter(theirs)
        people = [subjects[places[name]].stand_in for name in moved.column(c.CUSTOMER_ID).to_pylist()]
        visits = [
            baskets.setdefault(one, f"n0_{secrets.token_hex(16)}") for one in moved.column(c.BASKET_ID).to_pylist()
        ]
        return _put(_put(rows, theirs, c.CUSTOMER_ID, people), theirs, c.BASKET_ID, visits)

    return change


def _put(rows: pa.Table, where: pa.ChunkedArray, column: str, values: Sequence[str]) -> pa.Table:
    place = rows.schema.get_field_index(column)
    mask = where.combine_chunks() if isinstance(where, pa.ChunkedArray) else where
    held_before = rows.column(place).combine_chunks()
    changed = pc.replace_with_mask(held_before, mask, pa.array(values, held_before.type))
    return rows.set_column(place, rows.schema.field(place), changed)


def _times(transactions: Path, old: LakeManifest) -> dict[str, Any]:
    """Say anew when the data begins and ends: the person's purchase may have been the first or the last."""
    times = pc.min_max(pq.read_table(transactions, columns=[c.EVENT_TIMESTAMP]).column(0)).as_py()
    return {"data_start": times["min"] or old.data_start, "data_end": times["max"] or old.data_end}
