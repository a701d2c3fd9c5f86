"""The database of what must not be lost: consents, events, decisions."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa


def open_state(path: Path) -> sa.Engine:
    """Open the SQLite state file, made on first use, so that a commit that returned is on disk.

    Write-ahead logging lets readers go on while one process writes; a writer waits up to five seconds for another.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}")
    sa.event.listen(engine, "connect", _make_durable)
    return engine


def _make_durable(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()
