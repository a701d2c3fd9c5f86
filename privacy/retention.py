"""Nothing is kept longer than the settings say: one rule per table and derived artefact, one run over all of them.

What it covers: every store that the composition hands over. What it does not: backups, files that somebody copied
elsewhere, and what a model learnt from rows that have gone since; models leave by retraining.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

Progress = Callable[[str], None]


class Expirable(Protocol):
    """A store that can let go of what is too old; doing it again changes nothing."""

    @property
    def name(self) -> str:
        """What the store is called."""

    def expire(self, before: datetime, *, dry_run: bool) -> int:
        """Remove what is older than a moment, or only count it, and tell how much."""


@dataclass(frozen=True)
class Rule:
    """How long one store keeps things, and by which clock."""

    store: Expirable
    ttl_days: int
    clock: Literal["data", "wall"]


@dataclass(frozen=True)
class Expired:
    """What a rule did, or would do: rows or files removed that were older than the moment."""

    store: str
    ttl_days: int
    before: datetime
    n_removed: int


def retain(
    rules: Sequence[Rule], *, wall: datetime, data: datetime, dry_run: bool, progress: Progress
) -> list[Expired]:
    """Apply every rule.

    A run that is cut short has finished some stores; the next one goes on.

    Args:
        rules: What is kept how long.
        wall: Now, by the wall clock.
        data: Now, in data time.
        dry_run: Only count.
        progress: Told each store as it begins.

    Returns:
        One entry per rule, in order.
    """
    done = []
    for rule in rules:
        progress(f"{rule.store.name}: keeping {rule.ttl_days} days")
        before = (data if rule.clock == "data" else wall) - timedelta(days=rule.ttl_days)
        n_removed = rule.store.expire(before, dry_run=dry_run)
        done.append(Expired(rule.store.name, rule.ttl_days, before, n_removed))
    return done


class OldFiles:
    """Files of a folder by when they were last written; folders left empty go too.

    Args:
        name: What the files are called.
        folder: Where they are; it may be missing.
        suffixes: How the names of those concerned end; empty for all files.
    """

    def __init__(self, name: str, folder: Path, *, suffixes: tuple[str, ...] = ()) -> None:
        self.name = name
        self._folder = folder
        self._suffixes = suffixes

    def expire(self, before: datetime, *, dry_run: bool) -> int:
        """Remove files last written before a moment, or count them."""
        old = [path for path in sorted(self._folder.rglob("*")) if self._concerns(path) and _is_old(path, before)]
        if not dry_run:
            for path in old:
                path.unlink(missing_ok=True)
            for folder in sorted({path.parent for path in old}, reverse=True):
                _remove_if_empty(folder, self._folder)
        return len(old)

    def _concerns(self, path: Path) -> bool:
        return not self._suffixes or path.suffix in self._suffixes


def _is_old(path: Path, before: datetime) -> bool:
    return path.is_file() and datetime.fromtimestamp(path.stat().st_mtime, UTC) < before


def _remove_if_empty(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
