"""What a step costs: processor time and the most memory held."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.benchmarks import cpu_seconds

_STATUS: Final = Path("/proc/self/status")
_RESET: Final = Path("/proc/self/clear_refs")
_FORGET_PEAK: Final = "5"
_KILOBYTES_IN_GB: Final = 1e6


@dataclass
class Cost:
    """Cost of one step, known once the step is over.

    Attributes:
        cpu_s: Processor time of this process and of its children that ended; seconds, all threads together.
        peak_memory_gb: Most memory that this process held during the step, its data and libraries included.
    """

    cpu_s: float = 0.0
    peak_memory_gb: float = 0.0


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure what runs within."""
    cost = Cost()
    _forget_peak()
    began = cpu_seconds()
    try:
        yield cost
    finally:
        cost.cpu_s = cpu_seconds() - began
        cost.peak_memory_gb = _peak_gb()


def _forget_peak() -> None:
    """Let the kernel count the peak anew; where it does not, the peak is that of the whole run so far."""
    if _RESET.exists():
        _RESET.write_text(_FORGET_PEAK, encoding="ascii")


def _peak_gb() -> float:
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / _KILOBYTES_IN_GB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KILOBYTES_IN_GB
