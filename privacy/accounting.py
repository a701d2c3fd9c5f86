"""What releases cost together: epsilon, delta and mu of their composition.

The truth is the privacy loss distribution (PLD) of dp-accounting: the losses of all releases are composed as
distributions, which is tighter than adding epsilons up, and rounded so that the answer is never too small. PRV (Opacus)
checks it, RDP shows what the older accountant would have said.

A guarantee holds for add-or-remove-one-customer, for mechanisms that were fixed before the data were read, and for
releases whose scales the earlier ones did not choose. It says nothing of what is not in the list of events.
"""

import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

import dp_accounting
from dp_accounting import dp_event
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant
from scipy.optimize import brentq
from scipy.special import log_ndtr

from privacy.errors import CrossCheckUnavailable, TargetUnreachable
from privacy.events import (
    NOISE,
    DiscreteLaplace,
    Event,
    Gaussian,
    GaussianPoisson,
    Laplace,
    from_json,
    merged,
    require,
    to_json,
)

ACCOUNTANT: Final = "PLD (dp-accounting)"
EPSILON: Final = (1e-3, 50.0)  # legal targets
DELTA: Final = (1e-12, 0.5)  # legal deltas
CURVE_DELTAS: Final = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)

_NEIGHBOURS: Final = dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE
_FINEST: Final = 1e-4  # step of the loss grid; rounding up costs less than this
_GRID: Final = 500_000  # most steps of the grid; a hopeless epsilon is told coarsely rather than never
_TOLERANCE: Final = 1e-4  # relative, of the noise multiplier
_PRV_ERROR: Final = 0.002  # of the epsilon it checks


def epsilon(events: Sequence[Event], delta: float) -> float:
    """Bound what all events reveal about one customer together, at a delta.

    Returns:
        Epsilon from 0; without events 0. Never below the true one by more than rounding.

    Raises:
        PrivacyParameterInvalid: If delta is out of range.

    Source: Koskela et al. (2020); Doroshenko et al. (2022), "Connect the dots".
    """
    require("delta", delta, *DELTA)
    return float(_composed(_key(events)).get_epsilon(delta)) if events else 0.0


def delta(events: Sequence[Event], epsilon: float) -> float:
    """Bound the chance that all events together reveal more than an epsilon.

    Raises:
        PrivacyParameterInvalid: If epsilon is negative or too large.
    """
    require("epsilon", epsilon, 0.0, EPSILON[1])
    return float(_composed(_key(events)).get_delta(epsilon)) if events else 0.0


def curve(events: Sequence[Event], deltas: Sequence[float] = CURVE_DELTAS) -> tuple[tuple[float, float], ...]:
    """Give the whole guarantee: every pair of the result holds at once.

    Returns:
        (epsilon, delta) for each delta, in their order.

    Raises:
        PrivacyParameterInvalid: If a delta is out of range.
    """
    return tuple((epsilon(events, one), one) for one in deltas)


def mu(events: Sequence[Event]) -> float:
    """Give the smallest mu whose Gaussian-DP curve lies over the whole (epsilon, delta) curve of the events.

    An approximation: it dominates at epsilon 0, at the deltas of `CURVE_DELTAS` and at 1e-1; nothing is claimed
    between or beyond. For Gaussian releases alone it is exact but for rounding.

    Returns:
        Mu from 0; telling two neighbouring data sets apart is as hard as telling N(0, 1) from N(mu, 1).

    Source: Dong, Roth, Su (2022), "Gaussian Differential Privacy", equation 6; Gomez et al. (2025).
    """
    start = (0.0, delta(events, 0.0))
    points = (start, *(point for point in curve(events, (0.1, *CURVE_DELTAS)) if point[0] > 0))
    return max(_mu_through(*point) for point in points)


def epsilon_prv(events: Sequence[Event], delta: float) -> float:
    """Bound epsilon with Opacus' PRV accountant, to check the first one.

    Raises:
        CrossCheckUnavailable: If an event is not Gaussian: Opacus knows no other noise.
        PrivacyParameterInvalid: If delta is out of range.

    Source: Gopi, Lee, Wutschitz (2021).
    """
    from opacus.accountants import PRVAccountant  # it loads torch, which whoever charges a count can do without

    require("delta", delta, *DELTA)
    accountant = PRVAccountant()
    for event, times in merged(events).items():
        accountant.history.append((*_gaussian(event, accountant="PRV"), times))
    if not events:
        return 0.0
    error = max(_PRV_ERROR * epsilon(events, delta), 1e-4)
    with _calm():
        return float(accountant.get_epsilon(delta, eps_error=error))


def epsilon_rdp(events: Sequence[Event], delta: float) -> float:
    """Bound epsilon by Rényi DP: valid, looser, and what older reports used.

    Raises:
        CrossCheckUnavailable: If an event is discrete Laplace, which it does not know.
        PrivacyParameterInvalid: If delta is out of range.

    Source: Mironov, Talwar, Zhang (2019).
    """
    require("delta", delta, *DELTA)
    accountant = RdpAccountant(neighboring_relation=_NEIGHBOURS)
    with _calm():
        for event, times in merged(events).items():
            if isinstance(event, DiscreteLaplace):
                raise CrossCheckUnavailable(accountant="RDP", mechanism=event.mechanism)
            accountant.compose(_as_library(event), times)
        return float(accountant.get_epsilon(delta)) if events else 0.0


def noise_multiplier(
    target_epsilon: float, delta: float, sample_rate: float, steps: int, extra: Sequence[Event] = ()
) -> float:
    """Find the least noise with which training keeps to a target, whatever else is released included.

    Args:
        target_epsilon: What training and `extra` may cost together; 0.001 to 50.
        delta: At this delta; 1e-12 to 0.5.
        sample_rate: Probability that a step draws a customer.
        steps: Steps of training.
        extra: What else is released from the same customers: counts, vocabulary, normalisers.

    Returns:
        The noise multiplier, at most 0.02% above the least; the target is met, never missed by rounding.

    Raises:
        TargetUnreachable: If no noise is enough.
        PrivacyParameterInvalid: If a constant is out of range.
    """
    require("target_epsilon", target_epsilon, *EPSILON)
    require("delta", delta, *DELTA)

    def cost(noise: float) -> float:
        training = GaussianPoisson(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
        return epsilon((training, *extra), delta)

    low, high = NOISE[0], 1.0
    while cost(high) > target_epsilon:
        if high >= NOISE[1]:
            raise TargetUnreachable(target_epsilon=target_epsilon, delta=delta, floor=cost(high))
        low, high = high, min(high * 4, NOISE[1])
    if cost(low) <= target_epsilon:
        return low
    root = brentq(
        lambda at: math.log(max(cost(math.exp(at)), 1e-9) / target_epsilon),
        math.log(low),
        math.log(high),
        xtol=_TOLERANCE / 2,
    )
    found = math.exp(root)
    while cost(found) > target_epsilon:  # the root may lie on either side of the target
        found *= 1 + _TOLERANCE / 4
    return found


def _key(events: Sequence[Event]) -> tuple[tuple[str, int], ...]:
    return tuple((to_json((event,)), times) for event, times in merged(events).items())


@lru_cache(maxsize=256)
def _composed(key: tuple[tuple[str, int], ...]) -> PLDAccountant:
    counts = {from_json(text)[0]: times for text, times in key}
    step = max(_FINEST, _rough(counts) / _GRID)
    accountant = PLDAccountant(_NEIGHBOURS, value_discretization_interval=step)
    for event, times in counts.items():
        accountant.compose(_as_library(event), times)
    return accountant


def _rough(counts: Mapping[Event, int]) -> float:
    """Guess the size of the loss, to choose a grid: mean and six deviations of a Gaussian of the same mu."""
    total = math.sqrt(sum(times * _step_mu(event) ** 2 for event, times in counts.items()))
    return total**2 / 2 + 6 * total


def _step_mu(event: Event) -> float:
    if isinstance(event, GaussianPoisson):
        spread = min(event.noise_multiplier**-2, 700.0)
        return min(event.sample_rate * math.sqrt(math.expm1(spread)), 1 / event.noise_multiplier)
    return 1 / (event.noise_multiplier if isinstance(event, Gaussian) else event.scale)


def _as_library(event: Event) -> dp_event.DpEvent:
    if isinstance(event, GaussianPoisson):
        return dp_event.PoissonSampledDpEvent(event.sample_rate, dp_event.GaussianDpEvent(event.noise_multiplier))
    if isinstance(event, Gaussian):
        return dp_event.GaussianDpEvent(event.noise_multiplier)
    if isinstance(event, Laplace):
        return dp_event.LaplaceDpEvent(event.scale)
    return dp_event.DiscreteLaplaceDpEvent(1 / event.scale, 1)


def _gaussian(event: Event, *, accountant: str) -> tuple[float, float]:
    if isinstance(event, GaussianPoisson):
        return event.noise_multiplier, event.sample_rate
    if isinstance(event, Gaussian):
        return event.noise_multiplier, 1.0
    raise CrossCheckUnavailable(accountant=accountant, mechanism=event.mechanism)


def _mu_through(at_epsilon: float, at_delta: float) -> float:
    """Find the mu whose curve goes through a point; 0 where no loss reaches the point at all."""
    if _gaussian_delta(at_epsilon, 1e-6) >= at_delta:
        return 0.0

    def over(one: float) -> float:
        return _gaussian_delta(at_epsilon, one) - at_delta

    return float(brentq(over, 1e-6, 1e3, xtol=1e-9))


def _gaussian_delta(at_epsilon: float, one: float) -> float:
    """Delta of mu-GDP at an epsilon."""
    first = float(log_ndtr(-at_epsilon / one + one / 2))
    second = at_epsilon + float(log_ndtr(-at_epsilon / one - one / 2))
    return math.exp(first) - math.exp(min(second, first))


@contextmanager
def _calm() -> Iterator[None]:
    """Keep the libraries' remarks on single Rényi orders, of which they use only the best, from the user."""
    logger = logging.getLogger("absl")
    disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = disabled
