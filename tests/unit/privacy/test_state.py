"""The durable state file."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from privacy.state import open_state


def test_commits_are_durable_and_readers_do_not_wait(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "deep" / "state.db")
    with engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(sa.text("PRAGMA busy_timeout")).scalar_one() == 5000
    engine.dispose()


def test_nothing_is_written_to_a_file_that_is_gone(tmp_path: Path) -> None:
    """A commit into a deleted file would be reported as durable and lost."""
    path = tmp_path / "state.db"
    engine = open_state(path)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE events (id INTEGER)"))
    for file in tmp_path.iterdir():
        file.unlink()
    with pytest.raises(sa.exc.OperationalError, match="no such table"), engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO events VALUES (1)"))
    engine.dispose()
