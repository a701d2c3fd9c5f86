"""Uncertainty over customers: percentile bootstrap of means and of paired differences."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.errors import SettingOutOfRange

Floats = npt.NDArray[np.float64]

_BLOCK_CELLS = 2_000_000  # resample counts held at once; bounds memory, changes no result


class Interval(NamedTuple):
    """A percentile interval; NaN on both sides where nothing could be resampled."""

    low: float
    high: float


def bootstrap_means(values: Floats, *, n_resamples: int, seed: int) -> Floats:
    """Resample customers with replacement and average each column over every resample.

    All columns share the same resamples, so differences between columns of the result are paired.

    Args:
        values: (n, m) one row per customer; NaN leaves that customer out of that column's mean.
        n_resamples: How many resamples, from 1.
        seed: Equal seeds give equal resamples.

    Returns:
        (n_resamples, m) means; NaN where a resample holds no customer with a value.

    Raises:
        SettingOutOfRange: If n_resamples is below 1.

    Source: Efron and Tibshirani (1993), chapter 13, percentile interval.
    """
    if n_resamples < 1:
        raise SettingOutOfRange(name="n_resamples", value=n_resamples, limit="at least 1")
    n_customers, n_columns = values.shape
    means = np.full((n_resamples, n_columns), np.nan)
    if n_customers == 0:
        return means
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    weights = known.astype(np.float64)
    generator = np.random.default_rng(seed)
    even = np.full(n_customers, 1 / n_customers)
    block = max(1, _BLOCK_CELLS // n_customers)
    for start in range(0, n_resamples, block):
        stop = min(start + block, n_resamples)
        counts = generator.multinomial(n_customers, even, size=stop - start).astype(np.float64)  # (b, n)
        n_drawn = counts @ weights  # (b, m)
        sums = counts @ filled
        means[start:stop] = np.divide(sums, n_drawn, out=np.full_like(sums, np.nan), where=n_drawn > 0)
    return means


def percentile_interval(resampled: Floats, confidence: float) -> Interval:
    """Cut equal tails off resampled values.

    Args:
        resampled: (R,) values; NaN are left out.
        confidence: Coverage, above 0 and below 1.

    Raises:
        SettingOutOfRange: If confidence is not between 0 and 1.

    >>> percentile_interval(np.arange(101.0), 0.5)
    Interval(low=25.0, high=75.0)
    """
    if not 0 < confidence < 1:
        raise SettingOutOfRange(name="confidence", value=confidence, limit="between 0 and 1")
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def mean_interval(values: Floats, *, n_resamples: int, confidence: float, seed: int) -> Interval:
    """Interval of a mean over customers: (n,) values, NaN left out."""
    return percentile_interval(bootstrap_means(values[:, None], n_resamples=n_resamples, seed=seed)[:, 0], confidence)


def paired_difference_interval(
    first: Floats, second: Floats, *, n_resamples: int, confidence: float, seed: int
) -> Interval:
    """Interval of mean(first) - mean(second), both resampled over the same customers.

    Args:
        first: (n,) one value per customer.
        second: (n,) the other value of the same customers, in the same order.
        n_resamples: How many resamples, from 1.
        confidence: Coverage, above 0 and below 1.
        seed: Equal seeds give equal intervals.
    """
    means = bootstrap_means(np.column_stack([first, second]), n_resamples=n_resamples, seed=seed)
    return percentile_interval(means[:, 0] - means[:, 1], confidence)
