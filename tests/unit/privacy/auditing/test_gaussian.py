"""The Gaussian test: right as often as it says, and the same curve as the accountant's."""

import numpy as np
import pytest

from privacy.accounting import epsilon
from privacy.auditing.errors import CanariesTooFew
from privacy.auditing.gaussian import delta_of, epsilon_of, noise_upper_bound, separation
from privacy.events import Gaussian


@pytest.mark.parametrize("mu", [0.0, 0.5, 2.0])
def test_the_lower_bound_is_wrong_as_often_as_it_says(mu: float) -> None:
    rng, over, n = np.random.default_rng(1), 0, 250
    for _ in range(n):
        coins = rng.random(200) < 0.5
        over += separation(3 * (rng.normal(size=200) + mu * coins) + 7, coins, confidence=0.9).low > mu
    assert 0.05 * n < over < 0.16 * n


def test_the_estimate_is_in_standard_deviations() -> None:
    scores = np.concatenate([np.linspace(-1, 1, 101), np.linspace(-1, 1, 101) + 3])
    found = separation(scores, np.arange(202) >= 101, confidence=0.95)
    assert found.mu == pytest.approx(3 / np.linspace(-1, 1, 101).std(ddof=1))
    assert 0 < found.low < found.mu
    assert (found.n_included, found.n_left_out) == (101, 101)


def test_a_wrong_way_round_proves_nothing() -> None:
    scores = np.concatenate([np.arange(50.0), np.arange(50.0) - 30])
    assert separation(scores, np.arange(100) >= 50, confidence=0.95).low == 0.0


def test_canaries_in_plain_sight_prove_as_much_as_can_be_told() -> None:
    coins = np.arange(100) >= 50
    found = separation(coins.astype(np.float64), coins, confidence=0.95)  # no noise at all
    assert found.low == 100
    assert epsilon_of(found.low, 1e-5) > 5000


def test_too_few_canaries_are_refused() -> None:
    with pytest.raises(CanariesTooFew, match="29 canaries were included and 71 left out; at least 30"):
        separation(np.zeros(100), np.arange(100) < 29, confidence=0.95)


@pytest.mark.parametrize("noise", [0.7, 2.0, 9.0])
def test_epsilon_of_mu_is_the_accountant_s(noise: float) -> None:
    ours, theirs = epsilon_of(1 / noise, 1e-5), epsilon((Gaussian(noise_multiplier=noise),), 1e-5)
    assert ours == pytest.approx(theirs, rel=2e-3)


def test_nothing_apart_costs_nothing() -> None:
    assert epsilon_of(0.0, 1e-5) == 0.0
    assert epsilon_of(1e-6, 1e-5) == 0.0
    assert delta_of(1.5, epsilon_of(1.5, 1e-4)) == pytest.approx(1e-4, rel=1e-6)


def test_the_noise_is_bounded_whatever_the_signal() -> None:
    rng, below = np.random.default_rng(2), 0
    for _ in range(300):
        entries = 2.5 * rng.normal(size=500)
        bound = noise_upper_bound(float(entries @ entries), 500, confidence=0.9)
        below += bound < 2.5
        moved = entries + 5
        assert noise_upper_bound(float(moved @ moved), 500, confidence=0.9) > bound
    assert 0.05 * 300 < below < 0.16 * 300
