"""Two versions on the same rows, on the made-up town; and a refresh of it from the first training to the promotion."""

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.settings import PROJECT_ROOT, Settings
from fairness.clearance import Clearance
from fairness.errors import ClearanceRefused, PromotionRefused
from features.ingest import ingest_files
from features.lake import Lake
from training.artifact import Bundle, champion_pointer, versions
from training.baselines import Ranked, Task
from training.promote import Promotion, promote
from training.refresh_jobs import job_of
from training.refreshing import Challenge, challenge, checks_against
from training.registry import Tracker
from training.registry_file import load_registry_file
from training.two_tower.comparing import OnCommonShelf, compare_recommenders

NOW = datetime.now(UTC)
ENTRY = load_registry_file(PROJECT_ROOT / "mlflow" / "registry.yaml").model("two-tower")


class Fixed:
    """Gives everybody the same positions."""

    name = "fixed"

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:  # noqa: ARG002
        """Give the first places."""
        positions = np.tile(np.array([2, 0, -1]), (len(customer_ids), 1))[:, :k]
        return positions, np.tile(np.array([3, 1, -np.inf], dtype=np.float32), (len(customer_ids), 1))[:, :k]


def test_positions_are_told_by_the_common_shelf_and_padding_stays() -> None:
    recommender = OnCommonShelf("champion", Fixed(), np.array([10, 11, 15]))
    positions, scores = recommender.rank(["ada", "ben"], task="all", k=3)
    assert positions.tolist() == [[15, 10, -1]] * 2
    assert scores[0].tolist() == [3, 1, -np.inf]


class House:
    """A copy of the town that gets new purchases and is refreshed."""

    def __init__(self, settings: Settings, source: Path, tracker: Tracker) -> None:
        self.settings = settings
        self.source = source
        self.tracker = tracker

    def ingest(self, until: str) -> None:
        """Hand over the purchases before a day."""
        lines = pd.read_csv(self.source / "all.csv")
        lines[lines["event_timestamp"] < until].to_csv(self.source / "transactions.csv", index=False)
        settings = self.settings
        folder = self.source.with_name("handed")
        shutil.copytree(self.source, folder, ignore=shutil.ignore_patterns("all.csv"), dirs_exist_ok=True)
        ingest_files(folder, settings.storage, settings.ingest, settings.privacy, lambda _: None)

    def challenge(self) -> Challenge:
        """Train and compare where that is due."""
        job = job_of("two-tower")
        return challenge(job, self.settings, entry=ENTRY, force=False, now=NOW, progress=lambda _: None)

    def promote(self, found: Challenge, clear: Callable[[Bundle], Clearance]) -> Promotion:
        """Pass the gate with the checks of the refresh alone and an audit as given."""
        return promote(
            "two-tower",
            found.challenger,
            bundles_dir=self.settings.storage.bundles,
            tracker=self.tracker,
            entry=ENTRY,
            lake=Lake.open(self.settings.storage.lake).manifest,
            checks=checks_against(found, self.settings.refresh),
            clear=clear,
        )

    def champion(self) -> str | None:
        """Which version serves."""
        pointer = champion_pointer(self.settings.storage.bundles, "two-tower")
        return pointer.version if pointer else None


@pytest.fixture
def house(
    town_var: Path, settings_of_town: Callable[..., Settings], tracker: Tracker, _tracked: None, tmp_path: Path
) -> House:
    source = tmp_path / "source"
    shutil.copytree(town_var.parent / "source", source)
    (source / "transactions.csv").rename(source / "all.csv")
    settings = settings_of_town(tmp_path / "var", "refresh.max_loss=1.0", "two_tower.max_epochs=1")
    shutil.copytree(town_var / "keys", settings.storage.keys)
    return House(settings, source, tracker)


def passed(bundle: Bundle) -> Clearance:
    """An audit that clears everything."""
    manifest = bundle.manifest
    return Clearance(manifest.name, manifest.version, bundle.digest, "fr_1", "a" * 64, datetime(2036, 1, 1, tzinfo=UTC))


def refused(bundle: Bundle) -> Clearance:
    """An audit that clears nothing."""
    manifest = bundle.manifest
    raise ClearanceRefused(
        name=manifest.name, version=manifest.version, bundle_digest=bundle.digest, reasons=["unfair"]
    )


def test_a_refresh_from_the_first_version_to_one_of_new_data(house: House) -> None:
    house.ingest("2025-05-12")
    first = house.challenge()
    assert first.reasons == ("nothing was promoted yet",)
    house.promote(first, passed)
    assert house.champion() == "1"
    assert house.challenge().challenger is None  # nothing changed

    house.ingest("2026")
    second = house.challenge()
    (reason,) = second.reasons
    assert reason.startswith("the lake holds snapshot")
    assert (second.champion, second.challenger, second.trained) == ("1", "2", True)
    assert second.comparison is not None
    evaluation: Any = second.comparison.evaluation
    assert evaluation.methods == ["challenger", "champion"]
    assert (evaluation.train_until, evaluation.test_end) == (
        datetime(2025, 5, 11, tzinfo=UTC),  # two weeks before the last day with a purchase
        datetime(2025, 5, 25, tzinfo=UTC),
    )
    assert (evaluation.n_customers, evaluation.n_without_consent) == (48, 2)
    own = Bundle.open(house.settings.storage.bundles / "two-tower" / "2").manifest.metrics["all.ndcg@20"]
    assert evaluation.score("challenger", task="all", metric="ndcg@20").value == pytest.approx(own)  # one evaluation
    margin = second.comparison.margins[0]
    assert margin.low <= margin.gain <= margin.high

    with pytest.raises(PromotionRefused, match="unfair"):
        house.promote(second, refused)
    assert house.champion() == "1"
    again = house.challenge()  # the same version is taken up, nothing is trained twice
    assert (again.challenger, again.trained, again.comparison) == ("2", False, second.comparison)
    house.promote(again, passed)
    assert house.champion() == "2"
    assert versions(house.settings.storage.bundles, "two-tower") == ["1", "2"]
    require_no_gain(Bundle.open(house.settings.storage.bundles / "two-tower" / "2"), house.settings)


def require_no_gain(bundle: Bundle, settings: Settings) -> None:
    """A version against itself wins nothing."""
    evaluation = compare_recommenders(bundle, bundle, settings, lambda _: None)
    for task in ("all", "novel"):
        difference = evaluation.difference("champion", task=task, metric="ndcg@20")
        assert (difference.value, difference.low, difference.high) == (0, 0, 0)
    assert evaluation.score("champion", task="all", metric="ndcg@20").value > 0
