"""What a peer may take: processor time and memory; whoever takes more is stopped, and the others go on."""

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from configs.bench import BenchSettings
from training.peers.errors import PeerTooLarge, PeerUnfinished

_STATUS: Final = Path("/proc/self/status")
_BYTES_IN_GB: Final = 10**9
_BYTES_IN_KB: Final = 1024


@contextmanager
def limited(name: str, settings: BenchSettings) -> Iterator[None]:
    """Stop what runs within once it has taken too much.

    Time is processor time of this process, all threads together, looked at between two steps of Python: a single call
    into a library is not cut short. It is bounded in the main thread alone. Memory is what is asked for beyond what
    the process holds at the beginning; it is bounded where the kernel counts it.

    Args:
        name: Whose turn it is.
        settings: `peer_max_cpu_s` and `peer_max_memory_gb`.

    Raises:
        PeerUnfinished: If time ran out.
        PeerTooLarge: If memory did.
    """
    with _memory(settings.peer_max_memory_gb), _time(name, settings.peer_max_cpu_s):
        try:
            yield
        except MemoryError:
            raise PeerTooLarge(
                name=name, limit_gb=settings.peer_max_memory_gb, setting="bench.peer_max_memory_gb"
            ) from None


@contextmanager
def _time(name: str, limit_s: int) -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> NoReturn:
        raise PeerUnfinished(name=name, limit_s=limit_s, setting="bench.peer_max_cpu_s")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _memory(limit_gb: float) -> Iterator[None]:
    held = _data_bytes()
    if held is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = held + int(limit_gb * _BYTES_IN_GB)
    bounds = [limit for limit in (wanted, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int | None:
    """Tell how much private memory the process has mapped; None where the kernel does not say."""
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * _BYTES_IN_KB
    return None
