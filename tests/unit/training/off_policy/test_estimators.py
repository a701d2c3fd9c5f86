"""Estimators against slow twins and known worlds; refusals; resampling of customers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from configs.exploration import PolicyEvaluationSettings
from configs.loading import load_settings
from training.off_policy.errors import EffectiveSampleTooSmall, PolicyUnsupported
from training.off_policy.estimators import PolicyEvaluation, effective_size, evaluate
from training.off_policy.rates import foretold
from training.off_policy.rows import Choices, LoggedRows

ACTIONS, SLOTS = 5, 2
LOGGING = np.array([[0.4, 0.1], [0.3, 0.2], [0.1, 0.2], [0.1, 0.2], [0.1, 0.3]])  # (A, S)
TARGET = np.array([[0.1, 0.1], [0.1, 0.1], [0.1, 0.2], [0.2, 0.2], [0.5, 0.4]])
VALUE = np.array([[0.1, 0.1], [0.2, 0.1], [0.3, 0.2], [0.5, 0.3], [0.6, 0.5]])
TRUTH = float((TARGET * VALUE).sum(axis=0).mean())


def limits(**changes: Any) -> PolicyEvaluationSettings:
    base = load_settings("test", ["evaluation.policy.n_bootstrap=200"]).evaluation.policy
    return base.model_copy(update=changes)


def world(n_customers: int, *, lists: int = 1, seed: int = 0, spread: float = 0.0) -> LoggedRows:
    """Lists of two places filled by chance; with `spread`, some customers buy much and others little."""
    generator = np.random.default_rng(seed)
    n = n_customers * lists * SLOTS
    slot = np.tile(np.arange(SLOTS), n_customers * lists)
    customer = np.repeat(np.arange(n_customers), lists * SLOTS)
    cumulative = LOGGING.cumsum(axis=0)[:, slot]
    action = (generator.random(n) > cumulative).sum(axis=0)
    taste = 1 + spread * generator.choice([-1.0, 1.0], n_customers)[customer]
    return LoggedRows(
        customer=customer,
        action=action,
        slot=slot,
        reward=(generator.random(n) < VALUE[action, slot] * taste).astype(float),
        p_logged=LOGGING[action, slot],
        choices=Choices(np.repeat(np.arange(n), ACTIONS), np.tile(np.arange(ACTIONS), n), TARGET[:, slot].T.ravel()),
        supported=np.ones(n),
    )


def slow(rows: LoggedRows, settings: PolicyEvaluationSettings) -> dict[str, float]:
    """The obvious version: one row after the other."""
    shown, choices = foretold(rows, prior_events=settings.prior_events, n_folds=settings.n_folds, seed=settings.seed)
    weighted = robust = total = 0.0
    for row in range(len(rows)):
        target = sum(
            p
            for at, action, p in zip(rows.choices.row, rows.choices.action, rows.choices.p, strict=True)
            if at == row and action == rows.action[row]
        )
        weight = min(target / rows.p_logged[row], settings.max_weight)
        weighted += weight * rows.reward[row]
        total += weight
        robust += choices[row] + weight * (rows.reward[row] - shown[row])
    return {"ips": weighted / len(rows), "snips": weighted / total, "doubly_robust": robust / len(rows)}


@pytest.mark.parametrize("max_weight", [50.0, 2.0])
def test_the_fast_version_is_the_slow_one(max_weight: float) -> None:
    rows, settings = world(60), limits(max_weight=max_weight, min_effective_sample=5)
    found = evaluate(rows, settings)
    for name, value in slow(rows, settings).items():
        assert found.of(name).value == pytest.approx(value), name
    assert found.of("logged").value == pytest.approx(rows.reward.mean())
    assert (found.n_cut > 0) == (max_weight == 2.0)
    assert any("were cut to 2" in note for note in found.notes) == (max_weight == 2.0)


@pytest.fixture(scope="module")
def repeated() -> list[PolicyEvaluation]:
    """Forty logs of the same world, each judged."""
    return [evaluate(world(400, seed=seed), limits(n_bootstrap=100)) for seed in range(40)]


@pytest.mark.parametrize("name", ["ips", "snips", "doubly_robust"])
def test_the_truth_is_met_on_average_and_lies_in_the_intervals(name: str, repeated: list[PolicyEvaluation]) -> None:
    values = np.array([found.of(name).value for found in repeated])
    assert abs(values.mean() - TRUTH) < 3.5 * values.std() / np.sqrt(len(values))
    held = sum(low <= TRUTH <= high for low, high in (found.of(name).interval for found in repeated))
    assert held >= 32  # 37 or 38 are to be expected; half the width would hold 26


def test_doubly_robust_survives_wrong_propensities_where_the_rates_are_right() -> None:
    rows = world(4000, seed=5)
    wrong = replace(rows, p_logged=np.full(len(rows), 0.2))
    found = evaluate(wrong, limits())
    assert abs(found.of("doubly_robust").value - TRUTH) < 0.6 * abs(found.of("ips").value - TRUTH)
    assert any("mean weight" in note for note in found.notes) == (abs(found.mean_weight - 1) > 0.1)


def test_whole_customers_are_resampled() -> None:
    rows = world(150, lists=8, spread=0.9, seed=2)
    found = evaluate(rows, limits())
    as_if_independent = evaluate(replace(rows, customer=np.arange(len(rows))), limits())
    widths = [e.of("ips").interval[1] - e.of("ips").interval[0] for e in (found, as_if_independent)]
    assert widths[0] > 1.3 * widths[1]
    assert found.of("ips").value == pytest.approx(as_if_independent.of("ips").value)
    assert found.n_customers == 150
    assert found.effective_sample < 150 < as_if_independent.effective_sample


def test_a_policy_judged_by_its_own_log_is_worth_what_it_earned() -> None:
    rows = world(200)
    own = replace(rows, choices=Choices(np.arange(len(rows)), rows.action, rows.p_logged))
    found = evaluate(own, limits())
    assert found.of("ips").ratio == pytest.approx(1.0)
    assert found.of("ips").ratio_interval == pytest.approx((1.0, 1.0))
    assert found.effective_sample == pytest.approx(200)
    assert found.notes == ()


def test_too_small_an_effective_sample_gives_no_number() -> None:
    rows = world(300)
    p = rows.p_logged.copy()
    p[rows.action == 4] = 1e-6
    with pytest.raises(EffectiveSampleTooSmall, match=r"no number is given.*effective sample of \d+\.\d of 300"):
        evaluate(replace(rows, p_logged=p), limits(min_effective_sample=250))
    few = evaluate(rows, limits(few_effective_events=1e6))
    assert any("effective purchases" in note for note in few.notes)


def test_the_cut_cannot_hide_a_small_sample() -> None:
    rows = world(300)
    p = rows.p_logged.copy()
    p[0] = 1e-6
    with pytest.raises(EffectiveSampleTooSmall):
        evaluate(replace(rows, p_logged=p, action=rows.action), limits(max_weight=1.0))


def test_what_could_not_have_been_shown_gives_no_number() -> None:
    rows = world(300)
    with pytest.raises(PolicyUnsupported, match=r"90\.0%"):
        evaluate(replace(rows, supported=np.full(len(rows), 0.9)), limits())
    found = evaluate(replace(rows, supported=np.full(len(rows), 0.96)), limits())
    assert any("4.0% of what the policy would show" in note for note in found.notes)


def test_nothing_bought_has_no_ratio() -> None:
    rows = world(200)
    found = evaluate(replace(rows, reward=np.zeros(len(rows))), limits())
    assert found.of("ips").ratio is None
    assert found.of("doubly_robust").value == 0.0


def test_effective_size_counts_equal_weights() -> None:
    assert effective_size(np.array([3.0, 3.0, 3.0])) == pytest.approx(3)
    assert effective_size(np.array([1000.0, 1.0])) == pytest.approx(1.002, abs=1e-3)
    assert effective_size(np.zeros(4)) == 0.0
