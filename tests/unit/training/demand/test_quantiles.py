"""Quantiles of the negative binomial against scipy's."""

import numpy as np
from scipy.stats import nbinom

from training.demand.forecast import LEVELS
from training.demand.quantiles import negative_binomial_quantiles


def test_they_are_scipys() -> None:
    rng = np.random.default_rng(6)
    mean = np.exp(rng.uniform(-5, 6, (70, 4)))
    dispersion = np.exp(rng.uniform(-4, 2, (70, 4)))
    size = 1 / dispersion
    slow = np.stack([nbinom.ppf(level, size, size / (size + mean)) for level in LEVELS], axis=2)
    np.testing.assert_array_equal(negative_binomial_quantiles(mean, dispersion), slow)


def test_nothing_expected_and_nothing_asked() -> None:
    np.testing.assert_array_equal(negative_binomial_quantiles(np.zeros(3), np.ones(3)), 0)
    assert negative_binomial_quantiles(np.zeros((0, 4)), np.zeros((0, 4))).shape == (0, 4, 9)
