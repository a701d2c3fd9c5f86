"""`fairshelf experiment`: arms on the command line, reports, rehearsals."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from features.lake import Lake
from privacy.consent import MODEL_TRAINING, PERSONALIZATION, ConsentLedger
from privacy.state import open_state

Call = Callable[..., tuple[int, str]]
HOME = "experiments.customers=[{name: home-1, start: 2024-04-01, days: 14, control_share: 0.5, treatment_share: 0.5}]"
STORES = "experiments.switch_backs=[{name: prices-1, start: 2024-04-01, days: 28, block_hours: 24, washout_hours: 2}]"
DECLARED = ("--set", HOME, "--set", STORES, "--set", "experiments.min_units=2")


@pytest.fixture
def agreeing(house: Any) -> None:
    """Everybody in the made-up chain allows personalisation and model training."""
    storage = house.settings.storage
    customer_ids = Lake.open(storage.lake).read("transactions", ["customer_id"])["customer_id"].unique()
    ledger = ConsentLedger(open_state(storage.state_db))
    at = datetime(2024, 1, 1, tzinfo=UTC)
    for purpose in (PERSONALIZATION, MODEL_TRAINING):
        for customer_id in customer_ids:
            ledger.record(customer_id, purpose, granted=True, at=at, version="1", source="test")


@pytest.mark.usefixtures("house")
def test_nobody_who_agreed_is_nothing_to_read(call: Call) -> None:
    code, printed = call("experiment", "rehearse")
    assert code == 2
    assert "Ingest their consents" in printed


def test_a_name_nobody_declared_is_refused(call: Call) -> None:
    code, printed = call("experiment", "report", "home-9")
    assert code == 2
    assert "no experiment 'home-9'. None is declared" in printed


def test_a_store_s_arm_at_a_time(facts: Callable[..., dict[str, Any]], call: Call) -> None:
    asked = ("experiment", "assign", "prices-1", *DECLARED)
    first, second = (facts(*asked, "--store-id", "s1", "--at", f"2024-04-0{day}T12:00:00")["arm"] for day in (1, 2))
    assert {first, second} == {"control", "treatment"}
    code, printed = call(*asked)
    assert code == 2
    assert "--store-id" in printed


@pytest.mark.usefixtures("agreeing")
def test_everybody_s_arms_and_one_customer_s(facts: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    out = tmp_path / "arms.csv"
    counts = facts("experiment", "assign", "home-1", *DECLARED, "--out", str(out))
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "customer_id,arm"
    assert len(lines) - 1 == counts["control"] + counts["treatment"] > 0
    alone = facts("experiment", "assign", "home-1", *DECLARED, "--customer-id", "somebody")
    assert alone["arm"] in {"control", "treatment"}
    assert alone == facts("experiment", "assign", "home-1", *DECLARED, "--customer-id", "somebody")


@pytest.mark.usefixtures("agreeing")
@pytest.mark.parametrize("name", ["home-1", "prices-1"])
def test_a_report_shows_the_measure_and_its_guardrails(call: Call, name: str) -> None:
    code, printed = call("experiment", "report", name, *DECLARED)
    assert code == 0, printed
    assert name in printed
    for shown in ("spend_usd", "baskets", "products", "found by the end"):
        assert shown in printed


@pytest.mark.usefixtures("agreeing")
def test_a_rehearsal_shows_false_alarms_and_power(call: Call, facts: Callable[..., dict[str, Any]]) -> None:
    quick = ("min_units=2", "rehearsal.n_runs=20", "rehearsal.days=7", "history_days=14", "rehearsal.lifts=[0.5]")
    changed = [word for setting in quick for word in ("--set", f"experiments.{setting}")]
    code, printed = call("experiment", "rehearse", *changed)
    assert code == 0, printed
    assert "none" in printed
    assert "+50%" in printed
    found = facts("experiment", "rehearse", *changed)
    for design in ("customers", "stores"):
        assert [rate["lift"] for rate in found[design]] == [0.0, 0.5]
