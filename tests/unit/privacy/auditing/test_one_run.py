"""The one-run bound against exact enumeration, and against the figures of another library."""

from itertools import product
from math import comb, exp

import numpy as np
import pytest

from privacy.auditing.one_run import bound_of_guesses, epsilon_lower_bound, p_value
from privacy.errors import PrivacyParameterInvalid

# (canaries, guesses, right, delta, error) and the bound that jax-privacy 2.0.0 gives for them.
ELSEWHERE = [
    ((1000, 1000, 600, 0.0, 0.05), 0.2974679),
    ((1000, 200, 150, 1e-5, 0.05), 0.8199728),
    ((1000, 40, 38, 1e-5, 0.01), 1.3858927),
    ((1200, 240, 160, 1e-5, 0.05 / 3), 0.3935519),
    ((100, 100, 75, 0.0, 0.05), 0.7022140),
    ((2000, 400, 220, 1e-5, 0.05), 0.0294581),
]


def slow_p_value(m: int, r: int, v: int, epsilon: float, delta: float) -> float:
    """Theorem 5.2 as it is printed: f(v) + 2 m delta max over i of (f(v - i) - f(v)) / i."""
    chance = exp(epsilon) / (1 + exp(epsilon))

    def tail(at: int) -> float:
        return sum(comb(r, k) * chance**k * (1 - chance) ** (r - k) for k in range(max(at, 0), r + 1))

    gains = [(tail(v - i) - tail(v)) / i for i in range(1, m + 1)]
    return min(tail(v) + 2 * m * delta * max([0.0, *gains]), 1.0)


@pytest.mark.parametrize(("case", "bound"), ELSEWHERE)
def test_another_library_gives_the_same_bound(case: tuple[int, int, int, float, float], bound: float) -> None:
    m, r, v, delta, error = case
    assert bound_of_guesses(m, r, v, delta=delta, error=error) == pytest.approx(bound, abs=1e-6)


@pytest.mark.parametrize("delta", [0.0, 1e-3, 0.05])
@pytest.mark.parametrize(("m", "r"), [(12, 12), (20, 8), (9, 1)])
def test_the_p_value_is_the_theorem_s(m: int, r: int, delta: float) -> None:
    for v, epsilon in product(range(r + 1), (0.0, 0.3, 2.0)):
        found = p_value(m, r, v, epsilon=epsilon, delta=delta)
        assert found == pytest.approx(slow_p_value(m, r, v, epsilon, delta), rel=1e-9), v


def test_randomised_response_meets_the_bound_exactly() -> None:
    """Whoever tells each coin truthfully with e / (1 + e) is right that often: no tighter test exists."""
    epsilon, m, right = 1.0, 10, 9
    chance = exp(epsilon) / (1 + exp(epsilon))
    exact = sum(
        np.prod([chance if told else 1 - chance for told in answers])
        for answers in product((True, False), repeat=m)
        if sum(answers) >= right
    )
    assert p_value(m, m, right, epsilon=epsilon, delta=0.0) == pytest.approx(exact, rel=1e-12)


def test_the_bound_is_the_last_epsilon_that_is_refuted() -> None:
    bound = bound_of_guesses(500, 100, 80, delta=1e-5, error=0.05)
    assert p_value(500, 100, 80, epsilon=bound - 1e-6, delta=1e-5) < 0.05
    assert p_value(500, 100, 80, epsilon=bound + 1e-6, delta=1e-5) > 0.05


def test_scores_that_know_nothing_prove_nothing_and_those_that_know_all_prove_much() -> None:
    coins = np.random.default_rng(3).random(1_000) < 0.5
    noise = np.random.default_rng(4).normal(size=1_000)
    assert epsilon_lower_bound(noise, coins, delta=1e-5, confidence=0.99).epsilon < 0.2
    known = epsilon_lower_bound(noise + 100 * coins, coins, delta=1e-5, confidence=0.99)
    assert known.epsilon > 4
    assert known.n_correct == known.n_guesses


def test_a_bound_is_wrong_no_more_often_than_it_says() -> None:
    """Scores N(0, 1) and N(mu, 1) at mu = 0.5 are at most (2.0, 1e-5)-far apart: the bound must stay below."""
    rng, over = np.random.default_rng(5), 0
    for _ in range(25):
        coins = rng.random(600) < 0.5
        bound = epsilon_lower_bound(rng.normal(size=600) + 0.5 * coins, coins, delta=1e-5, confidence=0.9)
        over += bound.epsilon > 2.0
    assert over == 0


@pytest.mark.parametrize("counts", [(10, 11, 0), (10, 5, 6), (0, 0, 0)])
def test_counts_that_contradict_each_other_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(PrivacyParameterInvalid):
        p_value(*counts, epsilon=1.0, delta=0.0)


def test_a_confidence_out_of_range_is_refused() -> None:
    with pytest.raises(PrivacyParameterInvalid):
        epsilon_lower_bound(np.zeros(9), np.ones(9, dtype=bool), delta=0.0, confidence=1.0)
