"""Benchmarks: rows of figures beside those of peers, measured on one machine in one run."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from training.evaluation_results import Result

_GIGABYTE: Final = 1e9
_CPU_FACTS: Final = Path("/proc/cpuinfo")


class BenchmarkRow(Result):
    """One figure, as the contract of `bench --json` spells it.

    Attributes:
        name: Whose figure it is.
        figure: What was measured.
        value: The figure.
        unit: Its unit; "" for a pure number.
        ratio_to: Whose figure `ratio` divides by; None where nothing is compared.
        ratio: This figure over the other's.
        interval_95: Of the ratio where there is one, else of the value; None where it was measured once.
    """

    name: str
    figure: str
    value: float
    unit: str
    ratio_to: str | None
    ratio: float | None
    interval_95: tuple[float, float] | None


class Benchmark(Result):
    """All rows of one run, where it ran, and what ran."""

    rows: tuple[BenchmarkRow, ...]
    machine: dict[str, Any]
    versions: dict[str, str]


def cpu_seconds() -> float:
    """Tell the processor time this process and its finished children have used; seconds, all threads together.

    >>> cpu_seconds() > 0
    True
    """
    return sum(os.times()[:4])


def machine_facts() -> dict[str, Any]:
    """Describe the machine: figures of another one do not compare."""
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "n_cpus": os.cpu_count() or 1,
        "memory_gb": round(pages * page_bytes / _GIGABYTE, 1),
    }


def package_versions(names: Sequence[str]) -> dict[str, str]:
    """Give Python's version and those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    """Name the processor; the system's own word where it does not tell."""
    if _CPU_FACTS.exists():
        for line in _CPU_FACTS.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
