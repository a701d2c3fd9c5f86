"""A log that shows when somebody edited it."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from privacy.errors import AuditLogBroken

_GENESIS: Final = "0" * 64

Seal = Callable[[bytes], str]


@dataclass(frozen=True)
class LogEntry:
    """One line of a log that was found whole.

    Attributes:
        actor: Who did it.
        action: What was done.
        facts: What else was written down.
        digest: SHA-256 of the line.
        sealed: The bytes that the seal was put on: the whole line but the seal, its place in the chain among it.
        seal: What the writer's `seal` gave for them; None without one.
    """

    actor: str
    action: str
    facts: Mapping[str, Any]
    digest: str
    sealed: bytes
    seal: str | None


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

    def append(self, actor: str, action: str, facts: Mapping[str, object], *, seal: Seal | None = None) -> str:
        """Add an entry and wait until it is on disk.

        Args:
            actor: Who did it: a role or a component.
            action: What was done, in a word or two.
            facts: What else must be known, without customer ids; values that JSON can hold.
            seal: Signs the entry with its place in the chain; None leaves it unsigned.

        Returns:
            The entry's digest.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _open_private(self._path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            entry: dict[str, object] = {
                "at": datetime.now(UTC).isoformat(),
                "actor": actor,
                "action": action,
                "facts": dict(facts),
                "previous": self._read_head()[1],
            }
            if seal is not None:
                entry["seal"] = seal(_line(entry))
            line = _line(entry)
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
        self.entries()

    def entries(self) -> list[LogEntry]:
        """Read the log, oldest entry first, and check the very bytes that were read.

        Raises:
            AuditLogBroken: If the log is not as it was written; names the first line that shows it.
        """
        lines, (n_written, head) = self._content()
        expected, found = _GENESIS, []
        for number, line in enumerate(lines, start=1):
            entry = _entry(line, expected)
            if entry is None:
                raise AuditLogBroken(path=self._path, line=number, problem="does not follow from the line before it")
            expected = entry.digest
            found.append(entry)
        if len(lines) != n_written:
            raise AuditLogBroken(path=self._path, line=len(lines), problem=f"is the last, but {n_written} were written")
        if head != expected:
            raise AuditLogBroken(path=self._path, line=len(lines), problem="is not what was written last")
        return found

    def _content(self) -> tuple[list[bytes], tuple[int, str]]:
        """Read the lines and the head together, while nobody is between writing the one and the other."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return [], self._read_head()
        with file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return file.read().splitlines(), self._read_head()

    def _read_head(self) -> tuple[int, str]:
        try:
            count, digest = self._head.read_text(encoding="ascii").split()
            return int(count), digest
        except FileNotFoundError:
            return 0, _GENESIS
        except ValueError:
            raise AuditLogBroken(path=self._head, line=1, problem="is no count and digest") from None

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


def _line(entry: Mapping[str, object]) -> bytes:
    return json.dumps(entry, sort_keys=True).encode()


def _entry(line: bytes, previous: str) -> LogEntry | None:
    """Read a line; None unless it is an entry that follows the line with this digest."""
    try:
        content = json.loads(line)
    except ValueError:
        return None
    if not isinstance(content, dict) or content.get("previous") != previous:
        return None
    seal, facts = content.pop("seal", None), content.get("facts")
    return LogEntry(
        actor=str(content.get("actor")),
        action=str(content.get("action")),
        facts=facts if isinstance(facts, dict) else {},
        digest=hashlib.sha256(line).hexdigest(),
        sealed=_line(content),
        seal=seal if isinstance(seal, str) else None,
    )
