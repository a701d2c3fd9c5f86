"""Compaction: what was deleted is in no byte of the file or its log."""

import sqlite3
from pathlib import Path

import pytest

from privacy.forgetting.compaction import compact
from privacy.forgetting.errors import CompactionBlocked

SECRET = b"c1_00000000000000000000000000000000"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (a TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [(SECRET.decode(),)] + [("x" * 100,)] * 200)
        connection.commit()
        connection.execute("DELETE FROM t WHERE a LIKE 'c1%'")
    return path


def everything(path: Path) -> bytes:
    return b"".join(one.read_bytes() for one in path.parent.iterdir())


def test_deleted_rows_linger_until_the_file_is_compacted(database: Path) -> None:
    reader = sqlite3.connect(database)  # keeps the log alive, as a server does
    reader.execute("SELECT count(*) FROM t").fetchone()
    assert SECRET in everything(database)
    compact(database)
    assert SECRET not in everything(database)
    assert reader.execute("SELECT count(*) FROM t").fetchone() == (200,)
    reader.close()


def test_a_reader_that_does_not_end_is_named(database: Path) -> None:
    reader = sqlite3.connect(database, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM t").fetchone()
    with pytest.raises(CompactionBlocked, match=r"a\.db was in use for 0\.2 seconds"):
        compact(database, patience_s=0.2)
    reader.close()
    compact(database)
    assert SECRET not in everything(database)


def test_no_file_is_left_alone(tmp_path: Path) -> None:
    compact(tmp_path / "none.db")
    assert not list(tmp_path.iterdir())
