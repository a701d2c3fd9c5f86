"""A private version end to end on the made-up chain: charged once, stated, bundled, served; killed and resumed."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.settings import PROJECT_ROOT, Settings
from privacy.accounting import epsilon
from privacy.errors import BudgetExceeded
from privacy.ledger import open_ledger
from privacy.randomness import SeededRandomness
from privacy.statement import STATEMENT_FILE, read_statement
from serving.pricing.loading import desk_from
from training.artifact import Bundle
from training.demand import private_fit
from training.demand.elasticities import Elasticities
from training.demand.errors import PrivateOriginsTooMany
from training.demand.forecaster import Forecaster
from training.demand.jobs import TrainedDemand, train_demand
from training.demand.private_bundle import ReleasedWeeks
from training.errors import PrivateNoiseForeseeable, PrivateRunUnfinished
from training.registry_file import ModelEntry, load_registry_file
from training.two_tower.private_charge import LINEAGE

TRAIN_UNTIL = date(2024, 7, 1)  # 26 of the 30 weeks
CUTOFF = np.datetime64("2024-07-01")
FIRST, SECOND = "sums by product, week and store", "sums by category and kind of promotion"
# Four epsilons fit into the budget of one window, and noise is small beside what so few customers bought.
PRIVATE = ("target_epsilon=4.0", "max_product_norm=60", "max_regime_norm=60", "min_telling_units=0.5")


def silent(_: str) -> None:
    """Say nothing."""


def changed(settings: Settings, *overrides: str) -> Settings:
    """The chain's settings with private ones changed."""
    update = dict(text.split("=") for text in overrides)
    private = settings.demand.private.model_validate(settings.demand.private.model_dump() | update)
    return settings.model_copy(update={"demand": settings.demand.model_copy(update={"private": private})})


def capped(settings: Settings, cap_epsilon: float) -> Settings:
    """The same under another cap of the budget."""
    budget = settings.privacy.budget.model_copy(update={"cap_epsilon": cap_epsilon})
    return settings.model_copy(update={"privacy": settings.privacy.model_copy(update={"budget": budget})})


@pytest.fixture(scope="module")
def entry() -> ModelEntry:
    return load_registry_file(PROJECT_ROOT / "mlflow" / "registry.yaml").model("demand")


@pytest.fixture(scope="module")
def own(chain: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return chain.copied_to(tmp_path_factory.mktemp("private-demand"))


@pytest.fixture(scope="module")
def settings_of_private(own: Any) -> Settings:
    return changed(own.settings, *PRIVATE)


@pytest.fixture(scope="module")
def trained(settings_of_private: Settings, entry: ModelEntry, _tracked: None) -> TrainedDemand:
    return train_demand(
        settings_of_private, entry=entry, train_until=TRAIN_UNTIL, resume=False, progress=silent, private=True
    )


def test_the_manifest_states_what_was_released(trained: TrainedDemand) -> None:
    bundle = Bundle.open(trained.bundle.directory)
    promised = bundle.manifest.privacy
    assert promised.mechanism == "dp-counts"
    assert promised.epsilon is not None
    assert 3.9 < promised.epsilon <= 4
    assert [charge.what for charge in promised.charges] == [FIRST, SECOND]
    assert any("price suggestions" in line for line in promised.covered)
    assert any("receipts stand in" in line for line in promised.not_covered)
    statement = read_statement(bundle.text(STATEMENT_FILE))
    assert statement.epsilon == promised.epsilon
    assert not any("gradient" in one.met_by for one in statement.assumptions)
    assert "clipped to a fixed L2 norm" in bundle.text("model_card.md")
    assert "noisy sums" in bundle.manifest.consent_digest


def test_the_ledger_holds_the_same_releases(trained: TrainedDemand, settings_of_private: Settings) -> None:
    spent = open_ledger(settings_of_private.storage, settings_of_private.privacy.budget).spent(LINEAGE)
    assert len(spent.events) == 2
    assert epsilon(spent.events, 1e-5) == pytest.approx(trained.bundle.manifest.privacy.epsilon)


def test_the_version_is_judged_beside_peers_that_know_the_release_alone(trained: TrainedDemand) -> None:
    evaluation = trained.evaluation
    for track in ("none", "promo", "full"):
        assert 0 < evaluation.score("demand", track=track, metric="wql").value < np.inf
        assert evaluation.score("mean_8_weeks", track=track, metric="wql").value > 0
        assert evaluation.score("demand", track=track, metric="wql", level="store").value > 0


def test_answers_begin_from_the_release_and_not_from_sales(trained: TrainedDemand, own: Any) -> None:
    released = ReleasedWeeks.load(Bundle.open(trained.bundle.directory))
    assert released is not None
    assert released.weeks[-1] + 7 == CUTOFF
    forecaster = Forecaster.load(trained.bundle)
    panel = released.panel(own.sources.panel, forecaster)
    doubled = own.sources.panel.take(np.arange(len(own.sources.panel)))
    doubled.units[:] = 2 * doubled.units + 1
    np.testing.assert_array_equal(panel.units, released.panel(doubled, forecaster).units)
    assert panel.weeks.tolist() == own.sources.panel.weeks.tolist()
    at = np.searchsorted(released.product_ids, panel.product_ids)
    np.testing.assert_array_equal(panel.units[:, :26], released.units[at])
    assert (panel.units[:, 26:] > 0).any()  # weeks after the release are the version's own forecast


def test_a_desk_prices_what_stands_in_the_release(trained: TrainedDemand, settings_of_private: Settings) -> None:
    desk = desk_from(trained.bundle, settings_of_private.storage, settings_of_private.demand)
    assert len(desk.assortment.product_ids) > 5
    assert np.isfinite(desk.assortment.weekly_units).all()
    assert set(desk.assortment.store_ids) <= {"s0", "s1", "s2"}
    assert set(desk.assortment.elasticity_source) <= {"category", "chain"}  # of no product anything was released
    assert desk.assortment.identified.any()


@pytest.mark.usefixtures("_tracked")
def test_a_killed_run_goes_on_with_what_it_released(
    settings_of_private: Settings, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = changed(settings_of_private, "target_epsilon=1.5", "min_epsilon_to_fit=0")
    settings = capped(settings, 20.0)
    ledger = open_ledger(settings.storage, settings.privacy.budget)
    before = ledger.spent(LINEAGE).events

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def train(*, resume: bool) -> TrainedDemand:
        return train_demand(
            settings, entry=entry, train_until=TRAIN_UNTIL, resume=resume, progress=silent, private=True
        )

    with monkeypatch.context() as patch:
        patch.setattr(private_fit, "fit_on_release", killed)
        with pytest.raises(KeyboardInterrupt):
            train(resume=False)
    charged = ledger.spent(LINEAGE).events
    assert len(charged) == len(before) + 2
    with pytest.raises(PrivateRunUnfinished, match="Add --resume"):
        train(resume=False)
    with monkeypatch.context() as patch:
        patch.setattr(private_fit, "release_sums", killed)  # whatever was released is used again
        done = train(resume=True)
    assert ledger.spent(LINEAGE).events == charged
    assert done.bundle.manifest.privacy.epsilon == pytest.approx(1.5, rel=0.01)


@pytest.mark.usefixtures("_tracked")
def test_below_the_limit_means_are_shipped_and_said_to_be(settings_of_private: Settings, entry: ModelEntry) -> None:
    settings = capped(changed(settings_of_private, "target_epsilon=1.5", "min_epsilon_to_fit=5"), 20.0)
    trained = train_demand(settings, entry=entry, train_until=TRAIN_UNTIL, resume=False, progress=silent, private=True)
    bundle = Bundle.open(trained.bundle.directory)
    assert [charge.what for charge in bundle.manifest.privacy.charges] == [FIRST]
    assert any("Nothing was fitted" in line for line in bundle.manifest.privacy.covered)
    forecaster = Forecaster.load(bundle)
    assert not forecaster.networks
    assert forecaster.split_model is not None
    elasticities = Elasticities.load(bundle)
    assert not elasticities.identified.any()
    assert set(elasticities.sources) == {"chain"}


@pytest.mark.usefixtures("_tracked")
def test_the_budget_stops_a_version_that_does_not_fit_in(
    settings_of_private: Settings, entry: ModelEntry, trained: TrainedDemand
) -> None:
    del trained  # four are spent
    settings = capped(settings_of_private, 4.5)
    with pytest.raises(BudgetExceeded):
        train_demand(settings, entry=entry, train_until=TRAIN_UNTIL, resume=False, progress=silent, private=True)


def test_noise_that_somebody_can_foretell_makes_no_version(
    settings_of_private: Settings, own: Any, tmp_path: Path
) -> None:
    with pytest.raises(PrivateNoiseForeseeable):
        private_fit.fit_private_demand(
            changed(settings_of_private, "target_epsilon=0.2"),
            own.sources,
            CUTOFF,
            tmp_path / "run",
            run="seeded",
            resume=False,
            progress=silent,
            randomness=SeededRandomness(1),
        )


def test_several_origins_are_refused(own: Any, entry: ModelEntry) -> None:
    with pytest.raises(PrivateOriginsTooMany, match="judged from one origin"):
        train_demand(
            _judged_twice(own.settings),
            entry=entry,
            train_until=date(2024, 6, 3),
            resume=False,
            progress=silent,
            private=True,
        )


def _judged_twice(settings: Settings) -> Settings:
    evaluation = settings.demand.evaluation.model_copy(update={"test_weeks": 2 * settings.demand.horizon_weeks})
    return settings.model_copy(update={"demand": settings.demand.model_copy(update={"evaluation": evaluation})})
