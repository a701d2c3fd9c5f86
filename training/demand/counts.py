"""Counts with more spread than Poisson: the negative binomial, by mean and dispersion."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from training.demand.panel import Floats

LEAST_DISPERSION: Final = 1e-3  # below it the counts are Poisson to three digits
_LEAST_MEAN: Final = 1e-9


def negative_binomial_cdf(units: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """Give the probability of at most so many units; the three arrays share a shape.

    Args:
        units: Whole numbers; parts of a unit are cut off, and below 0 the probability is 0.
        mean: Expected units, from 0.
        dispersion: Variance = mean + dispersion * mean**2.

    >>> negative_binomial_cdf(np.array([0.0]), np.array([1.0]), np.array([1.0])).round(2)
    array([0.5])
    """
    size, success = _parameters(mean, dispersion)
    floor = np.floor(units)
    below: Floats = special.betainc(size, np.maximum(floor, 0) + 1, success)
    return np.where(floor < 0, 0.0, below)


def moment_dispersion(units: Floats) -> Floats:
    """Estimate each series' dispersion from its own mean and variance.

    Args:
        units: (N, W) history, W >= 2.

    Returns:
        (N,) at least `LEAST_DISPERSION`; that floor as well where nothing was ever sold.

    Source: method of moments for variance = mean + dispersion * mean**2.

    >>> moment_dispersion(np.array([[0.0, 4.0, 0.0, 4.0]])).round(3)
    array([0.833])
    """
    mean = units.mean(axis=1)
    excess = units.var(axis=1, ddof=1) - mean
    dispersion = np.divide(excess, mean**2, out=np.zeros_like(mean), where=mean > 0)
    floored: Floats = np.maximum(dispersion, LEAST_DISPERSION)
    return floored


def _parameters(mean: Floats, dispersion: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Turn mean and dispersion into scipy's number of successes and their probability."""
    size = 1 / np.maximum(dispersion, LEAST_DISPERSION)
    return size, size / (size + np.maximum(mean, _LEAST_MEAN))
