"""When a champion is due, which version is taken up again, and what lets a challenger past its champion."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configs.settings import PROJECT_ROOT, Settings
from features.ingest import ingest_files
from features.lake import Lake
from features.preparation import read_consents
from training.artifact import Bundle, next_version, set_champion
from training.errors import BundleDamaged, WindowSeen
from training.evaluation_results import Evaluation
from training.refreshing import (
    Challenge,
    Comparison,
    HoldsAgainstChampion,
    Inputs,
    Job,
    Margin,
    challenge,
    checks_against,
    inputs_of,
    why_due,
)
from training.registry_file import load_registry_file

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ENTRY = load_registry_file(PROJECT_ROOT / "mlflow" / "registry.yaml").model("two-tower")
INPUTS = Inputs("a" * 64, "e" * 64, private=False, settings={}, code_commit="c" * 40)


class FakeJob:
    """Writes small bundles instead of training, and remembers what it was asked for."""

    def __init__(self, settings: Settings, make: Callable[..., Bundle], evaluation: Evaluation) -> None:
        self.settings = settings
        self.make = make
        self.evaluation = evaluation
        self.trained: list[bool] = []
        self.compared: list[tuple[str, str]] = []
        self.facts: dict[str, Any] = {"trained_at": NOW}

    @property
    def job(self) -> Job:
        """The job as a refresh takes it."""
        return Job("two-tower", ("two_tower",), True, self._train, self._compare)

    def bundle(self, **changes: Any) -> Bundle:
        """Make the next version from the data and consents of today."""
        storage = self.settings.storage
        now = {
            "data_snapshot_digest": Lake.open(storage.lake).manifest.snapshot_digest,
            "consent_digest": read_consents(storage, NOW).digest,
            **self.facts,
        }
        return self.make(storage.bundles, next_version(storage.bundles, "two-tower"), **{**now, **changes})

    def refresh(self, *, force: bool = False, now: datetime = NOW, **changes: Any) -> Challenge:
        """Challenge under settings that may be changed."""
        settings = self.settings.model_copy(update=changes)
        return challenge(self.job, settings, entry=ENTRY, force=force, now=now, progress=lambda _: None)

    def _train(self, _settings: Settings, _entry: Any, private: bool, _progress: Any) -> Bundle:
        self.trained.append(private)
        return self.bundle()

    def _compare(self, challenger: Bundle, champion: Bundle, _settings: Settings, _progress: Any) -> Comparison:
        self.compared.append((challenger.manifest.version, champion.manifest.version))
        return Comparison((margin(0.02, 0.01, 0.03),), self.evaluation)


def margin(gain: float, low: float, high: float) -> Margin:
    return Margin("ndcg@20 all", challenger=0.3 * (1 + gain), champion=0.3, gain=gain, low=low, high=high)


@pytest.fixture
def fake(
    settings: Settings, shop: Path, bundle_of: Callable[..., Bundle], evaluation_of: Callable[..., Evaluation]
) -> FakeJob:
    """A job in a house that holds the corner shop."""
    ingest_files(shop, settings.storage, settings.ingest, settings.privacy, lambda _: None)
    return FakeJob(settings, bundle_of, evaluation_of())


@pytest.fixture
def champion(fake: FakeJob) -> Bundle:
    """Version 1, promoted, of the data and consents of today."""
    bundle = fake.bundle()
    set_champion(fake.settings.storage.bundles, bundle)
    return bundle


def due(fake_settings: Settings, facts_of: Callable[..., Any], days_old: float = 1, **changes: Any) -> Sequence[str]:
    manifest = facts_of(
        data_snapshot_digest="a" * 64, consent_digest="e" * 64, trained_at=NOW - timedelta(days=days_old)
    )
    return why_due(manifest, replace(INPUTS, **changes), fake_settings.refresh, NOW)


def test_a_young_champion_of_the_same_data_and_consents_stays(settings: Settings, facts_of: Callable[..., Any]) -> None:
    assert settings.refresh.max_model_age_days == 28
    assert due(settings, facts_of) == ()
    assert due(settings, facts_of, days_old=28) == ()


def test_data_consents_and_age_each_are_a_reason_in_words(settings: Settings, facts_of: Callable[..., Any]) -> None:
    (data,) = due(settings, facts_of, snapshot_digest="b" * 64)
    assert "b" * 12 in data
    assert "a" * 12 in data
    (consents,) = due(settings, facts_of, consent_digest="f" * 64)
    assert "consents" in consents
    (age,) = due(settings, facts_of, days_old=29)
    assert "29 days ago, where 28" in age
    assert len(due(settings, facts_of, days_old=99, snapshot_digest="b" * 64, consent_digest="f" * 64)) == 3


def test_a_model_that_reads_no_consents_is_not_due_for_them(settings: Settings, facts_of: Callable[..., Any]) -> None:
    manifest = facts_of(data_snapshot_digest="a" * 64, consent_digest="none needed", trained_at=NOW)
    assert why_due(manifest, replace(INPUTS, consent_digest=None), settings.refresh, NOW) == ()


def test_without_a_champion_one_is_due(settings: Settings) -> None:
    assert why_due(None, INPUTS, settings.refresh, NOW) == ("nothing was promoted yet",)


@pytest.mark.parametrize(
    ("low", "high", "max_loss", "passed"),
    [
        (0.01, 0.03, 0.0, True),
        (-0.05, 0.01, 0.0, True),  # cannot be told from the champion
        (-0.05, -0.01, 0.0, False),
        (-0.05, -0.01, 0.02, True),  # a loss, but not surely beyond what is let pass
        (-0.05, -0.03, 0.02, False),
        (float("nan"), float("nan"), 0.0, True),
    ],
)
def test_only_a_sure_loss_is_refused(
    low: float, high: float, max_loss: float, passed: bool, evaluation_of: Callable[..., Evaluation]
) -> None:
    comparison = Comparison((margin((low + high) / 2, low, high),), evaluation_of())
    (finding,) = HoldsAgainstChampion(comparison, "7", max_loss)(None)  # type: ignore[arg-type]
    assert finding.passed is passed
    assert "version 7" in finding.reason
    assert "refresh.max_loss" in finding.reason


def test_nothing_is_trained_while_nothing_changed(fake: FakeJob, champion: Bundle) -> None:
    found = fake.refresh()
    assert found == Challenge("two-tower", champion.manifest.version, ())
    assert fake.trained == []
    assert checks_against(found, fake.settings.refresh) == []


def test_force_trains_all_the_same_and_the_two_are_compared(fake: FakeJob, champion: Bundle) -> None:
    found = fake.refresh(force=True)
    assert (found.champion, found.challenger, found.trained) == ("1", "2", True)
    assert fake.compared == [("2", champion.manifest.version)]
    assert len(checks_against(found, fake.settings.refresh)) == 1
    report = fake.settings.storage.reports / "refresh" / "two-tower-2-against-1.json"
    assert Evaluation.model_validate_json(report.read_text()) == fake.evaluation


def test_a_version_left_by_a_killed_refresh_is_taken_up_again(fake: FakeJob, champion: Bundle) -> None:
    later = champion.manifest.trained_at + timedelta(days=30)
    fake.facts["trained_at"] = later
    first = fake.refresh(now=later)
    assert (first.challenger, first.trained) == ("2", True)
    again = fake.refresh(now=later)
    assert (again.challenger, again.trained, again.comparison) == ("2", False, first.comparison)
    assert len(fake.trained) == 1
    much_later = later + timedelta(days=29)
    assert fake.refresh(now=much_later).challenger == "3"  # by now it is itself too old


def test_other_settings_or_force_train_anew(fake: FakeJob, champion: Bundle) -> None:
    later = champion.manifest.trained_at + timedelta(days=30)
    fake.facts["trained_at"] = later
    assert fake.refresh(now=later).challenger == "2"
    other = fake.settings.two_tower.model_copy(update={"seed": 99})
    assert fake.refresh(now=later, two_tower=other).challenger == "3"
    assert fake.refresh(now=later, force=True).challenger == "4"


def test_the_first_version_is_compared_with_nobody(fake: FakeJob) -> None:
    found = fake.refresh()
    assert (found.champion, found.challenger, found.comparison) == (None, "1", None)
    assert checks_against(found, fake.settings.refresh) == []


def test_a_promise_of_privacy_is_kept(fake: FakeJob, champion: Bundle) -> None:
    promised = champion.manifest.privacy.model_copy(update={"mechanism": "dp-sgd"})
    private = champion.manifest.model_copy(update={"privacy": promised})
    assert inputs_of(fake.job, fake.settings, private, NOW).private
    assert not inputs_of(fake.job, fake.settings, champion.manifest, NOW).private
    fake.refresh(force=True)
    assert fake.trained == [False]


def test_a_champion_that_knows_the_window_is_no_measure(fake: FakeJob) -> None:
    set_champion(fake.settings.storage.bundles, fake.bundle(train_until=datetime(2017, 3, 8, tzinfo=UTC)))
    with pytest.raises(WindowSeen, match="learnt from purchases up to 2017-03-08"):
        fake.refresh(force=True)
    assert fake.compared == []


def test_a_damaged_champion_is_told_and_nothing_is_trained(fake: FakeJob, champion: Bundle) -> None:
    (champion.directory / "weights.safetensors").write_bytes(b"")
    with pytest.raises(BundleDamaged):
        fake.refresh(force=True)
    assert fake.trained == []
