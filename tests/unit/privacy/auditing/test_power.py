"""Power as reckoned, against power as it happens."""

import numpy as np
import pytest

from privacy.auditing.gaussian import separation
from privacy.auditing.power import canaries_for, detectable_epsilon, mu_of_poisson_sums, power


def test_power_is_what_simulation_finds() -> None:
    rng, caught = np.random.default_rng(1), 0
    for _ in range(250):
        coins = np.arange(200) % 2 == 0
        caught += separation(rng.normal(size=200) + 0.8 * coins, coins, confidence=0.95).low > 0.4
    assert caught / 250 == pytest.approx(power(0.4, 0.8, 200, confidence=0.95), abs=0.07)


def test_the_right_code_is_refused_as_often_as_the_level_says() -> None:
    assert power(0.5, 0.5, 1_000, confidence=0.99) == pytest.approx(0.01, abs=1e-6)


def test_so_many_canaries_give_the_power_wanted() -> None:
    n = canaries_for(0.4, 0.8, wanted=0.95, confidence=0.99)
    assert power(0.4, 0.8, n, confidence=0.99) == pytest.approx(0.95, abs=0.015)


def test_sums_over_steps_separate_by_rate_root_steps_over_noise() -> None:
    assert mu_of_poisson_sums(2.0, 0.1, 100) == pytest.approx(1 / np.sqrt(4.09))


def test_more_canaries_prove_more() -> None:
    few, many = (detectable_epsilon(0.45, n, 1e-5, confidence=0.99) for n in (300, 3_000))
    assert 0 < few < many
