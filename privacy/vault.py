"""The one place that knows which customer a pseudonym stands for."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from privacy.audit_log import AuditLog
from privacy.errors import VaultAccessDenied, VaultReasonMissing

DATABASE: Final = "identities.db"
AUDIT_LOG: Final = "access.jsonl"
ALLOWED_ROLES: Final = ("evaluation", "marketer", "privacy")

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS identities (pseudonym TEXT PRIMARY KEY, source_id TEXT NOT NULL) WITHOUT ROWID"
)


class IdentityVault:
    """Pairs of pseudonym and source id in a SQLite file that only its owner can read.

    Every attempt to resolve, allowed or not, goes to the audit log: who, why, how many, never which.

    Args:
        path: The database file; made on first use.
        audit_log: Where attempts are recorded.
    """

    def __init__(self, path: Path, audit_log: AuditLog) -> None:
        self._path = path
        self._audit_log = audit_log

    def remember(self, source_ids: Mapping[str, str]) -> None:
        """Keep which source id each pseudonym stands for; pairs already known stay as they are.

        Args:
            source_ids: Source id by pseudonym.
        """
        with self._open() as database:
            database.executemany("INSERT OR IGNORE INTO identities VALUES (?, ?)", source_ids.items())

    def resolve(self, pseudonyms: Collection[str], *, role: str, reason: str) -> dict[str, str]:
        """Turn pseudonyms back into source ids.

        Args:
            pseudonyms: The pseudonyms asked about.
            role: Who asks.
            reason: Why, in words; goes to the audit log.

        Returns:
            Source id by pseudonym; pseudonyms the vault does not know are left out.

        Raises:
            VaultAccessDenied: If the role may not see source ids.
            VaultReasonMissing: If the reason is blank.
        """
        facts = {"reason": reason, "n_asked": len(pseudonyms)}
        if role not in ALLOWED_ROLES:
            self._audit_log.append(role, "resolve denied", facts)
            raise VaultAccessDenied(role=role, allowed=ALLOWED_ROLES)
        if not reason.strip():
            raise VaultReasonMissing
        self._audit_log.append(role, "resolve", facts)
        with self._open() as database:
            found = [
                database.execute(
                    "SELECT pseudonym, source_id FROM identities WHERE pseudonym = ?", (pseudonym,)
                ).fetchone()
                for pseudonym in pseudonyms
            ]
        return dict(pair for pair in found if pair is not None)

    def rekey(self, rename: Callable[[str], str]) -> int:
        """Remember everybody under a new pseudonym too; the earlier one stays until it is forgotten.

        Returns:
            How many pseudonyms were added.
        """
        with self._open() as database:
            known = database.execute("SELECT pseudonym, source_id FROM identities").fetchall()
            new = [(rename(pseudonym), source_id) for pseudonym, source_id in known if rename(pseudonym) != pseudonym]
            before = database.total_changes
            database.executemany("INSERT OR IGNORE INTO identities VALUES (?, ?)", new)
            return database.total_changes - before

    def forget(self, is_retired: Callable[[str], bool]) -> int:
        """Forget pseudonyms that no longer resolve.

        Returns:
            How many were forgotten.
        """
        with self._open() as database:
            database.execute("PRAGMA secure_delete = ON")
            known = [row[0] for row in database.execute("SELECT pseudonym FROM identities")]
            retired = [(pseudonym,) for pseudonym in known if is_retired(pseudonym)]
            database.executemany("DELETE FROM identities WHERE pseudonym = ?", retired)
        return len(retired)

    def links(self, source_ids: Collection[str]) -> list[tuple[str, str]]:
        """List the links of people, source id and pseudonym, for what they themselves ask for; nothing is logged."""
        if not self._path.exists():
            return []
        with self._open() as database:
            asked = "SELECT source_id, pseudonym FROM identities WHERE source_id = ? ORDER BY pseudonym"
            return [row for source_id in source_ids for row in database.execute(asked, (source_id,))]

    def any_link(self) -> tuple[str, str] | None:
        """Give a link that is on file, pseudonym and source id, to try a key on; None where there is none."""
        if not self._path.exists():
            return None
        with self._open() as database:
            found = database.execute("SELECT pseudonym, source_id FROM identities LIMIT 1").fetchone()
        return None if found is None else (str(found[0]), str(found[1]))

    def erase(self, source_ids: Collection[str]) -> None:
        """Remove every link of people; their bytes are overwritten."""
        if not self._path.exists():
            return
        with self._open() as database:
            database.execute("PRAGMA secure_delete = ON")
            database.executemany("DELETE FROM identities WHERE source_id = ?", [(one,) for one in source_ids])

    @property
    def name(self) -> str:
        """What a rotation calls the vault."""
        return "vault"

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        database = sqlite3.connect(self._path)
        try:
            with database:
                database.execute(_SCHEMA)
                yield database
        finally:
            database.close()


def open_vault(folder: Path) -> IdentityVault:
    """Open the vault of a folder, with its access log beside it."""
    return IdentityVault(folder / DATABASE, AuditLog(folder / AUDIT_LOG))
