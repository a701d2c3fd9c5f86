"""What the service counts, in the Prometheus registry of the process."""

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_KEPT: Final = ("fairshelf_", "process_", "python_info")

REQUESTS: Final = Counter("fairshelf_requests_total", "Requests answered", ["route", "method", "status"])
SECONDS: Final = Histogram(
    "fairshelf_request_seconds",
    "Time from the request's head to the answer",
    ["route"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0),
)
RECOMMENDATIONS: Final = Counter(
    "fairshelf_recommendations_total", "Lists by the method that made them", ["rung", "reason"]
)
EVENTS: Final = Counter("fairshelf_events_total", "Events by what became of them", ["outcome"])
DECISIONS_LOST: Final = Counter("fairshelf_decisions_lost_total", "Decisions that could not be put on record")
FEATURES_UNAVAILABLE: Final = Counter(
    "fairshelf_features_unavailable_total", "Lists made without features because a store failed"
)
BUNDLE_REFUSED: Final = Counter(
    "fairshelf_bundle_refused_total", "Champions on disk that could not be loaded", ["model"]
)
BUNDLE_LOADED: Final = Counter("fairshelf_bundle_loaded_total", "Champions loaded", ["model", "version"])
READY: Final = Gauge("fairshelf_ready", "1 while a verified champion is loaded", ["model"], multiprocess_mode="liveall")


@lru_cache(maxsize=4096)
def answered(route: str, method: str, status: int) -> Counter:
    """Give the counter of one route, method and status."""
    return REQUESTS.labels(route, method, str(status))


@lru_cache(maxsize=1024)
def timed(route: str) -> Histogram:
    """Give the histogram of one route."""
    return SECONDS.labels(route)


@lru_cache(maxsize=64)
def recommended(rung: str, reason: str) -> Counter:
    """Give the counter of one method and the reason it was used instead of a profile."""
    return RECOMMENDATIONS.labels(rung, reason)


def exposition(*more: Collector) -> bytes:
    """Write all figures down in the Prometheus text format, over every worker process where there are several.

    Args:
        more: What is looked up now instead of being counted.
    """
    ours = CollectorRegistry()
    for collector in (_Ours(_everything()), *more):
        ours.register(collector)
    return generate_latest(ours)


class _Ours(Collector):
    """Passes on what this service and its process count; libraries put figures of their own into the registry."""

    def __init__(self, source: Collector | CollectorRegistry) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Give the families one by one."""
        yield from (family for family in self._source.collect() if family.name.startswith(_KEPT))


def _everything() -> Collector | CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    return MultiProcessCollector(CollectorRegistry())  # type: ignore[no-untyped-call]
