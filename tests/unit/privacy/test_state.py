"""The durable state file."""

from pathlib import Path

import sqlalchemy as sa

from privacy.state import open_state


def test_commits_are_durable_and_readers_do_not_wait(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "deep" / "state.db")
    with engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(sa.text("PRAGMA busy_timeout")).scalar_one() == 5000
    engine.dispose()
