"""Search everything under a folder for what should be gone: the byte-level check of an erasure.

Pseudonyms are long and random, so they are looked for everywhere: in the bytes of every file as UTF-8, UTF-16 and
UTF-32, in the cells of SQLite databases, in the columns of Parquet files, and inside gzip and zip files. A shop's own
id may be as short as a number of a few digits, which stands in prices, counts and weights as well: it is looked for as
a whole value where a column or key names people, and in the raw bytes as well when it is long enough to be no
accident. What the check cannot see: sealed files (encrypted), and blocks of the disk that no file owns any more.
"""

import contextlib
import csv
import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from privacy.forgetting.errors import SearchFailed
from privacy.forgetting.subjects import Subject

PSEUDONYM: Final = "pseudonym"
ID: Final = "shop's id"
LONG_ID: Final = 10  # characters; a shorter id is looked for only where people are named

_ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le")
_SQLITE: Final = b"SQLite format 3\x00"
_PARQUET: Final = b"PAR1"
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_NAMES_PEOPLE: Final = ("customer", "household", "person", "source_id", "visitor", "member", "subject", "user_id")
_CHUNK: Final = 16 * 1024 * 1024  # bytes looked through at once
_TEXTS: Final = frozenset({".json", ".ndjson", ".jsonl", ".csv"})


@dataclass(frozen=True)
class Trace:
    """Something that should be gone and is not.

    Attributes:
        file: Path below the folder searched.
        where: Bytes, or the column, table or key.
        kind: Whether a pseudonym or the shop's own id was found.
        n: How often; for bytes, at least that often.
    """

    file: str
    where: str
    kind: str
    n: int


def names_a_person(column: str) -> bool:
    """Tell whether a column or key holds ids of people, by its name.

    >>> names_a_person("customer_id"), names_a_person("product_id")
    (True, False)
    """
    name = column.lower()
    return not name.startswith("n_") and any(part in name for part in _NAMES_PEOPLE)


def _numbers_people(column: str) -> bool:
    """Tell whether whole numbers under a name are ids of people; `customers: 224` is a count.

    >>> _numbers_people("household_id"), _numbers_people("customers")
    (True, False)
    """
    return names_a_person(column) and column.lower().endswith(("id", "ids", "household", "customer", "person"))


class Needles:
    """What is looked for.

    Args:
        subjects: The people.
    """

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self.pseudonyms = frozenset(name for subject in subjects for name in subject.pseudonyms)
        self.ids = frozenset(subject.source_id for subject in subjects)
        long_ids = {one for one in self.ids if len(one) >= LONG_ID}
        self._heads: dict[bytes, tuple[str, frozenset[bytes], frozenset[int]]] = {}
        for encoding in _ENCODINGS:
            for head, kind, wanted in _by_head(self.pseudonyms, long_ids):
                encoded = frozenset(one.encode(encoding) for one in wanted)
                self._heads[head.encode(encoding)] = (kind, encoded, frozenset(map(len, encoded)))
        self.overlap = max((max(lengths) for _, _, lengths in self._heads.values()), default=1)

    def in_bytes(self, content: bytes) -> Iterator[str]:
        """Give the kind of each needle found in bytes."""
        for head, (kind, wanted, lengths) in self._heads.items():
            place = content.find(head)
            while place >= 0:
                if any(content[place : place + length] in wanted for length in lengths):
                    yield kind
                place = content.find(head, place + 1)

    def in_cell(self, value: Any, column: str) -> str | None:
        """Give the kind of needle that a value is or holds, if any."""
        if isinstance(value, bytes):
            return next(self.in_bytes(value), None)
        if self.is_id(value, column):
            return ID
        return next(self.in_bytes(value.encode("utf-8", "surrogatepass")), None) if isinstance(value, str) else None

    def is_id(self, value: Any, column: str) -> bool:
        """Tell whether a value is the shop's id of somebody, where its column or key names people."""
        if isinstance(value, str):
            return names_a_person(column) and value in self.ids
        return isinstance(value, int) and _numbers_people(column) and str(value) in self.ids


def search(root: Path, subjects: Sequence[Subject], *, progress: Callable[[str], None] = lambda _: None) -> list[Trace]:
    """Look through every file under a folder.

    Args:
        root: The folder.
        subjects: Whom to look for.
        progress: Told each file that takes long.

    Returns:
        What was found; empty where nothing was.

    Raises:
        SearchFailed: If a file cannot be read; nothing can then be said of it.
    """
    needles = Needles(subjects)
    traces: list[Trace] = []
    for path in sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink()):
        name = str(path.relative_to(root))
        progress(name)
        try:
            found = list(_of_file(path, needles))
        except FileNotFoundError:
            continue  # replaced meanwhile; what replaced it is looked at too, or by the next search
        except (OSError, sqlite3.DatabaseError, pa.ArrowException, EOFError, zipfile.BadZipFile) as failure:
            raise SearchFailed(path=path, problem=" ".join(str(failure).split())) from None
        traces += _counted(name, found)
    return traces


def _counted(file: str, found: Sequence[tuple[str, str]]) -> list[Trace]:
    counts: dict[tuple[str, str], int] = {}
    for one in found:
        counts[one] = counts.get(one, 0) + 1
    return [Trace(file, where, kind, n) for (where, kind), n in counts.items()]


def _of_file(path: Path, needles: Needles) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        start = file.read(len(_SQLITE))
    with path.open("rb") as file:
        yield from (("bytes", kind) for kind in _stream(file, needles))
    if start.startswith(_SQLITE):
        yield from _of_database(path, needles)
    elif start.startswith(_PARQUET):
        yield from _of_parquet(path, needles)
    elif start.startswith(_GZIP):
        with gzip.open(path, "rb") as unpacked:
            yield from (("unpacked bytes", kind) for kind in _stream(unpacked, needles))
    elif start.startswith(_ZIP):
        yield from _of_archive(path, needles)
    elif path.suffix in _TEXTS:
        yield from _of_text(path, needles)


def _stream(file: Any, needles: Needles) -> Iterator[str]:
    """Look through a file piece by piece; pieces overlap, so that nothing hides at a seam."""
    kept = b""
    while piece := file.read(_CHUNK):
        content = kept + piece
        yield from needles.in_bytes(content)
        kept = content[-(needles.overlap - 1) :] if needles.overlap > 1 else b""


def _of_archive(path: Path, needles: Needles) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as unpacked:
                yield from ((f"{member}, unpacked", kind) for kind in _stream(unpacked, needles))


def _of_database(path: Path, needles: Needles) -> Iterator[tuple[str, str]]:
    """Read every cell: a long one may be spread over pages, where its bytes do not lie together."""
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - a name out of the file's own list
            columns = [column[0] for column in rows.description]
            for row in rows:
                for column, value in zip(columns, row, strict=True):
                    kind = needles.in_cell(value, column)
                    if kind:
                        yield f"table {table}, column {column}", kind


def _of_parquet(path: Path, needles: Needles) -> Iterator[tuple[str, str]]:
    with pq.ParquetFile(path) as file:
        names = [field.name for field in file.schema_arrow if _may_hold(field, needles)]
        for group in range(file.num_row_groups) if names else ():
            rows = file.read_row_group(group, columns=names)
            for name in names:
                for value in _distinct(rows.column(name)):
                    kind = needles.in_cell(value, name)
                    if kind:
                        yield f"column {name}", kind


def _may_hold(field: pa.Field, needles: Needles) -> bool:
    kind = field.type
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_integer(kind):
        return _numbers_people(field.name) and any(one.isdecimal() for one in needles.ids)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _distinct(column: pa.ChunkedArray) -> Collection[Any]:
    while pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = pa.chunked_array([chunk.flatten() for chunk in column.chunks], column.type.value_type)
    return set(column.unique().to_pylist())


def _of_text(path: Path, needles: Needles) -> Iterator[tuple[str, str]]:
    """Find the shop's id as the value of a key or column that names people; pseudonyms were found in the bytes."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if not any(one in text for one in needles.ids):
        return
    if path.suffix == ".csv":
        yield from _of_csv(text, needles)
        return
    for document in [text] if path.suffix == ".json" else text.splitlines():
        with contextlib.suppress(ValueError):
            yield from _of_json(json.loads(document), "", needles)


def _of_csv(text: str, needles: Needles) -> Iterator[tuple[str, str]]:
    lines = list(csv.reader(io.StringIO(text)))
    header = next((line for line in lines if any(map(names_a_person, line))), [])
    people = {place: name for place, name in enumerate(header) if names_a_person(name)}
    for line in lines:
        for place, name in people.items():
            if place < len(line) and line[place] in needles.ids:
                yield f"column {name}", ID


def _of_json(value: Any, key: str, needles: Needles) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _of_json(inner, str(name), needles)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_json(inner, key, needles)
    elif needles.is_id(value, key):
        yield f"key {key}", ID


def _by_head(pseudonyms: Collection[str], ids: Collection[str]) -> Iterator[tuple[str, str, set[str]]]:
    """Group needles by how they begin: what begins alike is found in one pass."""
    heads = {name.partition("_")[0] + "_" for name in pseudonyms}
    for head in heads:
        yield head, PSEUDONYM, {name for name in pseudonyms if name.startswith(head)}
    for one in ids:
        yield one, ID, {one}
