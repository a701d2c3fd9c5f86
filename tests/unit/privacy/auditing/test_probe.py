"""The engine on trial: the right one passes, and every planted fault fails the test that is meant for it."""

from typing import Any

import pytest

from privacy.auditing import faults
from privacy.auditing.probe import N_PURCHASES, probe
from privacy.auditing.trial import Train, try_guessing, try_sampling, try_sensitivity
from privacy.dp import train_private
from privacy.dp_gradients import clipped_sum
from privacy.dp_plan import DpPlan
from privacy.randomness import SeededRandomness

N, ERROR = 400, 1e-3


def tried(plan: DpPlan, by_test: Any, train: Train = train_private) -> Any:
    """Guess about an engine, seeded."""
    trial = probe(plan, N, error=ERROR, train=train, randomness=SeededRandomness(1))
    return by_test(try_guessing(trial, "engine", apart=True))


def sampled(plan: DpPlan, by_test: Any, train: Train = train_private) -> Any:
    """Look at how an engine samples, seeded."""
    return by_test(try_sampling(probe(plan, N, error=ERROR, train=train, randomness=SeededRandomness(1)), "engine"))


def test_the_right_engine_passes_and_the_bounds_come_near_the_claim(plan: DpPlan, by_test: Any) -> None:
    found = tried(plan, by_test)
    assert all(one.passed and one.release == "engine" for one in found.values())
    claim = found["noise"].limit
    assert 0.9 * claim < found["noise"].value < claim
    assert 0.15 * claim < found["gaussian"].value < claim
    assert found["one-run, all sums seen"].value < claim


def test_halved_noise_fails(plan: DpPlan, by_test: Any) -> None:
    found = tried(plan, by_test, faults.halved_noise)
    assert not found["noise"].passed
    assert not found["gaussian"].passed
    assert found["one-run, weights alone"].passed, "guesses reach less than half of the claim"


def test_clipping_purchase_by_purchase_fails(plan: DpPlan, by_test: Any) -> None:
    assert not tried(plan, by_test, faults.per_transaction)["gaussian"].passed
    assert not sampled(plan, by_test, faults.per_transaction)["sampling rate"].passed


def test_right_sampling_passes(plan: DpPlan, by_test: Any) -> None:
    assert all(one.passed for one in sampled(plan, by_test).values())


def test_batches_of_one_size_show_in_the_spread_alone(plan: DpPlan, by_test: Any) -> None:
    found = sampled(plan, by_test, faults.fixed_batches)
    assert (found["sampling rate"].passed, found["sampling spread"].passed) == (True, False)


@pytest.mark.parametrize(("summed", "moved"), [(clipped_sum, 1), (faults.per_transaction_sum, N_PURCHASES)])
def test_taking_a_customer_out_moves_the_sum_by_the_norm_and_no_more(plan: DpPlan, summed: Any, moved: int) -> None:
    found = try_sensitivity(probe(plan, N, error=ERROR), "engine", summed)
    assert found.passed == (moved == 1)
    assert found.value == pytest.approx(moved, rel=1e-3)
