"""Quality of demand forecasts: points, quantiles and intervals, each as sums by series that can be pooled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.demand.counts import negative_binomial_cdf
from training.demand.panel import Floats
from training.errors import SettingOutOfRange

BANDS: Final = ("slow", "low", "mid", "high")


@dataclass(frozen=True, eq=False)
class Ratio:
    """A metric as sums by series: pooled over any of them it is sum(numerator) / sum(denominator).

    Attributes:
        numerator: (N,) loss, or whatever is measured.
        denominator: (N,) what it is measured against.
    """

    numerator: Floats
    denominator: Floats

    @property
    def value(self) -> float:
        """The metric over all series; NaN where there is nothing to measure against."""
        total = self.denominator.sum()
        return float(self.numerator.sum() / total) if total > 0 else float("nan")


def wape(actual: Floats, forecast: Floats) -> Ratio:
    """Sum the absolute errors over the sum of units.

    In [0, inf), ideal 0; 1 is what forecasting nothing at all scores. Not for ranking models of slow sellers, and
    never with the median at store level: where most weeks are 0 the median is 0 too, and saying "nothing, ever" beats
    honest models. Use `wql` there.

    Args:
        actual: (N, H) units sold; NaN leaves that week out.
        forecast: (N, H) point forecasts; the median is the point that this metric rewards.

    Source: Kolassa and Schütz (2007), MAD/mean ratio.

    >>> wape(np.array([[4.0, 6.0]]), np.array([[5.0, 4.0]])).value
    0.3
    """
    return Ratio(_sum(np.abs(actual - forecast)), _sum(actual))


def bias(actual: Floats, mean: Floats) -> Ratio:
    """Sum forecast minus actual over the sum of units.

    In [-1, inf), ideal 0; above 0 too much was forecast. Not a measure of accuracy: errors cancel.

    Args:
        actual: (N, H) units sold; NaN leaves that week out.
        mean: (N, H) expected units.

    >>> bias(np.array([[4.0, 6.0]]), np.array([[5.0, 4.0]])).value
    -0.1
    """
    return Ratio(_sum(mean - actual), _sum(actual))


def rmsse(actual: Floats, mean: Floats, history: Floats) -> Ratio:
    """Average over series the root of the squared error over that of repeating last week.

    In [0, inf), ideal 0; 1 is about as wrong as the naive forecast was one step ahead within the history. Every series
    counts alike, however little it sells. Not for series whose history never moves: they are left out.

    Args:
        actual: (N, H) units sold; NaN leaves that week out.
        mean: (N, H) expected units.
        history: (N, W) units before the forecast's origin, W >= 2.

    Source: Makridakis et al. (2022), the M5 competition.

    >>> rmsse(np.array([[4.0]]), np.array([[5.0]]), np.array([[1.0, 3.0, 1.0]])).value
    0.5
    """
    scale = np.mean(np.diff(history, axis=1) ** 2, axis=1)
    judged = (scale > 0) & ~np.isnan(actual).all(axis=1)
    n_weeks = np.maximum((~np.isnan(actual)).sum(axis=1), 1)
    squared = _sum((actual - mean) ** 2) / n_weeks
    scaled = np.sqrt(np.divide(squared, scale, out=np.zeros_like(scale), where=judged))
    return Ratio(scaled, judged.astype(np.float64))


def pinball_loss(actual: Floats, forecast: Floats, level: float) -> Floats:
    """Weigh each error by how unlikely the forecast said it is: (…) as the inputs.

    In [0, inf), ideal 0; in units, so sums over products favour fast sellers.

    Args:
        actual: Units sold.
        forecast: Units said not to be exceeded with probability `level`.
        level: Above 0 and below 1.

    Raises:
        SettingOutOfRange: If the level is not between 0 and 1.

    Source: Koenker and Bassett (1978).

    >>> pinball_loss(np.array([4.0, 4.0]), np.array([3.0, 5.0]), 0.9).round(3)
    array([0.9, 0.1])
    """
    if not 0 < level < 1:
        raise SettingOutOfRange(name="level", value=level, limit="between 0 and 1")
    error = actual - forecast
    return np.maximum(level * error, (level - 1) * error)


def wql(actual: Floats, quantiles: Floats, levels: Sequence[float]) -> Ratio:
    """Average the weighted quantile loss over the levels: twice the pinball loss over the sum of units.

    In [0, inf), ideal 0; with one level of 0.5 it is the WAPE of the median. It judges the whole distribution, so it
    is what models are ranked by; it says nothing of calibration apart from sharpness: read the coverage beside it.

    Args:
        actual: (N, H) units sold; NaN leaves that week out.
        quantiles: (N, H, L) units.
        levels: L probabilities.

    Source: Park et al. (2022); the M5 uncertainty track, weighted by units.

    >>> wql(np.array([[4.0]]), np.array([[[3.0, 5.0]]]), (0.25, 0.75)).value
    0.125
    """
    losses = [2 * pinball_loss(actual, quantiles[..., place], level) for place, level in enumerate(levels)]
    return Ratio(_sum(np.mean(losses, axis=0)), _sum(actual))


def randomised_pit(actual: Floats, mean: Floats, dispersion: Floats, *, seed: int) -> Floats:
    """Place each count in its forecast distribution, at random within the step that the count is.

    Args:
        actual: (N, H) whole units sold; NaN stays NaN.
        mean: (N, H) expected units.
        dispersion: (N, H) of the negative binomial.
        seed: Equal seeds give equal places.

    Returns:
        (N, H) in [0, 1]; evenly spread where the forecast is calibrated.

    Source: Czado, Gneiting and Held (2009), equation 1 with its randomised form.

    >>> float(randomised_pit(np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1)), seed=1)[0, 0]) < 1
    True
    """
    known = np.nan_to_num(actual)
    below = negative_binomial_cdf(known - 1, mean, dispersion)
    step = negative_binomial_cdf(known, mean, dispersion) - below
    place: Floats = below + np.random.default_rng(seed).uniform(size=actual.shape) * step
    return np.where(np.isnan(actual), np.nan, place)


def interval_coverage(actual: Floats, mean: Floats, dispersion: Floats, *, share: float = 0.8, seed: int) -> Ratio:
    """Measure how often counts fall into the central interval of their forecast.

    In [0, 1], ideal `share`: below it the forecast is too sure, above it too shy. Counts are placed at random within
    their step, because the interval between whole units always holds more than it says: a calibrated model covers 85%
    with its whole-number 80% interval. Not a measure of sharpness: the history's own quantiles cover well.

    Args:
        actual: (N, H) whole units sold; NaN leaves that week out.
        mean: (N, H) expected units.
        dispersion: (N, H) of the negative binomial.
        share: What the interval claims.
        seed: Equal seeds give equal places.

    Raises:
        SettingOutOfRange: If the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise SettingOutOfRange(name="share", value=share, limit="between 0 and 1")
    place = randomised_pit(actual, mean, dispersion, seed=seed)
    known = ~np.isnan(place)
    inside = known & (np.abs(np.nan_to_num(place, nan=0.5) - 0.5) <= share / 2)
    return Ratio(inside.sum(axis=1).astype(np.float64), known.sum(axis=1).astype(np.float64))


def volume_bands(units_per_week: Floats, edges: Sequence[float]) -> npt.NDArray[np.str_]:
    """Name each series' band by what it sold before the forecast, never by what it sold after.

    Args:
        units_per_week: (N,) mean over the history.
        edges: Where the next of `BANDS` begins, ascending; units per week.

    >>> volume_bands(np.array([0.2, 1.0, 60.0]), (1, 5, 10)).tolist()
    ['slow', 'low', 'high']
    """
    return np.array(BANDS)[np.searchsorted(np.asarray(edges, dtype=np.float64), units_per_week, side="right")]


def _sum(values: Floats) -> Floats:
    """Add up the weeks of each series that are known."""
    return np.asarray(np.nansum(values, axis=1))
