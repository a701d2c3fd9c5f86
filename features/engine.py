"""The embedded database that reads and writes Parquet, within bounds."""

from pathlib import Path
from typing import Final

import duckdb

MEMORY: Final = "1GB"


def connect(spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Open a private in-memory database that thinks in UTC.

    Args:
        spill: Folder for what does not fit into a gigabyte of memory; None keeps to memory.
    """
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute(f"SET memory_limit = '{MEMORY}'")
    database.execute(f"SET temp_directory = '{quoted(spill) if spill else ''}'")
    return database


def quoted(path: Path) -> str:
    """Write a path so that it can stand between single quotes in SQL."""
    return str(path).replace("'", "''")
