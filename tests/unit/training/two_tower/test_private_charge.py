"""A private run pays once, whatever becomes of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.privacy import BudgetSettings
from privacy.accounting import epsilon
from privacy.dp_plan import DpPlan
from privacy.errors import BudgetExceeded, ReservationClosed
from privacy.events import Gaussian
from privacy.ledger import Ledger, open_ledger
from training.errors import NothingToResume, PrivateRunUnfinished
from training.two_tower.private_charge import ChargedRun, KeptCounts
from training.two_tower.private_plan import PrivatePlan

PLAN = PrivatePlan(
    Gaussian(noise_multiplier=3.0),
    DpPlan(sample_rate=0.1, expected_batch_size=8, steps=5, noise_multiplier=4.0, max_grad_norm=1.0, delta=1e-5),
)
OTHER = PrivatePlan(Gaussian(noise_multiplier=5.0), None)


@pytest.fixture
def ledger(settings: Any) -> Ledger:
    cap = 1.2 * epsilon(PLAN.events, 1e-5)  # room for one run, not for two
    budget = BudgetSettings(cap_epsilon=cap, delta=1e-5, window_days=90, clock_tolerance_s=5)
    return open_ledger(settings.storage, budget)


def opened(ledger: Ledger, folder: Path, plan: PrivatePlan = PLAN, *, resume: bool = False) -> ChargedRun:
    return ChargedRun.open(ledger, plan, folder, run="run-1", lineage="shop", resume=resume)


def test_a_run_reserves_reads_and_commits(ledger: Ledger, tmp_path: Path) -> None:
    run = opened(ledger, tmp_path / "a")
    assert ledger.spent("shop").events == PLAN.events
    run.access()
    spent = run.commit(PLAN)
    assert spent.events == PLAN.events
    assert ledger.find(run.reservation.reservation_id).state == "committed"


def test_a_killed_run_goes_on_at_no_further_charge(ledger: Ledger, tmp_path: Path) -> None:
    opened(ledger, tmp_path / "a").access()
    before = ledger.spent("shop").epsilon
    again = opened(ledger, tmp_path / "a", resume=True)
    again.access()
    again.commit(PLAN)
    assert ledger.spent("shop").epsilon == before
    once_more = opened(ledger, tmp_path / "a", resume=True)  # killed after its commit, before its bundle
    once_more.access()
    assert once_more.commit(PLAN).epsilon == before


def test_a_killed_run_is_not_started_over_by_mistake(ledger: Ledger, tmp_path: Path) -> None:
    opened(ledger, tmp_path / "a")
    with pytest.raises(PrivateRunUnfinished, match="Add --resume"):
        opened(ledger, tmp_path / "a")


def test_there_is_nothing_to_resume_without_a_reservation_or_for_another_plan(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(NothingToResume):
        opened(ledger, tmp_path / "a", resume=True)
    opened(ledger, tmp_path / "a")
    with pytest.raises(NothingToResume):
        opened(ledger, tmp_path / "a", OTHER, resume=True)
    (tmp_path / "a" / "private_run.json").write_text("{}")
    with pytest.raises(NothingToResume):
        opened(ledger, tmp_path / "a", resume=True)


def test_without_budget_nothing_begins(ledger: Ledger, tmp_path: Path) -> None:
    opened(ledger, tmp_path / "a")
    with pytest.raises(BudgetExceeded):
        opened(ledger, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_what_was_read_is_never_given_back(ledger: Ledger, tmp_path: Path) -> None:
    run = opened(ledger, tmp_path / "a")
    run.access()
    with pytest.raises(ReservationClosed):
        ledger.release(run.reservation)


def test_released_counts_come_back_to_the_bit(ledger: Ledger, tmp_path: Path) -> None:
    run = opened(ledger, tmp_path / "a")
    assert run.counts() is None
    values = np.random.default_rng(1).normal(size=7)
    run.keep(KeptCounts(values, 12.5, True))
    kept = run.counts()
    assert kept is not None
    assert kept.values.tobytes() == values.tobytes()
    assert (kept.noise_std, kept.secure) == (12.5, True)
    assert not run.began_to_train
