"""Erasable files that people made of customers: lists of recommendations, evaluations, exports, refused rows."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.settings import StorageSettings
from privacy.forgetting.modes import Mode
from privacy.forgetting.residue import names_a_person
from privacy.forgetting.subjects import Subject

_STAGED: Final = ".unfinished-"


class IdFiles:
    """Parquet, CSV and NDJSON files under the storage root that no other store owns.

    A row goes where a cell is one of the person's names, or where a column that names people holds the shop's id.

    Args:
        storage: Where to look.
    """

    name = "export and report files"

    def __init__(self, storage: StorageSettings) -> None:
        self._root = storage.root
        # Those of other stores, and what names nobody: models, tracked figures, logs, keys.
        self._others = (
            storage.lake,
            storage.feast,
            storage.bundles,
            storage.mlflow,
            storage.checkpoints,
            storage.vault,
            storage.audit,
            storage.keys,
        )

    def action(self, mode: Mode) -> str:  # noqa: ARG002 - the same in both modes
        """Say in words what happens here."""
        return (
            "rows are removed from every Parquet, CSV and NDJSON file under storage.root; files elsewhere are not seen"
        )

    def find(self, subject: Subject) -> list[dict[str, Any]]:
        """Give the files that hold rows about the person, and how many."""
        found = []
        for path in self._paths():
            n_rows = _cut(path, [subject]).n_cut[0]
            if n_rows:
                found.append({"file": str(path.relative_to(self._root)), "rows": n_rows})
        return found

    def count(self, subjects: Sequence[Subject]) -> list[int | None]:
        """Count the rows about each person."""
        counts = [0] * len(subjects)
        for path in self._paths():
            for place, number in enumerate(_cut(path, subjects).n_cut):
                counts[place] += number
        return list(counts)

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Remove the people's rows."""
        for path in self._paths():
            cut = _cut(path, subjects)
            if any(cut.n_cut):
                _replace(path, cut.write)

    def anonymise(self, subjects: Sequence[Subject]) -> None:
        """Remove the people's rows: a list made for one person describes that person."""
        self.erase(subjects)

    def _paths(self) -> Iterator[Path]:
        for path in sorted(self._root.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(self._root).parts)  # work in progress
            owned = hidden or any(path.is_relative_to(other) for other in self._others)
            if path.suffix in _CUTTERS and not owned and path.is_file():
                yield path


class Cut:
    """What stays of a file without some people's rows.

    Args:
        n_cut: How many rows go, person by person.
        write: Writes what stays.
    """

    def __init__(self, n_cut: list[int], write: Callable[[Path], None]) -> None:
        self.n_cut = n_cut
        self.write = write


def _cut(path: Path, subjects: Sequence[Subject]) -> Cut:
    return _CUTTERS[path.suffix](path, subjects)


def _cut_parquet(path: Path, subjects: Sequence[Subject]) -> Cut:
    schema = pq.read_schema(path)
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    if not texts:
        return Cut([0] * len(subjects), lambda _: None)
    rows = pq.ParquetFile(path).read()
    theirs = _hits(rows, texts, subjects)
    if not pc.any(theirs).as_py():
        return Cut([0] * len(subjects), lambda _: None)
    n_cut = [pc.sum(_hits(rows, texts, [subject])).as_py() or 0 for subject in subjects]
    kept = rows.filter(pc.invert(theirs))
    return Cut(n_cut, lambda target: pq.write_table(kept, target))


def _hits(rows: pa.Table, texts: Sequence[str], subjects: Sequence[Subject]) -> pa.ChunkedArray:
    hits = pa.array([False] * rows.num_rows)
    pseudonyms = [name for subject in subjects for name in subject.pseudonyms]
    ids = [subject.source_id for subject in subjects]
    for name in texts:
        wanted = [*pseudonyms, *ids] if names_a_person(name) else pseudonyms
        found = pc.is_in(rows.column(name).cast(pa.string()), value_set=pa.array(wanted, pa.string()))
        hits = pc.or_(hits, found)
    return hits


def _cut_csv(path: Path, subjects: Sequence[Subject]) -> Cut:
    lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8", errors="surrogateescape"))))
    header = next((line for line in lines if any(map(names_a_person, line))), [])
    people = {place for place, column in enumerate(header) if names_a_person(column)}
    return _cut_lines(
        lines,
        subjects,
        pairs=lambda line: ((cell, place in people) for place, cell in enumerate(line)),
        text=_as_csv,
    )


def _cut_ndjson(path: Path, subjects: Sequence[Subject]) -> Cut:
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True)
    return _cut_lines(lines, subjects, pairs=lambda line: _pairs(_parsed(line)), text="".join)


def _cut_lines(
    lines: Sequence[Any],
    subjects: Sequence[Subject],
    *,
    pairs: Callable[[Any], Iterator[tuple[str, bool]]],
    text: Callable[[Sequence[Any]], str],
) -> Cut:
    by_name = {name: place for place, subject in enumerate(subjects) for name in subject.pseudonyms}
    by_id = {subject.source_id: place for place, subject in enumerate(subjects)}
    n_cut, kept = [0] * len(subjects), []
    for line in lines:
        whose = {by_name.get(cell, by_id.get(cell) if person else None) for cell, person in pairs(line)} - {None}
        for place in whose:
            n_cut[int(place or 0)] += 1
        if not whose:
            kept.append(line)
    content = text(kept)
    return Cut(n_cut, lambda target: _write_text(target, content))


def _pairs(value: Any, key: str = "") -> Iterator[tuple[str, bool]]:
    """Give every text and whole number in a JSON value, and whether its key names people."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _pairs(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner, key)
    elif isinstance(value, str | int):
        yield str(value), names_a_person(key)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line.strip()


def _as_csv(lines: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()


def _write_text(target: Path, content: str) -> None:
    target.write_text(content, encoding="utf-8", errors="surrogateescape")


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    staged = path.with_name(f"{_STAGED}{path.name}")
    write(staged)
    with staged.open("rb") as file:
        os.fsync(file.fileno())
    staged.replace(path)


_CUTTERS: Final[Mapping[str, Callable[[Path, Sequence[Subject]], Cut]]] = {
    ".parquet": _cut_parquet,
    ".csv": _cut_csv,
    ".ndjson": _cut_ndjson,
}
