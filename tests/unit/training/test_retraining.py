"""Which models rest on erased people's data, until when they may serve, and what settles it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from privacy.forgetting.erasure_book import ErasureBook, Obligation, Step
from training.artifact import Bundle, set_champion
from training.retraining import ModelPlans, RetrainingDates, manifests, retrain_by

TRAINED = datetime(2026, 1, 10, tzinfo=UTC)
ERASED = datetime(2026, 1, 20, tzinfo=UTC)


@pytest.fixture
def versions(tmp_path: Path, bundle_of: Callable[..., Bundle]) -> dict[str, Bundle]:
    """1 trained before from the old lake, 2 after from the old lake, 3 after from the new lake."""
    late = ERASED + timedelta(days=1)
    made = {
        "1": bundle_of(tmp_path, "1", trained_at=TRAINED, data_snapshot_digest="old"),
        "2": bundle_of(tmp_path, "2", trained_at=late, data_snapshot_digest="old"),
        "3": bundle_of(tmp_path, "3", trained_at=late, data_snapshot_digest="new"),
    }
    set_champion(tmp_path, made["1"])
    return made


def test_every_version_that_may_know_the_person_is_listed(tmp_path: Path, versions: dict[str, Bundle]) -> None:
    plans = ModelPlans(tmp_path, tmp_path / "no-lake", within_days=30)
    found = plans.plans(ERASED, ["old"])
    assert [(one.version, one.champion) for one in found] == [("1", True), ("2", False)]
    assert {one.retrain_by for one in found} == {ERASED + timedelta(days=30)}
    assert "until a version trained without the person" in found[0].plan
    assert "promotion refuses it" in found[1].plan
    assert list(plans.snapshots()) == []


def test_the_earliest_erasure_sets_the_date_and_a_newer_version_settles_it(versions: dict[str, Bundle]) -> None:
    stale = frozenset({"old"})
    obligations = [Obligation(ERASED + timedelta(days=5), stale), Obligation(ERASED, stale)]
    dates = {name: retrain_by(one.manifest, obligations, 30) for name, one in versions.items()}
    assert dates["1"] == dates["2"] == ERASED + timedelta(days=30)
    assert dates["3"] == ERASED + timedelta(days=35), "trained before the second erasure"
    assert retrain_by(versions["3"].manifest, obligations[1:], 30) is None
    assert retrain_by(versions["1"].manifest, [], 30) is None


def test_dates_are_read_from_the_book_each_time(tmp_path: Path, versions: dict[str, Bundle]) -> None:
    book = ErasureBook(sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}"))
    dates, manifest = RetrainingDates(book, 30), versions["1"].manifest
    assert dates.of(manifest) is None
    erasure_id = book.open("anna", "erase", by="x", at=ERASED)
    book.begin([erasure_id], ["old"])
    assert dates.of(manifest) is None, "nothing was found yet"
    book.note({erasure_id: {"lake": Step(1, done=True)}})
    assert dates.of(manifest) == ERASED + timedelta(days=30)


def test_a_broken_bundle_is_passed_over(tmp_path: Path, versions: dict[str, Any]) -> None:
    (tmp_path / "two-tower" / "2" / "manifest.json").write_text("{")
    assert [one.version for one in manifests(tmp_path)] == ["1", "3"]
