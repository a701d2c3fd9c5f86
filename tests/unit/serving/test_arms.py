"""Arms of running experiments in the record of a decision."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from configs.experiments import CustomerExperiment
from configs.loading import load_settings
from serving.arms import RunningExperiments
from training.experiments.jobs import arm_of_customer

START = date(2025, 3, 1)
HALVES = CustomerExperiment(name="home-1", start=START, days=7, control_share=0.5, treatment_share=0.5)
FEW = CustomerExperiment(name="home-2", start=START, days=7, control_share=0.1, treatment_share=0.1)


def running(*declared: CustomerExperiment, at: datetime, zone: str = "UTC") -> RunningExperiments:
    return RunningExperiments(declared, zone, lambda: at)


def test_arms_are_those_of_the_command_line_and_who_takes_no_part_has_none() -> None:
    now = datetime(2025, 3, 2, 12, tzinfo=UTC)
    settings = load_settings("test").experiments.model_copy(update={"customers": (HALVES, FEW)})
    seen = set()
    for number in range(40):
        told = {name: arm_of_customer(name, f"c1_{number}", settings) for name in ("home-1", "home-2")}
        expected = [{"name": name, "arm": arm} for name, arm in told.items() if arm != "not taking part"]
        assert running(HALVES, FEW, at=now).arms(f"c1_{number}") == expected
        seen |= {len(expected)}
    assert seen == {1, 2}


@pytest.mark.parametrize(
    ("at", "zone", "runs"),
    [
        (datetime(2025, 2, 28, 23, 59, tzinfo=UTC), "UTC", False),
        (datetime(2025, 2, 28, 23, 59, tzinfo=UTC), "Europe/Berlin", True),  # it is March there
        (datetime(2025, 3, 7, 23, 59, tzinfo=UTC), "UTC", True),
        (datetime(2025, 3, 8, 0, 0, tzinfo=UTC), "UTC", False),
    ],
)
def test_an_experiment_runs_on_its_days_of_the_trading_calendar(at: datetime, zone: str, runs: bool) -> None:
    assert bool(running(HALVES, at=at, zone=zone).arms("c1_1")) is runs


def test_nobody_is_in_no_arm() -> None:
    assert running(HALVES, at=datetime(2025, 3, 2, tzinfo=UTC)).arms(None) == []


def test_a_decision_names_the_arms_of_a_profile_and_of_no_one_else(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2025, 3, 1, 12, tzinfo=UTC)
    monkeypatch.setattr(shop.services.recommender, "_experiments", running(HALVES, at=at))
    pseudonym = shop.know("42", "12")
    shop.know("43", "12", granted=False)

    def recorded(**asked: Any) -> Any:
        decision_id = shop.recommend(**asked)["decision_id"]
        return shop.call("GET", f"/v1/decisions/{decision_id}").json()["experiments"]

    assert recorded(customer_id="42") == running(HALVES, at=at).arms(pseudonym) != []
    assert recorded(customer_id="43") == []
    assert recorded(customer_id="42", mode="non_profiled") == []
    assert recorded() == []
