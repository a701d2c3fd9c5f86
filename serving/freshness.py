"""How old the champions, the data and the online features are, and how far they have drifted: figures for Prometheus.

They are read from small files when somebody asks, so that every worker gives the same answer and none keeps a clock.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from pydantic import ValidationError

from configs.settings import StorageSettings
from features.clock import Clock
from features.errors import FeatureError
from features.lake import MANIFEST as LAKE_MANIFEST
from features.lake import LakeManifest
from training.artifact import MANIFEST, bundle_directory, champion_pointer
from training.drift import Drift, read_drift
from training.errors import TrainingError
from training.manifest import Manifest

_BEFORE: Final = "training"
_TODAY: Final = "today"


class Freshness(Collector):
    """Ages in seconds of data time, so that replayed data is as old as it pretends to be.

    What cannot be read has no figure: an alarm on its absence says more than a wrong number.

    Args:
        storage: Where everything lies.
        models: Names of the models.
        clock: What "now" means to data.
        now: The wall clock.
    """

    def __init__(
        self, storage: StorageSettings, models: Sequence[str], clock: Clock, now: Callable[[], datetime]
    ) -> None:
        self._storage = storage
        self._models = tuple(models)
        self._clock = clock
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Give the families one by one."""
        champions = {name: _champion(self._storage.bundles, name) for name in self._models}
        yield from self._ages({name: manifest for name, manifest in champions.items() if manifest is not None})
        drifts = [read_drift(self._storage.reports, name) for name in self._models]
        yield from _drift_families([drift for drift in drifts if drift and _is_of(drift, champions)], self._now())

    def _ages(self, champions: dict[str, Manifest]) -> Iterator[Metric]:
        model = _gauge("fairshelf_model_age_seconds", "Since the end of the champion's training data", "model")
        trained = _gauge("fairshelf_model_trained_seconds", "Since the champion was trained", "model")
        try:
            now, record = self._clock.now(), self._clock.record()
        except FeatureError:
            return
        for name, manifest in champions.items():
            model.add_metric([name], (now - manifest.train_until).total_seconds())
            trained.add_metric([name], (self._now() - manifest.trained_at).total_seconds())
        yield from (model, trained)
        lake = _lake(self._storage.lake)
        if lake is not None:
            said = "Since the newest purchase of the lake"
            yield GaugeMetricFamily("fairshelf_data_age_seconds", said, (now - lake.data_end).total_seconds())
        if record.as_of is not None:
            said = "Since the moment that the online features were filled for"
            age = (now - record.as_of).total_seconds()
            yield GaugeMetricFamily("fairshelf_online_features_age_seconds", said, age)


def _drift_families(drifts: Sequence[Drift], now: datetime) -> Iterator[Metric]:
    measured = _gauge("fairshelf_drift_measured_seconds", "Since drift was measured", "model")
    index = _gauge(
        "fairshelf_drift_psi", "Population stability index, today against training", "model", "side", "figure"
    )
    level = _gauge("fairshelf_drift_level", "Mean or share at training and today", "model", "side", "figure", "moment")
    drifted = _gauge("fairshelf_drifted_figures", "Figures whose index passes refresh.drift.alarm_at", "model")
    for drift in drifts:
        measured.add_metric([drift.model], (now - drift.measured_at).total_seconds())
        drifted.add_metric([drift.model], len(drift.drifted))
        for shift in drift.shifts:
            place = [drift.model, shift.side, shift.figure]
            if shift.psi is not None:
                index.add_metric(place, shift.psi)
            for moment, value in ((_BEFORE, shift.before), (_TODAY, shift.today)):
                if value is not None:
                    level.add_metric([*place, moment], value)
    yield from (measured, drifted, index, level)


def _gauge(name: str, said: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, said, labels=labels)


def _champion(bundles_dir: Path, name: str) -> Manifest | None:
    """Read the champion's manifest alone; its other files are checked when it is loaded."""
    try:
        pointer = champion_pointer(bundles_dir, name)
        if pointer is None:
            return None
        manifest = Manifest.model_validate_json(
            (bundle_directory(bundles_dir, name, pointer.version) / MANIFEST).read_bytes()
        )
    except (TrainingError, ValidationError, OSError):
        return None
    return manifest if manifest.digest == pointer.digest else None


def _lake(root: Path) -> LakeManifest | None:
    """Read the lake's manifest as it lies there; nothing is mended from here, an ingest may be at work."""
    try:
        return LakeManifest.model_validate_json((root / LAKE_MANIFEST).read_bytes())
    except (ValidationError, OSError):
        return None


def _is_of(drift: Drift, champions: dict[str, Manifest | None]) -> bool:
    """Tell whether a comparison is of the champion that serves."""
    champion = champions.get(drift.model)
    return champion is not None and champion.digest == drift.bundle_digest
