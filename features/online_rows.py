"""The rows of the online store by their keys: copied under new names, dropped, and aged out.

Feast reads and writes one customer at a time; what concerns everybody at once is done in its SQLite file.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from feast.infra.key_encoding_utils import deserialize_entity_key, serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from features import columns
from features.tables import CUSTOMER_HISTORY
from privacy.forgetting.compaction import compact

Rename = Callable[[str], str]

_KEY_VERSION: Final = 3  # as feature_store.yaml says


class OnlineRows:
    """Every customer's rows in Feast's SQLite file; what runs beside them must hold `Store.exclusive`.

    Args:
        feast_dir: Folder of the online store.
    """

    def __init__(self, feast_dir: Path) -> None:
        self._path = feast_dir / "online.db"

    def copy(self, rename: Rename) -> int:
        """Give everybody's rows to the new name as well; a copy that is there already is replaced.

        Returns:
            How many customers' rows were copied.
        """
        n_copied = 0
        with self._open() as database:
            for table in _tables(database):
                for key in _keys(database, table):
                    later = rename(customer_of(key))
                    if later == customer_of(key):
                        continue
                    n_copied += 1
                    names = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
                    others = ", ".join(name for name in names if name != "entity_key")
                    database.execute(
                        f'INSERT OR REPLACE INTO "{table}" (entity_key, {others}) '  # noqa: S608 - names of the table
                        f'SELECT ?, {others} FROM "{table}" WHERE entity_key = ?',
                        (key_of(later), key),
                    )
        return n_copied

    def drop(self, is_outdated: Callable[[str], bool]) -> int:
        """Remove the rows of customers of whom something holds; their bytes are overwritten.

        Returns:
            How many customers' rows were removed.
        """
        n_dropped = 0
        with self._open() as database:
            for table in _tables(database):
                for key in _keys(database, table):
                    if is_outdated(customer_of(key)):
                        database.execute(f'DELETE FROM "{table}" WHERE entity_key = ?', (key,))  # noqa: S608
                        n_dropped += 1
        if n_dropped:
            compact(self._path)
        return n_dropped

    def older_than(self, moment: datetime) -> set[str]:
        """List the customers whose history was last changed before a moment of data time."""
        with self._open() as database:
            found = [
                (customer_of(key), event_ts)
                for table in _tables(database)
                if table.endswith(CUSTOMER_HISTORY)
                for key, event_ts in database.execute(
                    f'SELECT entity_key, max(event_ts) FROM "{table}" GROUP BY entity_key'  # noqa: S608
                )
            ]
        return {customer for customer, event_ts in found if datetime.fromtimestamp(event_ts, UTC) < moment}

    def customers(self) -> set[str]:
        """List everybody who has a row."""
        with self._open() as database:
            return {customer_of(key) for table in _tables(database) for key in _keys(database, table)}

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction; without a file, an empty database."""
        place = str(self._path) if self._path.exists() else ":memory:"
        with contextlib.closing(sqlite3.connect(place, timeout=30)) as database, database:
            database.execute("PRAGMA secure_delete = ON")
            yield database


def customer_of(key: bytes) -> str:
    """Read the customer off one of Feast's keys."""
    value = deserialize_entity_key(key, entity_key_serialization_version=_KEY_VERSION).entity_values[0]
    return str(value.string_val)


def key_of(customer_id: str) -> bytes:
    """Make Feast's key of a customer."""
    key = EntityKey(join_keys=[columns.CUSTOMER_ID], entity_values=[Value(string_val=customer_id)])
    return bytes(serialize_entity_key(key, entity_key_serialization_version=_KEY_VERSION))


def _tables(database: sqlite3.Connection) -> list[str]:
    rows = database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%\\_customer\\_%' ESCAPE '\\'"
    )
    return [row[0] for row in rows]


def _keys(database: sqlite3.Connection, table: str) -> list[bytes]:
    return [row[0] for row in database.execute(f'SELECT DISTINCT entity_key FROM "{table}"')]  # noqa: S608
