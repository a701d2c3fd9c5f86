"""The negative binomial by mean and dispersion, beside scipy's own."""

import numpy as np
import pytest
from scipy import stats

from training.demand.counts import LEAST_DISPERSION, moment_dispersion, negative_binomial_cdf


@pytest.mark.parametrize("mean", [0.2, 3.0, 250.0])
@pytest.mark.parametrize("dispersion", [0.01, 0.5, 3.0])
def test_the_distribution_function_is_that_of_scipy(mean: float, dispersion: float) -> None:
    counts = np.array([-1.0, 0.0, 1.0, 1.9, 7.0, 300.0])
    size = 1 / dispersion
    slow = stats.nbinom.cdf(np.floor(counts), size, size / (size + mean))
    shape = np.ones_like(counts)
    assert np.allclose(negative_binomial_cdf(counts, mean * shape, dispersion * shape), slow, atol=1e-9)


def test_no_dispersion_is_poisson() -> None:
    counts, ones = np.arange(12.0), np.ones(12)
    assert np.allclose(negative_binomial_cdf(counts, 4 * ones, 0 * ones), stats.poisson.cdf(counts, 4), atol=2e-3)


def test_nothing_expected_is_nothing_sold() -> None:
    assert negative_binomial_cdf(np.zeros(1), np.zeros(1), np.ones(1))[0] == pytest.approx(1, abs=1e-6)


def test_moments_find_the_dispersion_that_drew_the_counts() -> None:
    draws = np.random.default_rng(1).negative_binomial(2.0, 2.0 / 7.0, size=(3, 60_000)).astype(float)  # 0.5, mean 5
    assert np.allclose(moment_dispersion(draws), 0.5, rtol=0.05)


def test_moments_have_a_floor() -> None:
    steady = np.array([[3.0, 3.0, 3.0], [0.0, 0.0, 0.0]])
    assert moment_dispersion(steady).tolist() == [LEAST_DISPERSION, LEAST_DISPERSION]
