"""Give new names to everybody in the state database, in one transaction."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from privacy.forgetting.compaction import compact
from privacy.pseudonyms import version_of

_PREFIXES: Final = ("c", "v")
_LONGEST: Final = 48  # characters; a longer text is no pseudonym


class StateNames:
    """Every text column of every table of the state database, whichever part of the system made the table.

    A cell counts as a name where the whole of it is one; names inside longer texts are not looked for, and no table
    of ours has such.

    Args:
        engine: The state database.
    """

    name = "state database"

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def rekey(self, rename: Callable[[str], str]) -> int:
        """Replace each earlier name; either all of them are replaced or none, and no byte keeps one.

        Returns:
            How many cells changed.
        """
        n_changed = 0
        with self._engine.begin() as connection:
            for table in _tables(connection):
                for column in table.columns:
                    if isinstance(column.type, sa.String):
                        n_changed += _renamed(connection, table, column, rename)
        if n_changed:
            self._rewrite()
        return n_changed

    def _rewrite(self) -> None:
        """Write the file anew: SQLite leaves what was replaced in unused parts of its pages and in the log."""
        path = self._engine.url.database
        if self._engine.dialect.name == "sqlite" and path:
            compact(Path(path))


def _tables(connection: sa.Connection) -> list[sa.Table]:
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return list(metadata.tables.values())


def _renamed(connection: sa.Connection, table: sa.Table, column: sa.Column[str], rename: Callable[[str], str]) -> int:
    may_be_name = sa.and_(
        sa.func.length(column) <= _LONGEST,
        sa.or_(*(column.like(f"{prefix}%\\_%", escape="\\") for prefix in _PREFIXES)),
    )
    found = connection.execute(sa.select(column).distinct().where(may_be_name)).scalars().all()
    pairs = [{"earlier": name, "later": rename(name)} for name in found if version_of(name) is not None]
    moved = [pair for pair in pairs if pair["earlier"] != pair["later"]]
    if not moved:
        return 0
    statement = table.update().where(column == sa.bindparam("earlier")).values({column.name: sa.bindparam("later")})
    # A table with a rule against edits or two equal rows must fail here, and with it the whole transaction.
    return sum(connection.execute(statement, pair).rowcount for pair in moved)
