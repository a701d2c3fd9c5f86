"""Exposure-aware re-ranking: one weight per class of suppliers, the same for everybody, gives each class its room.

A candidate's score is multiplied by `exp(weight of its class)`, so the order within a class never changes and nothing
about a person is read. The weights are the dual variables of: order every list so that the discounted sum of
log-scores is highest, subject to each class's share of all exposure lying within its bounds. A weight is 0 where its
bound does not bind; the highest is then moved to 0, which changes no order and keeps every score at or below what the
model said.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from configs.fairness import SupplierSettings
from fairness.errors import CandidatesMalformed
from fairness.suppliers import PRIVATE_LABEL, SMALL, SUPPLIER_CLASSES

MAX_LOG_WEIGHT: Final = math.log(100)  # nothing is put before what the model holds for more than 100 times as likely
_HALVINGS: Final = 16
_MAX_ROUNDS: Final = 20
_MAX_ATTEMPTS: Final = 6
_SLACK: Final = 0.005
_SETTLED: Final = 1e-3

Floats = npt.NDArray[np.float64]
Limits = Sequence[tuple[float, float]]  # by class, in the order of SUPPLIER_CLASSES
Bounds = Mapping[str, tuple[float, float]]  # class to lowest and highest share of all exposure


@dataclass(frozen=True)
class ClassWeights:
    """Fitted weights, and what they do on the lists they were fitted on.

    Attributes:
        log_weights: By class, at most 0, the highest exactly 0.
        demand: Share of purchases by class.
        before: Share of exposure by class without re-ranking.
        after: The same with it.
        met: Whether every class lies within its bounds with it.
    """

    log_weights: Mapping[str, float]
    demand: Mapping[str, float]
    before: Mapping[str, float]
    after: Mapping[str, float]
    met: bool

    def factors(self, classes: npt.NDArray[np.str_], strength: float) -> npt.NDArray[np.float32]:
        """Give what each product's score is multiplied by: (N,) in (0, 1], for (N,) classes.

        Args:
            classes: Of each product; a class without a weight is left as it is.
            strength: Share of the weights used; 0 for no re-ranking, 1 for all of it.
        """
        factors = np.ones(len(classes), dtype=np.float32)
        for name, log_weight in self.log_weights.items():
            factors[classes == name] = math.exp(strength * log_weight)
        return factors

    def apply(self, scores: npt.NDArray[Any], classes: npt.NDArray[np.str_], strength: float) -> npt.NDArray[Any]:
        """Re-score candidates: (n,) scores from 0 and (n,) classes to (n,) scores, none higher than before."""
        rescored: npt.NDArray[Any] = scores * self.factors(classes, strength)
        return rescored


def exposure_bounds(demand: Mapping[str, float], settings: SupplierSettings) -> Bounds:
    """Turn the policy into bounds on each class's share of exposure.

    Args:
        demand: Share of purchases by class.
        settings: Target of small manufacturers, tolerance of the private label.
    """
    free = dict.fromkeys(SUPPLIER_CLASSES, (0.0, math.inf))
    own, tolerance = demand.get(PRIVATE_LABEL, 0.0), settings.private_label_tolerance
    return free | {
        SMALL: (settings.small_target * demand.get(SMALL, 0.0), math.inf),
        PRIVATE_LABEL: ((1 - tolerance) * own, (1 + tolerance) * own),
    }


def demand_shares(purchases: npt.NDArray[Any], classes: npt.NDArray[np.str_]) -> dict[str, float]:
    """Share out (N,) purchases of products among the classes; all 0 where nothing was bought."""
    total = max(float(purchases.sum()), 1e-12)
    return {name: float(purchases[classes == name].sum()) / total for name in SUPPLIER_CLASSES}


def fit_weights(
    customers: npt.NDArray[np.int64],
    scores: npt.NDArray[Any],
    classes: npt.NDArray[np.str_],
    demand: Mapping[str, float],
    settings: SupplierSettings,
) -> ClassWeights:
    """Fit the weights of one kind of lists on the candidates of many people; nothing of what they later bought is read.

    Exposure of a rank is 1 / log2(1 + rank), over the first `list_length` ranks. Each weight in turn is set to the
    nearest value to 0 that brings its class within bounds, until none moves: coordinate ascent of the dual. Where a
    bound is out of reach within `MAX_LOG_WEIGHT`, the class comes as near as it can and `met` is false.

    Args:
        customers: (n,) whose list each candidate is for.
        scores: (n,) of the model, finite, from 0.
        classes: (n,) of the candidates' suppliers.
        demand: Share of purchases by class.
        settings: Bounds and list length.

    Raises:
        CandidatesMalformed: If lengths differ, a score is negative or not finite, or a class is not known.

    Source: Singh and Joachims (2018), section 3; Biega et al. (2018) for exposure held against merit over many lists;
    Xu et al. (2023), "P-MMF", for duals of the suppliers as additions to scores that serving only looks up.
    """
    _require_sound(customers, scores, classes)
    lists = _Lists(customers, scores, classes, settings.list_length)
    bounds = exposure_bounds(demand, settings)
    limits = [bounds[name] for name in SUPPLIER_CLASSES]
    weights = _search(lists.exposure, limits)
    before, after = lists.exposure(np.zeros(len(limits))), lists.exposure(weights)
    met = _within(after, limits)
    weights -= weights.max()
    return ClassWeights(_named(weights), dict(demand), _named(before), _named(after), met)


class _Lists:
    """The candidates that can reach the top of their lists whatever the weights: the best few of each class.

    Args:
        customers: (n,) owners.
        scores: (n,) from 0.
        classes: (n,) names.
        length: K, ranks that count.
    """

    def __init__(
        self, customers: npt.NDArray[np.int64], scores: npt.NDArray[Any], classes: npt.NDArray[np.str_], length: int
    ) -> None:
        _, owner = np.unique(customers, return_inverse=True)
        n_lists, n_classes = int(owner.max(initial=-1)) + 1, len(SUPPLIER_CLASSES)
        cell = owner * n_classes
        for position, name in enumerate(SUPPLIER_CLASSES):
            cell[classes == name] += position
        order = np.lexsort((-scores, cell))
        cell = cell[order]
        place = np.arange(len(cell)) - np.searchsorted(cell, cell)
        kept = place < length
        logs = np.full((n_lists * n_classes, length), -np.inf)
        with np.errstate(divide="ignore"):  # the log of a score of 0 is minus infinity: never shown
            logs[cell[kept], place[kept]] = np.log(scores[order][kept].astype(np.float64))
        self._logs = logs.reshape(n_lists, n_classes, length)
        self._discounts = 1 / np.log2(np.arange(2, length + 2))

    def exposure(self, weights: Floats) -> Floats:
        """Share out all exposure among the classes: (G,) log-weights to (G,) shares, 0 where there are no lists."""
        length = len(self._discounts)
        rescored = (self._logs + weights[:, None]).reshape(len(self._logs), len(weights) * length)  # (C, G * K)
        top = np.argsort(-rescored, axis=1, kind="stable")[:, :length]
        shown = np.isfinite(np.take_along_axis(rescored, top, axis=1))
        total = np.bincount((top // length)[shown], (shown * self._discounts)[shown], minlength=len(weights))
        shares: Floats = total / max(float(total.sum()), 1e-12)
        return shares


def _search(exposure: Callable[[Floats], Floats], limits: Limits) -> Floats:
    """Settle the weights; where few lists leave a bound just missed, aim a little inside it and settle again."""
    first = _settle(exposure, limits)
    for attempt in range(_MAX_ATTEMPTS):
        inside = [(low * (1 + attempt * _SLACK), high * (1 - attempt * _SLACK)) for low, high in limits]
        weights = first if attempt == 0 else _settle(exposure, inside)
        if _within(exposure(weights), limits):
            return weights
    return first


def _settle(exposure: Callable[[Floats], Floats], limits: Limits) -> Floats:
    weights = np.zeros(len(limits))
    for _ in range(_MAX_ROUNDS):
        before = weights.copy()
        for place, (low, high) in enumerate(limits):
            weights[place] = _nearest(exposure, weights, place, low, high)
        if np.abs(weights - before).max() < _SETTLED:
            break
    return weights


def _within(shares: Floats, limits: Limits) -> bool:
    return all(low <= share <= high for share, (low, high) in zip(shares, limits, strict=True))


def _nearest(exposure: Callable[[Floats], Floats], weights: Floats, place: int, low: float, high: float) -> float:
    """Find the weight of one class nearest to 0 that brings it within bounds, the others' weights as they are."""
    trial = weights.copy()

    def share(weight: float) -> float:
        trial[place] = weight
        return float(exposure(trial)[place])

    start = share(0.0)
    if low <= start <= high:
        return 0.0
    sign = 1.0 if start < low else -1.0
    reach = share(sign * MAX_LOG_WEIGHT)
    goal = min(low, reach) if sign > 0 else max(high, reach)
    if sign * (start - goal) >= 0:  # no weight changes anything
        return 0.0
    near, far = 0.0, MAX_LOG_WEIGHT
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        near, far = (near, middle) if sign * (share(sign * middle) - goal) >= 0 else (middle, far)
    return sign * far


def _named(values: Floats) -> dict[str, float]:
    return dict(zip(SUPPLIER_CLASSES, values.tolist(), strict=True))


def _require_sound(customers: npt.NDArray[np.int64], scores: npt.NDArray[Any], classes: npt.NDArray[np.str_]) -> None:
    if not len(customers) == len(scores) == len(classes):
        lengths = f"{len(customers)} customers, {len(scores)} scores and {len(classes)} classes were given"
        raise CandidatesMalformed(problem=lengths)
    broken = ~(np.isfinite(scores) & (scores >= 0))
    if broken.any():
        raise CandidatesMalformed(problem=f"{int(broken.sum())} of {len(scores)} scores are negative or not finite")
    unknown = sorted(set(np.unique(classes).tolist()) - set(SUPPLIER_CLASSES))
    if unknown:
        raise CandidatesMalformed(problem=f"classes {unknown} are not among {list(SUPPLIER_CLASSES)}")
