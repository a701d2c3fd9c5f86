"""A private version end to end on the made-up town: charged, stated, bundled, served; killed and resumed."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.loading import load_settings
from configs.settings import PROJECT_ROOT, Settings
from privacy.accounting import epsilon
from privacy.errors import BudgetExceeded
from privacy.ledger import open_ledger
from privacy.randomness import SeededRandomness
from privacy.statement import STATEMENT_FILE, read_statement
from training.artifact import Bundle
from training.errors import PrivateNoiseForeseeable, PrivateRunUnfinished
from training.registry import Tracker
from training.registry_file import ModelEntry, load_registry_file
from training.two_tower import private_jobs
from training.two_tower.jobs import Trained, train
from training.two_tower.private_charge import LINEAGE
from training.two_tower.private_jobs import fit_private_version
from training.two_tower.private_loss import FirstPurchases
from training.two_tower.private_model import PrivateTowers
from training.two_tower.private_plan import private_plan
from training.two_tower.scorer import Scorer

TRAIN_UNTIL = datetime(2025, 5, 12, tzinfo=UTC)
NONE = np.empty(0, dtype=np.int64)
SMALL = (
    "two_tower.private.target_epsilon=8",
    "two_tower.private.share_on_counts=0.6",
    "two_tower.private.max_products_per_customer=30",
    "two_tower.private.popularity_days=140",
    "two_tower.private.popularity_half_life_days=140",
    "two_tower.private.max_count_norm=6",
    "two_tower.private.min_count_noises=1",
    "two_tower.private.sample_rate=0.5",
    "two_tower.private.expected_batch_size=24",
    "two_tower.private.steps=12",
    "two_tower.private.content_dim=8",
    "privacy.budget.cap_epsilon=8",
)


@pytest.fixture(scope="module", autouse=True)
def _planned_once() -> Iterator[None]:
    """The search for the noise takes seconds and gives the same for the same settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private_jobs, "private_plan", cache(private_plan))
        yield


@pytest.fixture(scope="module")
def entry() -> ModelEntry:
    return load_registry_file(PROJECT_ROOT / "mlflow" / "registry.yaml").model("two-tower")


@pytest.fixture(scope="module")
def town_copy(town: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("private") / "var"
    shutil.copytree(town.settings.storage.root, root)
    return root


@pytest.fixture(scope="module")
def private_settings(town_copy: Path) -> Settings:
    town_small = (
        "features.n_training_snapshots=5",
        "features.snapshot_step_days=7",
        "two_tower.target_days=7",
        "evaluation.test_weeks=2",
        "evaluation.n_bootstrap=100",
    )
    return load_settings("test", [f"storage.root={town_copy}", *town_small, *SMALL])


@pytest.fixture(scope="module")
def trained(private_settings: Settings, entry: ModelEntry, _tracked: None) -> Trained:
    return train(
        private_settings, entry=entry, train_until=TRAIN_UNTIL, resume=False, private=True, progress=lambda _: None
    )


def test_the_manifest_states_what_was_released(trained: Trained, private_settings: Settings) -> None:
    bundle = Bundle.open(trained.bundle.directory)
    private, promised = private_settings.two_tower.private, bundle.manifest.privacy
    assert promised.mechanism == "dp-sgd"
    assert promised.epsilon is not None
    assert 7.9 < promised.epsilon <= private.target_epsilon
    assert (promised.delta, promised.steps, promised.sample_rate) == (private.delta, 12, 0.5)
    assert (promised.expected_batch_size, promised.max_grad_norm) == (24, private.max_grad_norm)
    assert [charge.what for charge in promised.charges] == [
        "popularity, first purchases and vocabulary",
        "training of the adapter",
    ]
    assert sum(charge.epsilon_alone for charge in promised.charges) > promised.epsilon  # composed, not added up
    assert any("evaluation" in line for line in promised.not_covered)
    statement = read_statement(bundle.text(STATEMENT_FILE))
    assert (statement.epsilon, statement.mu) == (promised.epsilon, promised.mu)
    assert any("prices taken from receipts" in one.met_by for one in statement.assumptions)
    assert "add-or-remove-one-customer" in bundle.text("model_card.md")


def test_the_ledger_holds_the_same_releases(trained: Trained, private_settings: Settings) -> None:
    ledger = open_ledger(private_settings.storage, private_settings.privacy.budget)
    spent = ledger.spent(LINEAGE)
    promised = trained.bundle.manifest.privacy
    assert spent.epsilon == promised.epsilon == epsilon(spent.events, private_settings.two_tower.private.delta)


def test_the_bundle_holds_nothing_but_releases_and_public_content(trained: Trained) -> None:
    bundle = Bundle.open(trained.bundle.directory)
    assert set(bundle.tensors()) == {
        "model.adapter.weight",
        "model.constants",
        "model.products.vectors",
        "model.products.groups",
        "model.products.rarity",
        "model.products.signals",
        "head.constants",
    }
    assert (bundle.array("together_idx") == -1).all()
    assert not bundle.array("numeric")[:, 1:].any()
    products = bundle.frame("products").to_pandas()
    assert products["price_usd"].isna().all()  # the town's table names no list price
    popularity = products["popularity"].to_numpy()
    np.testing.assert_allclose(bundle.array("numeric")[:, 0], np.log(popularity / popularity.sum()), rtol=1e-5)


def test_it_serves(trained: Trained, town: Any) -> None:
    scorer = Scorer.load(Bundle.open(trained.bundle.directory))
    assert isinstance(scorer.model, PrivateTowers)
    assert len(scorer.catalogue) == 120
    row = town.rows(town.data.customer_ids[:1])[0]
    ranking = scorer.rank(row, basket_idx=NONE, allowed=None, task="all", k=10)
    assert "repeat" in ranking.sources
    assert len(scorer.rank(row, basket_idx=NONE, allowed=None, task="novel", k=10).product_idx) == 10
    assert scorer.exposure_strength == 1


def test_it_is_judged_like_any_other(trained: Trained) -> None:
    ours = trained.evaluation.score("two-tower", task="all", metric="ndcg@20")
    popular = trained.evaluation.score("popularity", task="all", metric="ndcg@20")
    assert ours.value > popular.value  # own repeats cost no budget


def test_no_loss_is_on_record(trained: Trained, tracker: Tracker) -> None:
    run = tracker._client.get_run(trained.run_id)
    assert "train_loss" not in run.data.metrics
    assert run.data.metrics["n_epochs"] == 12


def test_noise_from_a_seed_gets_no_statement(town: Any, private_settings: Settings, tmp_path: Path) -> None:
    settings = fresh(private_settings, tmp_path)
    with pytest.raises(PrivateNoiseForeseeable, match="protects nobody"):
        fit_private_version(
            settings,
            town.sources,
            tmp_path / "run",
            run="seeded",
            resume=False,
            progress=lambda _: None,
            randomness=SeededRandomness(1),
        )


def fresh(settings: Settings, root: Path) -> Settings:
    """The same settings with an empty ledger."""
    return settings.model_copy(update={"storage": settings.storage.model_copy(update={"root": root / "house"})})


def test_a_small_budget_ships_popularity_and_own_history(town: Any, private_settings: Settings, tmp_path: Path) -> None:
    private = private_settings.two_tower.private.model_copy(update={"target_epsilon": 1.5, "min_count_noises": 0.2})
    two_tower = private_settings.two_tower.model_copy(update={"private": private})
    settings = fresh(private_settings, tmp_path).model_copy(update={"two_tower": two_tower})
    said: list[str] = []
    fitted = fit_private_version(
        settings, town.sources, tmp_path / "run", run="small", resume=False, progress=said.append
    )
    assert fitted.statement is not None
    assert fitted.statement.mechanism == "dp-counts"
    assert fitted.statement.steps is None
    assert any("Nothing was trained" in line for line in fitted.statement.covered)
    assert any("none below epsilon 2" in line for line in said)
    model = fitted.scorer.model
    assert isinstance(model, PrivateTowers)
    assert not model.adapter.weight.any()


class Killed(Exception):
    """Somebody pulls the plug."""


def test_a_killed_run_goes_on_with_the_same_counts_and_spends_nothing_more(
    town: Any, private_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = fresh(private_settings, tmp_path)
    options: dict[str, Any] = {"run": "killed", "progress": lambda _: None}
    original = FirstPurchases.redraw
    steps = []

    def pull(self: Any, randomness: Any) -> None:
        steps.append(1)
        if len(steps) == 7:
            raise Killed
        original(self, randomness)

    monkeypatch.setattr(FirstPurchases, "redraw", pull)
    with pytest.raises(Killed):
        fit_private_version(settings, town.sources, tmp_path / "run", resume=False, **options)
    ledger = open_ledger(settings.storage, settings.privacy.budget)
    before = ledger.spent(LINEAGE).epsilon
    counts = np.load(tmp_path / "run" / "released_counts.npz")["values"]
    with pytest.raises(PrivateRunUnfinished):
        fit_private_version(settings, town.sources, tmp_path / "run", resume=False, **options)
    with pytest.raises(BudgetExceeded):
        fit_private_version(settings, town.sources, tmp_path / "other", resume=False, **options)
    fitted = fit_private_version(settings, town.sources, tmp_path / "run", resume=True, **options)
    assert ledger.spent(LINEAGE).epsilon == before
    assert np.load(tmp_path / "run" / "released_counts.npz")["values"].tobytes() == counts.tobytes()
    assert 5 <= fitted.n_epochs < 12  # the steps of the killed block stay lost, and charged
    assert len(steps) <= 12 + 1
    assert fitted.statement is not None
    assert fitted.statement.steps == 12


def test_the_statement_says_which_house_it_belongs_to(trained: Trained) -> None:
    content = json.loads(trained.bundle.text(STATEMENT_FILE))
    assert content["composed_total"]["lineage"] == LINEAGE
    assert content["composed_total"]["cap_epsilon"] == 8
