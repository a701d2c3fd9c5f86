"""Make a SQLite file forget what was deleted from it: free pages and the write-ahead log keep it otherwise."""

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Final

from privacy.forgetting.errors import CompactionBlocked

_PATIENCE_S: Final = 20.0  # readers of a web service are gone within milliseconds
_PAUSE_S: Final = 0.1


def compact(path: Path, *, patience_s: float = _PATIENCE_S) -> None:
    """Rewrite a database file from its living rows and empty its log; a file that is not there is left so.

    Nothing deleted before the call is in the file or its log afterwards. What the disk itself or its snapshots keep
    of overwritten blocks is beyond any program.

    Args:
        path: The SQLite file.
        patience_s: How long to wait for other connections, altogether; seconds.

    Raises:
        CompactionBlocked: If another connection kept the database busy all that time.
    """
    if not path.exists():
        return
    until = time.monotonic() + patience_s
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=patience_s)) as database:
        while not _compacted(database):
            if time.monotonic() > until:
                raise CompactionBlocked(path=path, waited_s=patience_s)
            time.sleep(_PAUSE_S)


def _compacted(database: sqlite3.Connection) -> bool:
    try:
        database.execute("VACUUM")
        (busy, _, _) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as failure:
        if failure.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return False
        raise
    return bool(busy == 0)
