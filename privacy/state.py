"""The database of what must not be lost: consents, events, decisions."""

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

_FILE: Final = "file"  # device and inode of the file that a connection has open


def open_state(path: Path) -> sa.Engine:
    """Open the SQLite state file, made on first use, so that a commit that returned is on disk.

    Write-ahead logging lets readers go on while one process writes; a writer waits up to five seconds for another.
    A connection whose file was deleted or replaced is given up: what it commits would be on no disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}")

    def note_file(connection: Any, record: Any) -> None:
        _make_durable(connection)
        record.info[_FILE] = _identity(path)

    def check_file(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info[_FILE] != _identity(path):
            raise sa.exc.DisconnectionError("the state file was deleted or replaced")  # the pool opens a new connection

    sa.event.listen(engine, "connect", note_file)
    sa.event.listen(engine, "checkout", check_file)
    return engine


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_dev, facts.st_ino


def _make_durable(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()
