"""Which key versions are in force: the one record that every process follows when keys are rotated.

The record is no secret. Before the first rotation there is none, and `privacy.pseudonym_key_version` counts.
"""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from privacy.errors import KeyRingDamaged, RotationUnfinished

RING: Final = "pseudonyms.json"


class KeyRing(BaseModel):
    """Where rotation stands.

    Attributes:
        first: Version that makes the first name out of an id; each later key is laid over it.
        current: Version of the names that the stores hold, or are about to hold once `done` is complete.
        oldest_resolving: Names of this version and later still resolve.
        window_ends: When earlier names stop to resolve; None where no window is open.
        moving_to: Version that stores are being moved to; None where all are at `current`.
        done: Stores that have been moved.
        purposes: Version by purpose, for purposes whose key was rotated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int
    current: int
    oldest_resolving: int
    window_ends: datetime | None
    moving_to: int | None
    done: tuple[str, ...]
    purposes: dict[str, int]


def first_ring(version: int) -> KeyRing:
    """Describe an installation whose keys were never rotated."""
    return KeyRing(
        first=version,
        current=version,
        oldest_resolving=version,
        window_ends=None,
        moving_to=None,
        done=(),
        purposes={},
    )


def read_ring(keys_dir: Path) -> KeyRing | None:
    """Read the record; None before the first rotation.

    Raises:
        KeyRingDamaged: If it is there and cannot be understood.
    """
    path = keys_dir / RING
    try:
        return KeyRing.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValidationError, UnicodeDecodeError) as failure:
        raise KeyRingDamaged(path=path, problem=" ".join(str(failure).split())) from None


def write_ring(keys_dir: Path, ring: KeyRing) -> None:
    """Replace the record in one step that lasts: a reader sees the old one or the new one, a crash leaves one whole."""
    staged = keys_dir / f".{RING}.{os.getpid()}"
    with staged.open("w", encoding="utf-8") as file:
        json.dump(ring.model_dump(mode="json"), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(keys_dir / RING)
    descriptor = os.open(keys_dir, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stamp(keys_dir: Path) -> tuple[int, int]:
    """Tell one state of the record from another without reading it: inode and time of change, zeros without one."""
    try:
        facts = (keys_dir / RING).stat()
    except FileNotFoundError:
        return 0, 0
    return facts.st_ino, facts.st_mtime_ns


def require_settled(keys_dir: Path) -> None:
    """Refuse work that joins stores while some hold earlier names than others.

    Raises:
        RotationUnfinished: If a rotation was begun and is not finished.
    """
    ring = read_ring(keys_dir)
    if ring is not None and ring.moving_to is not None:
        raise RotationUnfinished(to=ring.moving_to)
