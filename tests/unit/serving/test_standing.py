"""Where bundles and reports stand with their audits, as values; the models' routes show it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configs.loading import load_settings
from configs.settings import Settings
from fairness.clearance import require_clearance
from fairness.committee import open_committee
from fairness.errors import ClearanceRefused
from fairness.policy import Policy
from serving.standing import Standing, Standings
from training.artifact import Bundle, bundle_directory, write_bundle
from training.manifest import ManifestFacts

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
FACTS = ManifestFacts(
    trained_at=datetime(2025, 2, 1, tzinfo=UTC),
    train_until=datetime(2025, 1, 1, tzinfo=UTC),
    data_snapshot_digest="d",
    code_commit="c",
    lock_digest="l",
    feature_service="customer_v1",
    consent_digest="k",
    settings={},
    metrics={},
)


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    """Settings of the house that the shop is in."""
    return load_settings("test", [f"storage.root={tmp_path}"])


def bundle(settings: Settings, version: str, name: str = "two-tower") -> Bundle:
    """Write a bundle without any part."""
    directory = bundle_directory(settings.storage.bundles, name, version)
    return write_bundle(directory, name=name, version=version, facts=FACTS, tensors={}, arrays={}, frames={}, texts={})


def standing(settings: Settings, made: Bundle, now: datetime = NOW) -> Standing:
    committee = open_committee(settings.storage, settings.fairness.release, lambda: now)
    standings = Standings(settings.fairness, keys_dir=settings.storage.keys, committee=committee, now=lambda: now)
    return standings.of_bundle(made.directory, made.manifest)


def gate_says(settings: Settings, made: Bundle, now: datetime) -> tuple[str, ...]:
    """What the server's own gate says of it."""
    try:
        require_clearance(
            made.directory,
            name=made.manifest.name,
            version=made.manifest.version,
            bundle_digest=made.digest,
            policy=Policy(settings.fairness, made.manifest.name),
            keys_dir=settings.storage.keys,
            committee=open_committee(settings.storage, settings.fairness.release, lambda: now),
            now=now,
        )
    except ClearanceRefused as refused:
        return refused.reasons
    return ()


def test_a_bundle_without_an_audit_is_not_cleared(house: Settings) -> None:
    found = standing(house, bundle(house, "3"))
    assert (found.cleared, found.report_id, found.until) == (False, None, None)
    assert any("no fairness report travels" in reason for reason in found.reasons)


def test_it_says_what_the_gate_says(house: Settings, cleared: Callable[..., Any]) -> None:
    made = bundle(house, "3")
    report_id = cleared(made, house, created_at=NOW).report.report_id
    other = bundle(house, "4")
    (other.directory / "audit").mkdir()
    for file in (made.directory / "audit").iterdir():  # another model's report
        (other.directory / "audit" / file.name).write_bytes(file.read_bytes())
    for which, now, good in (
        (made, NOW, True),
        (made, NOW + timedelta(days=91), False),
        (made, NOW - timedelta(days=1), False),
        (other, NOW, False),
    ):
        found = standing(house, which, now)
        assert found.cleared is good
        assert found.report_id == report_id
        assert found.reasons == gate_says(house, which, now)
        assert (found.until == NOW + timedelta(days=90)) is good


def test_a_model_that_nobody_audits_is_not_cleared(house: Settings) -> None:
    found = standing(house, bundle(house, "1", name="segments"))
    assert not found.cleared
    assert any("'segments'" in reason for reason in found.reasons)


def test_the_models_route_shows_report_and_clearance(shop: Any, house: Settings, cleared: Callable[..., Any]) -> None:
    report_id = cleared(bundle(house, "3"), house, created_at=NOW).report.report_id
    bundle(house, "4")
    found = shop.call("GET", "/v1/models/two-tower/versions/3", role="ethics").json()
    assert (found["fairness_report_id"], found["cleared"], found["reasons"]) == (report_id, True, [])
    assert found["cleared_until"] == "2025-05-30T12:00:00Z"
    other = shop.call("GET", "/v1/models/two-tower/versions/4", role="ml_engineer").json()
    assert (other["fairness_report_id"], other["cleared"], other["cleared_until"]) == (None, False, None)
    assert other["reasons"]


def test_a_bundle_whose_manifest_is_broken_is_not_cleared(
    shop: Any, house: Settings, cleared: Callable[..., Any]
) -> None:
    made = bundle(house, "3")
    cleared(made, house, created_at=NOW)
    (made.directory / "manifest.json").write_text("{}")
    (found,) = shop.call("GET", "/v1/models", role="ethics").json()["models"]
    assert not found["cleared"]
    assert found["reasons"]
