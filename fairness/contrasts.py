"""Groups held against each other, or against an ideal: simultaneous interval, test of no difference, power.

All figures rest on resampled customers. Ratios are compared on the log scale. Choosing the worst of many pairs is
paid for: the interval holds for all pairs at once, as Tukey's does, and so for the worst.
"""

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.fairness import StatisticsSettings
from fairness.bootstrap import GroupDraws
from fairness.measures import Definition, Interval, Kind, Side

Floats = npt.NDArray[np.float64]
_NOISE: Final = 1e-9  # standard errors below this share of the figures are rounding, not resampling
_NONE_SEEN: Final = 1.02  # standard deviation of the logarithm that takes half a customer to 3.7 at 97.5%


@dataclass(frozen=True, eq=False)
class Compared:
    """Every comparison of one measure, on the contrast's own scale.

    Attributes:
        pairs: (P,) the worse and the better group of each comparison; the better is None against an ideal.
        values: (P,) contrasts; ratio 1 and difference 0 mean that nobody is worse off.
        lows: (P,) lower ends of the simultaneous intervals.
        highs: (P,) upper ends.
        place: The comparison in which somebody fares worst.
        interval: Of the worst contrast, wherever it truly is.
        p_value: Of no difference in any comparison.
        minimum_detectable: Smallest contrast that the worst comparison's groups tell from none with the policy's power.
    """

    pairs: tuple[tuple[int, int | None], ...]
    values: Floats
    lows: Floats
    highs: Floats
    place: int
    interval: Interval
    p_value: float
    minimum_detectable: float

    @property
    def value(self) -> float:
        """The worst contrast."""
        return float(self.values[self.place])


def compare(drawn: GroupDraws, definition: Definition, statistics: StatisticsSettings) -> Compared:
    """Compare groups with each other, or each with the ideal.

    Args:
        drawn: Groups that are judged, two or more unless held against an ideal; every value and draw finite, and none
            negative when the measure compares by ratio.
        definition: How groups are compared.
        statistics: Confidence, alpha and power.

    Returns:
        Contrasts: for ratios worse over better, at most 1 at the worst; for differences between groups, how much
        better the better one is, at least 0; for differences from an ideal, value less ideal.

    Source: Tukey's simultaneous comparisons with bootstrapped critical values: Romano and Wolf (2005), section 4.
    """
    logs = definition.kind == "ratio"
    figures, draws = _on_scale(drawn, logs=logs)
    pivots = draws - figures[:, None]  # (G, D)
    if definition.reference == "ideal":
        ideal = float(np.log(definition.ideal)) if logs else definition.ideal
        compared = _against_ideal(figures, pivots, ideal, definition, statistics)
    else:
        compared = _between_groups(figures, pivots, definition, statistics)
    return _with_zeros(compared, drawn.values == 0) if logs else compared


def _on_scale(drawn: GroupDraws, *, logs: bool) -> tuple[Floats, Floats]:
    if not logs:
        return drawn.values, drawn.draws
    values, draws = drawn.values.copy(), drawn.draws.copy()
    for group in np.flatnonzero(values == 0):
        value, resampled = _nothing_seen(drawn, int(group))
        values[group] = value
        draws[group] = resampled
    floors = np.where(draws > 0, draws, np.inf).min(axis=1) / 2
    return np.log(values), np.log(np.maximum(draws, floors[:, None]))


def _nothing_seen(drawn: GroupDraws, group: int) -> tuple[float, Floats]:
    """Stand in for a group whose figure is 0, which has no logarithm and whose resamplings say nothing.

    Half a customer with the largest figure is taken to have been missed, give or take so much that the upper end of
    95% is 3.7 customers, the exact limit of a count of which none was seen.
    """
    value = max(1.0, float(drawn.values.max())) / max(int(drawn.n[group]), 1) / 2
    n_draws: int = drawn.draws.shape[1]
    noise = np.random.default_rng([n_draws, group]).standard_normal(n_draws)
    return value, value * np.exp(_NONE_SEEN * noise)


def _with_zeros(compared: Compared, zero: npt.NDArray[np.bool_]) -> Compared:
    """Say 0, not the stand-in, of a ratio in which a group has nothing."""
    if not zero.any():
        return compared
    nothing = np.array([any(zero[group] for group in pair if group is not None) for pair in compared.pairs])
    return replace(
        compared,
        values=np.where(nothing, 0.0, compared.values),
        lows=np.where(nothing, 0.0, compared.lows),
        interval=(0.0, compared.interval[1]),
    )


def _scale(figures: Floats) -> float:
    return max(1.0, float(np.abs(figures).max()))


def _errors(pivots: Floats, scale: float) -> Floats:
    errors = pivots.std(axis=1)
    return np.where(errors < _NOISE * scale, 0.0, errors)


def _studentised(distances: Floats, errors: Floats, scale: float) -> Floats:
    """Divide distances (P,) or (P, D) by standard errors (P,); without error, any that is not rounding is infinite."""
    errors = errors if distances.ndim == 1 else errors[:, None]
    certain = np.where(np.abs(distances) <= _NOISE * scale, 0.0, np.copysign(np.inf, distances))
    return np.where(errors > 0, distances / np.where(errors > 0, errors, 1.0), certain)


def _between_groups(
    figures: Floats, pivots: Floats, definition: Definition, statistics: StatisticsSettings
) -> Compared:
    scale = _scale(figures)
    errors = _errors(pivots, scale)
    pivots = np.where(errors[:, None] > 0, pivots, 0.0)
    one, other = np.triu_indices(figures.size, k=1)
    gap, spread = figures[one] - figures[other], np.hypot(errors[one], errors[other])
    extremes = np.abs(_studentised(pivots[one] - pivots[other], spread, scale)).max(axis=0)  # (D,)
    reach = float(np.quantile(extremes, statistics.confidence)) * spread
    first_worse = (gap < 0) != (not definition.more_is_better)
    worse, better = np.where(first_worse, one, other), np.where(first_worse, other, one)
    gap = np.abs(gap)
    place = int(gap.argmax())
    return Compared(
        pairs=tuple((int(w), int(b)) for w, b in zip(worse, better, strict=True)),
        **_oriented(definition.kind, gap, gap - reach, gap + reach),
        place=place,
        interval=_widest(definition.kind, gap - reach, gap + reach),
        p_value=_p_value(extremes, float(_studentised(gap, spread, scale).max())),
        minimum_detectable=_detectable(definition.kind, float(spread[place]), statistics),
    )


def _oriented(kind: Kind, gap: Floats, lows: Floats, highs: Floats) -> dict[str, Floats]:
    """Turn gaps on the working scale into contrasts: exp(-gap) for ratios, the gap itself for differences."""
    if kind == "ratio":
        return {"values": np.exp(-gap), "lows": np.exp(-highs), "highs": np.exp(-lows)}
    return {"values": gap, "lows": lows, "highs": highs}


def _widest(kind: Kind, lows: Floats, highs: Floats) -> Interval:
    """Interval of the largest gap of all, given simultaneous intervals of each: it is never below 0."""
    low, high = max(0.0, float(lows.max())), float(highs.max())
    return (float(np.exp(-high)), float(np.exp(-low))) if kind == "ratio" else (low, high)


def _p_value(extremes: Floats, observed: float) -> float:
    return float((1 + (extremes >= observed).sum()) / (1 + extremes.size)) if observed > 0 else 1.0


def _detectable(kind: Kind, error: float, statistics: StatisticsSettings) -> float:
    normal = NormalDist()
    smallest = (normal.inv_cdf(1 - statistics.alpha / 2) + normal.inv_cdf(statistics.power)) * error
    return float(np.exp(-smallest)) if kind == "ratio" else smallest


def _harm(distances: Floats, side: Side) -> Floats:
    """Turn distances from the ideal into harm, more being worse."""
    if side == "both":
        return np.abs(distances)
    return -distances if side == "low" else distances


def _against_ideal(
    figures: Floats, pivots: Floats, ideal: float, definition: Definition, statistics: StatisticsSettings
) -> Compared:
    apart = figures - ideal
    scale = _scale(np.append(figures, ideal))
    errors = _errors(pivots, scale)
    studentised = _studentised(np.where(errors[:, None] > 0, pivots, 0.0), errors, scale)
    reach = float(np.quantile(np.abs(studentised).max(axis=0), statistics.confidence)) * errors
    harms = _harm(apart, definition.side)
    extremes = _harm(studentised, definition.side).max(axis=0)
    observed = float(_harm(_studentised(apart, errors, scale), definition.side).max())
    place = int(harms.argmax())
    values, lows, highs = _from_ideal(definition, apart, reach)
    return Compared(
        pairs=tuple((group, None) for group in range(figures.size)),
        values=values,
        lows=lows,
        highs=highs,
        place=place,
        interval=_worst_interval(definition, lows, highs, place),
        p_value=_p_value(extremes, observed),
        minimum_detectable=_detectable(definition.kind, float(errors[place]), statistics),
    )


def _from_ideal(definition: Definition, apart: Floats, reach: Floats) -> tuple[Floats, Floats, Floats]:
    if definition.kind == "difference":
        return apart, apart - reach, apart + reach
    if definition.side == "both":  # the smaller of figure over ideal and ideal over figure
        high = np.abs(apart) + reach
        low = np.maximum(np.abs(apart) - reach, 0.0)
        return np.exp(-np.abs(apart)), np.exp(-high), np.exp(-low)
    signed = apart if definition.side == "low" else -apart
    return np.exp(signed), np.exp(signed - reach), np.exp(signed + reach)


def _worst_interval(definition: Definition, lows: Floats, highs: Floats, place: int) -> Interval:
    """Interval of the worst contrast; that of the furthest group where either side is harm and signs would be lost."""
    if definition.kind == "difference" and definition.side == "both":
        return float(lows[place]), float(highs[place])
    worst = np.max if definition.kind == "difference" and definition.side == "high" else np.min
    return float(worst(lows)), float(worst(highs))
