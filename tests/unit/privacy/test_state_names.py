"""New names in the state database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from privacy.pseudonyms import Pseudonymizer
from privacy.state import open_state
from privacy.state_names import StateNames

KEYS = {1: b"a" * 32, 2: b"b" * 32}
OLD, NEW = Pseudonymizer(KEYS, 1), Pseudonymizer(KEYS, 2, first_version=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = open_state(tmp_path / "state.db")
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE one (who VARCHAR UNIQUE, note VARCHAR, n INTEGER)")
        connection.exec_driver_sql("CREATE TABLE another (subject_id VARCHAR(64))")
        rows = [(OLD.pseudonym(str(k)), f"about {OLD.pseudonym(str(k))[:5]}", k) for k in range(300)]
        connection.exec_driver_sql("INSERT INTO one VALUES (?, ?, ?)", rows)
        connection.exec_driver_sql(
            "INSERT INTO another VALUES (?)", [(OLD.visitor("7"),), (None,), ("a0_" + "0" * 32,)]
        )
    yield made
    made.dispose()


def cells(engine: sa.Engine, query: str) -> list[object]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_every_name_in_every_table_is_replaced_and_nothing_else(engine: sa.Engine, tmp_path: Path) -> None:
    assert StateNames(engine).rekey(NEW.renamed) == 301
    assert cells(engine, "SELECT who, n FROM one ORDER BY n") == [(NEW.pseudonym(str(k)), k) for k in range(300)]
    assert cells(engine, "SELECT * FROM another") == [(NEW.visitor("7"),), (None,), ("a0_" + "0" * 32,)]
    assert cells(engine, "SELECT DISTINCT substr(note, 1, 6) FROM one") == [("about ",)]
    assert StateNames(engine).rekey(NEW.renamed) == 0
    engine.dispose()
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [k for k in range(300) if OLD.pseudonym(str(k)).encode() in left]


def test_all_or_nothing(engine: sa.Engine) -> None:
    before = cells(engine, "SELECT * FROM one ORDER BY n")
    with engine.begin() as connection:  # so that one of the 300 cannot be renamed
        connection.exec_driver_sql(
            "CREATE TRIGGER no BEFORE UPDATE ON one WHEN old.n = 299 BEGIN SELECT raise(ABORT, 'no'); END"
        )
    with pytest.raises(sa.exc.IntegrityError, match="no"):
        StateNames(engine).rekey(NEW.renamed)
    assert cells(engine, "SELECT * FROM one ORDER BY n") == before
    assert cells(engine, "SELECT count(*) FROM another WHERE subject_id LIKE 'v2%'") == [(0,)]
