"""The loaded champion: watched for, verified beside the old one, exchanged in one step."""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from serving.errors import NotReady
from serving.log import failed, info
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


Loaded = TypeVar("Loaded", bound=Version)


class BundleHolder(Generic[Loaded]):
    """Holds the model that answers.

    A request takes `current` once and keeps it to its end, so an exchange drops no request and mixes no versions.
    A champion that cannot be loaded leaves the last good one in place.

    Args:
        name: Model name.
        pointer: The file that promotion writes.
        load: Loads and verifies the bundle the pointer names.
        watched: Further files the loaded model was made from; a change of one loads it anew.
        retry_after_s: What a caller is told while there is no model, and how long a refused champion is left alone
            before it is tried again; seconds.
    """

    def __init__(
        self,
        *,
        name: str,
        pointer: Path,
        load: Callable[[], Loaded],
        retry_after_s: int,
        watched: Sequence[Path] = (),
    ) -> None:
        self._name = name
        self._watched = (pointer, *watched)
        self._load = load
        self._retry_after_s = retry_after_s
        self._seen: tuple[Stamp, ...] = ()
        self._retry_at = math.inf
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
        """Look at the pointer and load what it names, if it changed since the last look.

        Returns:
            Whether another champion was put in place.
        """
        with self._loading:
            stamps = tuple(_stamp(path) for path in self._watched)
            if stamps == self._seen and time.monotonic() < self._retry_at:
                return False
            self._seen = stamps
            return stamps[0] != NOTHING and self._exchange()

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
            failed("the champion on disk was refused; the last good one stays", failure, problem=self.problem)
            return False
        self.current, self.problem, self._retry_at = champion, None, math.inf
        BUNDLE_LOADED.labels(champion.name, champion.version).inc()
        READY.labels(champion.name).set(1)
        info("champion loaded", model=champion.name, version=champion.version, digest=champion.digest)
        return True


def _stamp(path: Path) -> Stamp:
    try:
        facts = path.stat()
    except OSError:
        return NOTHING
    return facts.st_mtime_ns, facts.st_size, facts.st_ino
