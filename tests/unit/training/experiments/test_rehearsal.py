"""Rehearsals: on real customers' days nothing is called an effect more often than promised."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.experiments import ExperimentSettings
from configs.loading import load_settings
from features.lake import Lake
from features.preparation import read_consents
from training.experiments.errors import PeriodTooShort, TooFewUnits
from training.experiments.outcomes import customer_days, read_lines, store_blocks
from training.experiments.rehearsal import rehearse


def settings(**changes: Any) -> ExperimentSettings:
    base = load_settings("test").experiments
    return base.model_copy(update={"rehearsal": base.rehearsal.model_copy(update=changes)})


@pytest.fixture
def days() -> np.ndarray:
    """Made-up customers who differ much from each other."""
    generator = np.random.default_rng(2)
    return generator.poisson(generator.gamma(0.7, 6, 250)[:, None], (250, 100)).astype(float)


@pytest.fixture
def by_store() -> np.ndarray:
    """Made-up stores with weeks and heavy tails."""
    generator = np.random.default_rng(3)
    weekday = 1 + 0.4 * np.sin(np.arange(100) * 2 * np.pi / 7)
    return generator.gamma(0.5, 400, (30, 1)) * weekday * generator.gamma(2, 0.5, (30, 100))


def test_daily_t_tests_call_far_too_much_and_the_sequence_does_not(days: np.ndarray, by_store: np.ndarray) -> None:
    none, some = rehearse(days, by_store[:1], settings(n_runs=200, days=14, lifts=(0.3,))).customers
    assert none.lift == 0
    assert none.called <= 0.05
    assert none.called_naively > 0.12
    assert none.called_at_end < none.called_naively
    assert none.called_interval[0] <= none.called <= none.called_interval[1]
    assert some.lift == 0.3
    assert some.called > 0.9
    assert some.worse == 0.0
    assert some.median_day is not None
    assert 1 <= some.median_day <= 14


def test_stores_that_switch_raise_no_false_alarms_and_find_an_effect(days: np.ndarray, by_store: np.ndarray) -> None:
    none, some = rehearse(days[:200], by_store[:12], settings(n_runs=100, days=28, lifts=(0.8,))).stores
    assert none.called <= 0.05
    assert none.called_naively > 0.08
    assert some.called > 0.6
    assert some.worse <= 0.01
    assert some.median_day is not None
    assert some.median_day % 2 == 0  # looked at after pairs of days


def test_a_rehearsal_can_be_repeated(days: np.ndarray, by_store: np.ndarray) -> None:
    plan = settings(n_runs=20, days=10, lifts=())
    assert rehearse(days, by_store, plan) == rehearse(days, by_store, plan)


def test_too_few_days_or_customers_are_refused(days: np.ndarray, by_store: np.ndarray) -> None:
    with pytest.raises(PeriodTooShort, match="100 days and a rehearsal needs 106"):
        rehearse(days, by_store, settings(days=50))
    with pytest.raises(TooFewUnits):
        rehearse(days[:150], by_store, settings(days=20))


@pytest.mark.real_data
def test_a_thousand_experiments_without_an_effect_on_real_customers(complete_journey_var: Path) -> None:
    whole = load_settings("test", [f"storage.root={complete_journey_var}"])
    consents = read_consents(whole.storage, datetime.now(UTC))
    lines = read_lines(Lake.open(whole.storage.lake), consents.trainable)
    n_days = (lines.last - lines.first).days + 1
    daily = customer_days(lines, "spend_usd", lines.customer_ids, lines.first, n_days)
    busy = lines.table["store_id"].value_counts().index[:60].tolist()
    first = pd.Timestamp(lines.first)
    by_store = store_blocks(lines, "spend_usd", sorted(busy), first, n_days, block_hours=24, washout_hours=0)
    found = rehearse(daily, by_store, settings(n_runs=1000, days=28, lifts=(0.15,)))
    for none, _ in (found.customers, found.stores):
        assert none.n_runs == 1000
        assert none.called <= 0.05
        assert none.called_naively > 0.1  # what looking daily at a t-test would have called
    assert found.customers[1].called > 0.8
