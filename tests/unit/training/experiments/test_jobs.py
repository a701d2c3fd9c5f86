"""Jobs of experiments: names, arms on file, stores by the clock."""

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from configs.experiments import CustomerExperiment, SwitchBackExperiment
from configs.settings import Settings
from features.ingest import ingest_files
from privacy.consent import MODEL_TRAINING, PERSONALIZATION, ConsentLedger
from privacy.state import open_state
from training.experiments.assignment import ARMS, arm_of, switch_back_arm
from training.experiments.errors import ExperimentNotBegun, ExperimentUnknown, TooFewUnits
from training.experiments.jobs import (
    NO_ARM,
    arm_of_customer,
    arm_of_store,
    declared,
    rehearse_experiments,
    report_experiment,
    write_arms,
)

HOME = CustomerExperiment(name="home-1", start=date(2025, 3, 3), days=7, control_share=0.4, treatment_share=0.4)
JANUARY = datetime(2025, 1, 1, tzinfo=UTC)
STORES = SwitchBackExperiment(name="prices-1", start=date(2025, 3, 3), days=7, block_hours=12.0, washout_hours=2.0)


@pytest.fixture
def house(settings: Settings) -> Settings:
    """Both experiments are declared."""
    experiments = settings.experiments.model_copy(update={"customers": (HOME,), "switch_backs": (STORES,)})
    return settings.model_copy(update={"experiments": experiments})


def test_an_experiment_is_found_by_name(house: Settings) -> None:
    assert declared("home-1", house.experiments) is HOME
    assert declared("prices-1", house.experiments) is STORES
    with pytest.raises(ExperimentUnknown, match="Declared are: home-1, prices-1"):
        declared("home-2", house.experiments)
    with pytest.raises(ExperimentUnknown, match="None is declared"):
        declared("home-2", house.experiments.model_copy(update={"customers": (), "switch_backs": ()}))


def test_a_customer_s_arm(house: Settings) -> None:
    for number in range(20):
        arm = arm_of("home-1", f"c1_{number}", (0.4, 0.4))
        assert arm_of_customer("home-1", f"c1_{number}", house.experiments) == (NO_ARM if arm is None else ARMS[arm])
    with pytest.raises(ExperimentUnknown):
        arm_of_customer("prices-1", "c1_0", house.experiments)


@pytest.mark.parametrize(
    ("at", "block", "counts"),
    [("2025-03-03T01:59", 0, False), ("2025-03-03T02:00", 0, True), ("2025-03-04T15:00", 3, True)],
)
def test_a_store_s_arm_at_a_time(house: Settings, at: str, block: int, counts: bool) -> None:
    found = arm_of_store("prices-1", "s1", datetime.fromisoformat(at), house)
    assert found == {"arm": ARMS[switch_back_arm("prices-1", "s1", block)], "block": block, "counts": counts}


@pytest.mark.parametrize("at", ["2025-03-02T23:59", "2025-03-10T00:00"])
def test_a_store_outside_the_experiment_takes_no_part(house: Settings, at: str) -> None:
    found = arm_of_store("prices-1", "s1", datetime.fromisoformat(at), house)
    assert (found["arm"], found["counts"]) == (NO_ARM, False)
    with pytest.raises(ExperimentUnknown):
        arm_of_store("home-1", "s1", None, house)


@pytest.mark.parametrize("name", ["arms.csv", "arms.parquet"])
def test_arms_on_file_are_those_of_people_who_allow_personalisation(house: Settings, tmp_path: Path, name: str) -> None:
    ledger = ConsentLedger(open_state(house.storage.state_db))
    for number in range(60):
        granted = number < 50
        ledger.record(f"c1_{number}", PERSONALIZATION, granted=granted, at=JANUARY, version="1", source="test")
    counts = write_arms(house, HOME, tmp_path / "new" / name)
    assert sum(counts.values()) == 50
    rows = pd.read_csv(tmp_path / "new" / name) if name.endswith("csv") else pd.read_parquet(tmp_path / "new" / name)
    assert rows["arm"].value_counts().to_dict() == {arm: counts[arm] for arm in ARMS}
    assert write_arms(house, HOME, None) == counts


def test_an_experiment_is_read_from_the_lake(house: Settings, shop: Path) -> None:
    ingest_files(shop, house.storage, house.ingest, house.privacy, lambda _: None)
    ledger = ConsentLedger(open_state(house.storage.state_db))
    assert ledger.customers_in_force(MODEL_TRAINING, datetime.now(UTC))
    late = HOME.model_copy(update={"start": date(2035, 1, 1)})
    experiments = house.experiments.model_copy(update={"customers": (late,)})
    with pytest.raises(ExperimentNotBegun, match="2035-01-01"):
        report_experiment(house.model_copy(update={"experiments": experiments}), "home-1")
    with pytest.raises(TooFewUnits, match="100 are needed"):  # a corner shop of seven
        rehearse_experiments(house)
