"""The loaded champion: watched for, verified beside the old one, exchanged in one step."""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from fairness.errors import ClearanceLapsed
from serving.errors import NotReady
from serving.log import failed, info, warned
from serving.metrics import BUNDLE_LOADED, BUNDLE_REFUSED, READY

Stamp = tuple[int, int, int]

NOTHING: Final[Stamp] = (0, 0, 0)


class Version(Protocol):
    """A loaded, verified model version of any kind."""

    @property
    def name(self) -> str:
        """Model name, such as `two-tower`."""

    @property
    def version(self) -> str:
        """Version of the bundle."""

    @property
    def digest(self) -> str:
        """Digest of the bundle, as the champion pointer names it."""

    @property
    def cleared_until(self) -> datetime:
        """When it must leave service, unless it is cleared anew."""


Loaded = TypeVar("Loaded", bound=Version)


def _no_recheck(_current: Version) -> None:
    """Nothing but the end of the clearance is looked at."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class BundleHolder(Generic[Loaded]):
    """Holds the model that answers.

    A request takes `current` once and keeps it to its end, so an exchange drops no request and mixes no versions.
    A champion that cannot be loaded leaves the last good one in place, unless that one's own clearance is over: then
    nothing is left to answer, and callers are told so.

    Args:
        name: Model name.
        pointer: The file that promotion writes.
        load: Loads and verifies the bundle the pointer names.
        watched: Names further files the loaded model was made or cleared from; a change of one loads it anew.
        recheck: Looks again whether the loaded model may still serve; raises ClearanceLapsed where it may not.
        now: Gives the aware time, by which a clearance ends.
        retry_after_s: What a caller is told while there is no model, and how long a refused champion is left alone
            before it is tried again, and one in service before it is looked at again; seconds.
    """

    def __init__(
        self,
        *,
        name: str,
        pointer: Path,
        load: Callable[[], Loaded],
        retry_after_s: int,
        watched: Callable[[], Sequence[Path]] = tuple,
        recheck: Callable[[Loaded], None] = _no_recheck,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._name = name
        self._pointer = pointer
        self._watched = watched
        self._load = load
        self._recheck = recheck
        self._now = now
        self._retry_after_s = retry_after_s
        self._seen: tuple[Stamp, ...] = ()
        self._retry_at = math.inf
        self._recheck_at = -math.inf
        self._loading = threading.Lock()
        self.current: Loaded | None = None
        self.problem: str | None = None

    def champion(self) -> Loaded:
        """Give the model that answers.

        Raises:
            NotReady: If none is loaded; the message says how to get one.
        """
        if self.current is None:
            raise NotReady(model=self._name, retry_after_s=self._retry_after_s, refused=self.problem is not None)
        return self.current

    def refresh(self) -> bool:
        """Look at the pointer and load what it names, if something changed since the last look or a clearance ended.

        Returns:
            Whether another champion was put in place.
        """
        with self._loading:
            stamps = tuple(_stamp(path) for path in (self._pointer, *self._watched()))
            if stamps == self._seen and time.monotonic() < self._retry_at and not self._ended():
                self._look_again_at_times()
                return False
            self._seen = stamps
            if stamps[0] != NOTHING and self._exchange():
                return True
            self._withdraw_if_lapsed()
            return False

    async def watch(self, poll_s: float) -> None:
        """Refresh again and again, in a thread, until cancelled."""
        while True:
            await asyncio.sleep(poll_s)
            await asyncio.to_thread(self.refresh)

    def _exchange(self) -> bool:
        try:
            champion = self._load()
        except Exception as failure:  # whatever a broken bundle does, the one in place goes on answering
            self.problem = str(failure)
            self._retry_at = time.monotonic() + self._retry_after_s
            BUNDLE_REFUSED.labels(self._name).inc()
            failed("the champion on disk was refused", failure, problem=self.problem)
            if isinstance(failure, ClearanceLapsed):
                self._withdraw_if(failure)
            return False
        self.current, self.problem, self._retry_at = champion, None, math.inf
        BUNDLE_LOADED.labels(champion.name, champion.version).inc()
        READY.labels(champion.name).set(1)
        info("champion loaded", model=champion.name, version=champion.version, digest=champion.digest)
        return True

    def _ended(self) -> bool:
        return self.current is not None and self._now() >= self.current.cleared_until

    def _look_again_at_times(self) -> None:
        """Look now and then at what changes no file that is watched, such as an erasure's date to replace a model."""
        if time.monotonic() >= self._recheck_at:
            self._withdraw_if_lapsed()

    def _withdraw_if_lapsed(self) -> None:
        """Look at what serves by itself: the pointer may name another bundle by now, or one with a broken report."""
        self._recheck_at = time.monotonic() + self._retry_after_s
        if self.current is None:
            return
        if self._ended():
            self._withdraw(f"the clearance ended at {self.current.cleared_until:%Y-%m-%d %H:%M} UTC")
            return
        try:
            self._recheck(self.current)
        except ClearanceLapsed as lapsed:
            self._withdraw_if(lapsed)
        except Exception as failure:  # a log that cannot be trusted withdraws nothing
            failed("whether the model may still serve cannot be told; it stays", failure, problem=str(failure))

    def _withdraw_if(self, lapsed: ClearanceLapsed) -> None:
        if self.current is not None and self.current.digest == lapsed.bundle_digest:
            self._withdraw(str(lapsed))

    def _withdraw(self, problem: str) -> None:
        gone, self.current = self.current, None
        self.problem = self.problem or problem
        READY.labels(self._name).set(0)
        version = gone.version if gone else None
        warned("the model was taken out of service", model=self._name, version=version, problem=problem)


def _stamp(path: Path) -> Stamp:
    try:
        facts = path.stat()
    except OSError:
        return NOTHING
    return facts.st_mtime_ns, facts.st_size, facts.st_ino
