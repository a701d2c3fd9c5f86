"""A log that shows when somebody edited it."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from privacy.errors import AuditLogBroken

_GENESIS: Final = "0" * 64


class AuditLog:
    """Append-only JSON lines, each holding the SHA-256 of the one before; a head file beside it holds the last one.

    An edited, removed or reordered line breaks the chain, and cut-off last lines disagree with the head. Whoever can
    rewrite both files can still forge a whole new chain: ship the head elsewhere if that matters.

    Args:
        path: The log file; it and `<name>.head` are made with the first entry, for their owner's eyes alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._head = path.with_name(f"{path.name}.head")

    def append(self, actor: str, action: str, facts: Mapping[str, object]) -> str:
        """Add an entry and wait until it is on disk.

        Args:
            actor: Who did it: a role or a component.
            action: What was done, in a word or two.
            facts: What else must be known, without customer ids; values that JSON can hold.

        Returns:
            The entry's digest.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _open_private(self._path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            entry = {
                "at": datetime.now(UTC).isoformat(),
                "actor": actor,
                "action": action,
                "facts": dict(facts),
                "previous": self._read_head()[1],
            }
            line = json.dumps(entry, sort_keys=True).encode()
            file.write(line + b"\n")
            _flush(file)
            digest = hashlib.sha256(line).hexdigest()
            self._write_head(self._read_head()[0] + 1, digest)
        return digest

    def verify(self) -> None:
        """Check every line against the one before it and the last against the head.

        Raises:
            AuditLogBroken: If the log is not as it was written; names the first line that shows it.
        """
        expected, n_lines = _GENESIS, 0
        for n_lines, line in enumerate(self._lines(), start=1):
            if _previous(line) != expected:
                raise AuditLogBroken(path=self._path, line=n_lines, problem="does not follow from the line before it")
            expected = hashlib.sha256(line).hexdigest()
        n_written, head = self._read_head()
        if n_lines != n_written:
            raise AuditLogBroken(path=self._path, line=n_lines, problem=f"is the last, but {n_written} were written")
        if head != expected:
            raise AuditLogBroken(path=self._path, line=n_lines, problem="is not what was written last")

    def _lines(self) -> Iterator[bytes]:
        if self._path.exists():
            yield from self._path.read_bytes().splitlines()

    def _read_head(self) -> tuple[int, str]:
        try:
            count, digest = self._head.read_text(encoding="ascii").split()
        except FileNotFoundError:
            return 0, _GENESIS
        return int(count), digest

    def _write_head(self, n_lines: int, digest: str) -> None:
        draft = self._head.with_name(f".{self._head.name}")
        with _open_private(draft, extra=os.O_TRUNC) as file:
            file.write(f"{n_lines} {digest}\n".encode())
            _flush(file)
        draft.replace(self._head)


def _open_private(path: Path, *, extra: int = os.O_APPEND) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | extra, 0o600), "wb")


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _previous(line: bytes) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry.get("previous") if isinstance(entry, dict) else None
