"""Move every store from one pseudonym key to the next, so that a kill at any moment can be made good.

Copies that nobody looks people up in (vault, feature tables, lake) are moved first, one after the other, and each is
noted when it is done. Then, while no event is folded, online rows are copied, the state database is moved in one
transaction, and the record of keys is replaced: from then on every process makes the new names. What a request wrote
under an old name in between is swept up last. Until the window closes, the vault and `Pseudonymizer.resolve` still
know the earlier names.

During the few milliseconds between the transaction and the new record, a question about a person finds no consent and
is answered without a profile: it errs to the side of not using data.
"""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from configs.settings import PrivacySettings
from privacy.errors import RotationRunning, WindowOpen
from privacy.key_ring import KeyRing, first_ring, read_ring, write_ring
from privacy.keys import load_or_create_secret
from privacy.pseudonyms import key_path, load_pseudonymizer, pseudonymizer_of
from privacy.purpose_names import purpose_key_path, purpose_version

Rename = Callable[[str], str]
Progress = Callable[[str], None]

_LOCK: Final = ".rotation.lock"


class Rekeyable(Protocol):
    """A store whose people can be given new names; doing it again changes nothing."""

    @property
    def name(self) -> str:
        """What the store is called in the record and in what is told."""

    def rekey(self, rename: Rename) -> int:
        """Rename everybody and tell how many names, rows or files changed."""


@dataclass(frozen=True)
class RotationPlan:
    """The stores of an installation, in the order in which they are moved.

    Args:
        before: Stores that nobody looks people up in while they are served.
        alone: Keeps events from being folded meanwhile.
        copied: What gets a copy under the new names inside `alone`.
        state: The state database, moved inside `alone` in one transaction.
        after: What is done when the new names are in force: sweeping up, dropping old copies.
    """

    before: Sequence[Rekeyable]
    alone: Callable[[], AbstractContextManager[None]]
    copied: Sequence[Rekeyable]
    state: Rekeyable
    after: Sequence[Rekeyable]


@dataclass(frozen=True)
class Rotated:
    """A finished rotation: versions, when the window closes, and what each store changed."""

    earlier: int
    version: int
    window_ends: datetime
    changed: dict[str, int]


def rotate(
    plan: RotationPlan, keys_dir: Path, settings: PrivacySettings, *, now: datetime, progress: Progress
) -> Rotated:
    """Make or take the next pseudonym key and move every store to it; go on with a rotation that was cut short.

    Args:
        plan: The stores.
        keys_dir: Folder of the keys.
        settings: Whether keys may be made, and how long the window stays open.
        now: When the window begins.
        progress: Told each step in words.

    Raises:
        KeyMissing: If the next key must be supplied and is not there.
        WindowOpen: If earlier names of the last rotation still resolve.
        RotationRunning: If another process is at it.
    """
    with _alone(keys_dir):
        ring = _begun(keys_dir, settings, now)
        version = int(ring.moving_to or 0)
        rename = pseudonymizer_of(keys_dir, ring, version).renamed
        changed: dict[str, int] = {}
        for store in plan.before:
            if store.name not in ring.done:
                progress(f"{store.name}: giving new names")
                changed[store.name] = store.rekey(rename)
                ring = _noted(keys_dir, ring, done=(*ring.done, store.name))
        if ring.current != version:
            ring = _switch(plan, keys_dir, ring, version, rename, changed)
        for store in (plan.state, *plan.after):
            progress(f"{store.name}: looking for names that came late")
            changed[store.name] = changed.get(store.name, 0) + store.rekey(rename)
        ends = now + timedelta(days=settings.rotation_window_days)
        ring = _noted(keys_dir, ring, moving_to=None, done=(), window_ends=ends)
    return Rotated(earlier=version - 1, version=version, window_ends=ends, changed=changed)


def close_window(keys_dir: Path, forget: Callable[[int], int], *, now: datetime, force: bool) -> int | None:
    """Let earlier names stop to resolve once their window is over.

    Args:
        keys_dir: Folder of the keys.
        forget: Removes the names of versions before the given one from the vault and tells how many.
        now: The moment judged.
        force: Close a window that is still open, too.

    Returns:
        How many names were forgotten; None where there is no window, or it is still open.
    """
    with _alone(keys_dir):
        ring = read_ring(keys_dir)
        if ring is None or ring.window_ends is None or (now < ring.window_ends and not force):
            return None
        n_forgotten = forget(ring.current)
        _noted(keys_dir, ring, oldest_resolving=ring.current, window_ends=None)
        return n_forgotten


def rotate_purpose(keys_dir: Path, settings: PrivacySettings, purpose: str) -> int:
    """Let a purpose outside the stores make its names with a new key from now on; nothing we keep bears its names.

    Returns:
        The new version.

    Raises:
        PurposeUnknown: If there is no such purpose.
        KeyMissing: If the next key must be supplied and is not there.
    """
    with _alone(keys_dir):
        load_pseudonymizer(keys_dir, settings)
        ring = read_ring(keys_dir) or first_ring(settings.pseudonym_key_version)
        version = purpose_version(keys_dir, settings, purpose) + 1
        load_or_create_secret(purpose_key_path(keys_dir, purpose, version), create=settings.create_missing_keys)
        _noted(keys_dir, ring, purposes={**ring.purposes, purpose: version})
        return version


def _begun(keys_dir: Path, settings: PrivacySettings, now: datetime) -> KeyRing:
    load_pseudonymizer(keys_dir, settings)  # today's keys are all there
    ring = read_ring(keys_dir) or first_ring(settings.pseudonym_key_version)
    if ring.moving_to is not None:
        return ring
    if ring.window_ends is not None and now < ring.window_ends:
        raise WindowOpen(until=ring.window_ends)
    load_or_create_secret(key_path(keys_dir, ring.current + 1), create=settings.create_missing_keys)
    return _noted(keys_dir, ring, moving_to=ring.current + 1)


def _switch(
    plan: RotationPlan, keys_dir: Path, ring: KeyRing, version: int, rename: Rename, changed: dict[str, int]
) -> KeyRing:
    with plan.alone():
        for store in (*plan.copied, plan.state):
            changed[store.name] = store.rekey(rename)
        return _noted(keys_dir, ring, current=version)


def _noted(keys_dir: Path, ring: KeyRing, **changes: object) -> KeyRing:
    changed = KeyRing.model_validate({**ring.model_dump(), **changes})
    write_ring(keys_dir, changed)
    return changed


@contextmanager
def _alone(keys_dir: Path) -> Iterator[None]:
    keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = keys_dir / _LOCK
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RotationRunning(lock=path) from None
        yield
