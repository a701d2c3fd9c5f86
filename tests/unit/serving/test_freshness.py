"""Ages and drift as figures, from files written by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.registry import CollectorRegistry

from configs.settings import Settings
from features.build_record import update_record
from features.clock import Clock
from features.lake import LakeManifest
from serving.freshness import Freshness
from training.artifact import Bundle, bundle_directory, set_champion, write_bundle
from training.drift import Drift, Shift, write_drift
from training.manifest import ManifestFacts

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400.0

Read = Callable[..., dict[str, float]]


@pytest.fixture
def read(settings: Settings) -> Read:
    """Give every figure by its name and labels."""

    def figures(clock: str = "wall", now: datetime = NOW) -> dict[str, float]:
        told: Any = Clock(clock, settings.storage.feast)  # type: ignore[arg-type]
        if clock == "wall":
            told.now = lambda: now
        registry = CollectorRegistry()
        registry.register(Freshness(settings.storage, ["two-tower", "demand"], told, lambda: now))
        lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    return figures


@pytest.fixture
def champion(settings: Settings) -> Bundle:
    """A champion of the recommender whose training data ends ten days ago, trained a day ago."""
    bundles = settings.storage.bundles
    facts = ManifestFacts(
        trained_at=NOW - timedelta(days=1),
        train_until=NOW - timedelta(days=10),
        data_snapshot_digest="5" * 64,
        code_commit="c" * 40,
        lock_digest="d" * 64,
        feature_service="customer_v1",
        consent_digest="e" * 64,
        settings={},
    )
    parts: dict[str, Any] = {"tensors": {}, "arrays": {}, "frames": {}, "texts": {}}
    bundle = write_bundle(
        bundle_directory(bundles, "two-tower", "4"), name="two-tower", version="4", facts=facts, **parts
    )
    set_champion(bundles, bundle)
    return bundle


def drift_of(bundle: Bundle, **changes: Any) -> Drift:
    shifts = (
        Shift(side="inputs", figure="price", psi=0.5, before=2.0, today=3.0),
        Shift(side="outputs", figure="source", psi=0.1, before=None, today=None),
        Shift(side="outputs", figure="coverage@10", psi=None, before=0.2, today=0.1),
    )
    facts: dict[str, Any] = {
        "model": "two-tower",
        "version": bundle.manifest.version,
        "bundle_digest": bundle.digest,
        "measured_at": NOW - timedelta(hours=1),
        "before": NOW,
        "today": NOW,
        "n_lists": 200,
        "alarm_at": 0.25,
        "shifts": shifts,
        "notes": (),
    }
    return Drift(**{**facts, **changes})


def write_lake(root: Path, data_end: datetime) -> None:
    manifest = LakeManifest(
        format_version=1,
        created_at=NOW,
        source="files",
        trading_time_zone="UTC",
        data_start=NOW - timedelta(days=300),
        data_end=data_end,
        snapshot_digest="5" * 64,
        tables={},
        pseudonym_key_version=1,
    )
    root.mkdir(parents=True)
    (root / "manifest.json").write_text(manifest.model_dump_json())


@pytest.mark.usefixtures("champion")
def test_ages_run_from_what_was_learnt_bought_and_filled(read: Read, settings: Settings) -> None:
    write_lake(settings.storage.lake, NOW - timedelta(days=3))
    update_record(settings.storage.feast, as_of=NOW - timedelta(days=2), materialised_at=NOW - timedelta(days=2))
    found = read()
    assert found['fairshelf_model_age_seconds{model="two-tower"}'] == 10 * DAY
    assert found['fairshelf_model_trained_seconds{model="two-tower"}'] == DAY
    assert found["fairshelf_data_age_seconds"] == 3 * DAY
    assert found["fairshelf_online_features_age_seconds"] == 2 * DAY
    assert not [name for name in found if "demand" in name]


@pytest.mark.usefixtures("champion")
def test_replayed_data_is_as_old_as_it_pretends_to_be(read: Read, settings: Settings) -> None:
    as_of = NOW - timedelta(days=8)
    update_record(settings.storage.feast, as_of=as_of, materialised_at=datetime.now(UTC))
    found = read("replay")
    assert found["fairshelf_online_features_age_seconds"] == pytest.approx(0, abs=60)
    assert found['fairshelf_model_age_seconds{model="two-tower"}'] == pytest.approx(2 * DAY, abs=60)


def test_drift_is_shown_figure_by_figure(read: Read, settings: Settings, champion: Bundle) -> None:
    write_drift(drift_of(champion), settings.storage.reports)
    found = read()
    assert found['fairshelf_drift_psi{figure="price",model="two-tower",side="inputs"}'] == 0.5
    assert found['fairshelf_drift_psi{figure="source",model="two-tower",side="outputs"}'] == 0.1
    level = 'fairshelf_drift_level{{figure="coverage@10",model="two-tower",moment="{}",side="outputs"}}'
    assert (found[level.format("training")], found[level.format("today")]) == (0.2, 0.1)
    assert found['fairshelf_drifted_figures{model="two-tower"}'] == 1
    assert found['fairshelf_drift_measured_seconds{model="two-tower"}'] == 3600


def test_drift_of_a_champion_that_is_gone_is_not_shown(read: Read, settings: Settings, champion: Bundle) -> None:
    write_drift(drift_of(champion, bundle_digest="f" * 64), settings.storage.reports)
    assert not [name for name in read() if "drift_psi" in name]


def test_what_cannot_be_read_has_no_figure(read: Read, settings: Settings, champion: Bundle) -> None:
    assert "fairshelf_data_age_seconds" not in read()
    settings.storage.lake.mkdir(parents=True)
    (settings.storage.lake / "manifest.json").write_text("{")
    (champion.directory / "manifest.json").write_text("{")
    (settings.storage.feast).mkdir(parents=True)
    assert read() == {}
    (settings.storage.feast / "build.json").write_text("{")
    assert read() == {}


def test_the_service_shows_them(shop: Any) -> None:
    write_lake(shop.lake, datetime(2026, 2, 1, tzinfo=UTC))
    text = shop.call("GET", "/metrics", role=None).text
    assert "fairshelf_data_age_seconds " in text
    assert "fairshelf_requests_total" in text
