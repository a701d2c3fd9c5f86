"""Smoothed levels: weighted means of the past, and the smoothing of intermittent demand."""

from typing import Final

import numpy as np
import numpy.typing as npt

from training.demand.panel import Flags, Floats

WINDOWS: Final = (4, 8, 13, 26)  # weeks of flat kernels
HALF_LIVES: Final = (2.0, 5.0, 12.0)  # weeks after which an exponential kernel weighs half
_ALPHAS: Final = (0.1, 0.15, 0.2, 0.25, 0.3)  # the range within which IMAPA's own smoothing is chosen
_MOST_WEEKS_JOINED: Final = 8  # longest run that IMAPA adds up; longer intervals are told apart by nothing
_PRIOR_WEEKS: Final = 0.5  # weeks that the prior level weighs in a kernel
_BLOCK_PRODUCTS: Final = 128  # products multiplied at once


def flat_kernel(n_weeks: int, window: int) -> Floats:
    """Weigh the last weeks alike: (W,), 1 in the window and 0 before."""
    ages = np.arange(n_weeks)[::-1]
    return (ages < window).astype(np.float64)


def exponential_kernel(n_weeks: int, half_life: float) -> Floats:
    """Weigh the last week 1 and halve each `half_life` weeks before it: (W,)."""
    ages = np.arange(n_weeks)[::-1]
    weights: Floats = 0.5 ** (ages / half_life)
    return weights


def kernels(n_weeks: int) -> Floats:
    """Stack all kernels: (W, 7), flat ones first."""
    flat = [flat_kernel(n_weeks, window) for window in WINDOWS]
    return np.stack(flat + [exponential_kernel(n_weeks, half_life) for half_life in HALF_LIVES], axis=1)


def weighted_sums(values: Floats, weights: Floats) -> Floats:
    """Multiply (P, W) by (W, K), a few products at a time.

    The blocks are too small to be split among threads, which would wait for each other longer than they work.
    """
    sums = np.empty((len(values), weights.shape[1]))
    for start in range(0, len(values), _BLOCK_PRODUCTS):
        block = slice(start, start + _BLOCK_PRODUCTS)
        np.matmul(values[block], weights, out=sums[block])
    return sums


def levels(units: Floats, lift: Floats, counted: Flags, weights: Floats, prior: Floats) -> Floats:
    """Estimate what sells in a week without promotion: Σκy ÷ Σκ·lift, where few weeks say little the prior.

    Args:
        units: (P, W).
        lift: (P, W) factor that price and promotion put on that week; 1 for the plain mean.
        counted: (P, W) weeks that count: on sale, and not out of stock.
        weights: (W, K) kernels.
        prior: (P,) level of a product nobody knows, units per week.

    Returns:
        (P, K) units per week, above 0 where the prior is.

    >>> one = np.ones((1, 4))
    >>> levels(np.array([[2.0, 2, 2, 8]]), np.array([[1.0, 1, 1, 4]]), one > 0, np.ones((4, 1)), np.array([2.0]))
    array([[2.]])
    """
    sums = weighted_sums(np.where(counted, units, 0), weights)
    weight = weighted_sums(np.where(counted, lift, 0), weights)
    return (sums + _PRIOR_WEEKS * prior[:, None]) / (weight + _PRIOR_WEEKS)


def fill_stock_outs(units: Floats, stocked_out: Flags) -> Floats:
    """Put the mean of the last eight weeks in stock in the place of weeks without stock: no demand was seen there."""
    if not stocked_out.any():
        return units
    filled = units.copy()
    for week in range(units.shape[1]):
        before = slice(max(0, week - 8), week)
        n_known = np.maximum((~stocked_out[:, before]).sum(axis=1), 1)
        mean = np.where(stocked_out[:, before], 0, units[:, before]).sum(axis=1) / n_known
        filled[:, week] = np.where(stocked_out[:, week], mean, units[:, week])
    return filled


def imapa(units: Floats, start: npt.NDArray[np.int64]) -> Floats:
    """Smooth sums of 1, 2, … weeks exponentially and average what each says of one week.

    Sums of up to the mean interval between sales are formed; each smoothing constant is the best of a grid in the
    product's own past.

    Args:
        units: (P, W).
        start: (P,) position of the first sale; weeks before it are left out.

    Returns:
        (P,) units per week; 0 where nothing was sold.

    Source: Petropoulos and Kourentzes (2015), as implemented by Nixtla's statsforecast.
    """
    n_weeks = units.shape[1]
    n_sold = np.maximum((units > 0).sum(axis=1), 1)
    last = n_weeks - (units > 0)[:, ::-1].argmax(axis=1)  # weeks from the panel's start to the last sale
    interval = np.clip(np.rint((last - start) / n_sold), 1, _MOST_WEEKS_JOINED).astype(np.int64)
    total = np.zeros(len(units))
    for joined in range(1, int(interval.max(initial=1)) + 1):
        rows = np.flatnonzero(interval >= joined)
        total[rows] += _smoothed_sums(units[rows], start[rows], joined) / joined
    return np.where((units > 0).any(axis=1), total / interval, 0)


def _smoothed_sums(units: Floats, start: npt.NDArray[np.int64], joined: int) -> Floats:
    """Smooth the sums of `joined` weeks, counted from the end, with each row's best constant."""
    n_sums = units.shape[1] // joined
    if n_sums == 0:
        short: Floats = units.sum(axis=1)
        return short
    sums = units[:, units.shape[1] - n_sums * joined :].reshape(len(units), n_sums, joined).sum(axis=2)
    first = ((start - units.shape[1] % joined + joined - 1) // joined).clip(0, n_sums - 1)
    states = np.zeros((len(_ALPHAS), len(units)))
    errors = np.zeros_like(states)
    alphas = np.array(_ALPHAS)[:, None]
    for step in range(n_sums):
        now = sums[:, step]
        running = step > first
        miss = now - states
        errors += np.where(running, miss**2, 0)
        states = np.where(running, states + alphas * miss, np.where(step == first, now, states))
    best: Floats = np.take_along_axis(states, errors.argmin(axis=0)[None], axis=0)[0]
    return best
