"""Quantiles of the negative binomial, many rows at once."""

from typing import Final

import numpy as np
from scipy.stats import nbinom

from training.demand.forecast import LEVELS
from training.demand.panel import Floats

_MOST_COUNTED: Final = 25.0  # units; quantiles of means up to this are counted up, of larger ones solved for
_LEAST_MEAN: Final = 1e-9
_LEAST_DISPERSION: Final = 1e-6


def negative_binomial_quantiles(mean: Floats, dispersion: Floats) -> Floats:
    """Find the smallest counts whose probability reaches each level.

    Args:
        mean: Any shape, units, 0 or more.
        dispersion: The same shape: variance = mean + dispersion * mean**2.

    Returns:
        (..., 9) units at `LEVELS`; whole numbers, never falling along the last axis.

    >>> negative_binomial_quantiles(np.array([2.0]), np.array([0.5]))
    array([[0., 0., 1., 1., 1., 2., 3., 3., 5.]])
    """
    mu = np.maximum(mean, _LEAST_MEAN).ravel()
    alpha = np.maximum(dispersion, _LEAST_DISPERSION).ravel()
    counts = np.zeros((len(mu), len(LEVELS)))
    small = np.flatnonzero(mu <= _MOST_COUNTED)
    counts[small] = _counted_up(mu[small], alpha[small])
    large = np.flatnonzero(mu > _MOST_COUNTED)
    size = (1 / alpha[large])[:, None]
    counts[large] = nbinom.ppf(np.array(LEVELS), size, size / (size + mu[large, None]))
    return counts.reshape(*mean.shape, len(LEVELS))


def _counted_up(mean: Floats, dispersion: Floats) -> Floats:
    """Add up probabilities from nought until the last level is reached; rows that reached it drop out."""
    counts = np.zeros((len(mean), len(LEVELS)))
    rows = np.arange(len(mean))
    size = 1 / dispersion
    p_more = mean / (size + mean)
    mass = np.exp(-size * np.log1p(dispersion * mean))
    reached = mass.copy()
    k = 0
    while len(rows):
        short = reached[:, None] < np.array(LEVELS)
        counts[rows] += short
        going = short[:, -1]
        rows, size, p_more = rows[going], size[going], p_more[going]
        mass = mass[going] * (k + size) / (k + 1) * p_more
        reached = reached[going] + mass
        k += 1
    return counts
