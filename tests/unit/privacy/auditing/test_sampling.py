"""Poisson sampling passes; batches of one size, a wrong rate and whole clusters do not."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from privacy.auditing.sampling import judge_sampling

RNG = np.random.default_rng(1)
N, RATE, NOISE, STEPS = 2_000, 0.1, 2.0, 100


def noisy(drawn: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Add the noise of a sum."""
    return drawn + NOISE * RNG.normal(size=len(drawn))


def test_right_sampling_fails_as_often_as_the_level_says() -> None:
    low = []
    for _ in range(400):
        found = judge_sampling(noisy(RNG.binomial(N, RATE, STEPS)), N, sample_rate=RATE, noise_std=NOISE)
        low.append((found.rate_p < 0.1, found.spread_p < 0.1))
    assert np.abs(np.mean(low, axis=0) - 0.1).max() < 0.05


def test_the_figures_are_those_of_the_draws() -> None:
    found = judge_sampling(np.array([180.0, 220.0]), N, sample_rate=RATE, noise_std=0.0)
    assert found.rate == pytest.approx(0.1)
    assert found.spread == pytest.approx(800 / 180)


@pytest.mark.parametrize("drawn", [np.full(STEPS, 200.0), 200.0 * RNG.binomial(10, 0.1, STEPS)])
def test_batches_of_one_size_and_clusters_are_noticed(drawn: npt.NDArray[np.float64]) -> None:
    assert judge_sampling(noisy(drawn), N, sample_rate=RATE, noise_std=NOISE).spread_p < 1e-6


def test_a_wrong_rate_is_noticed() -> None:
    found = judge_sampling(noisy(RNG.binomial(N, 0.12, STEPS)), N, sample_rate=RATE, noise_std=NOISE)
    assert found.rate_p < 1e-6
    assert found.rate == pytest.approx(0.12, abs=0.004)
