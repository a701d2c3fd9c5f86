"""A lower bound on epsilon from one run with many planted customers, each in or out by its own fair coin.

Guarantee: if the run is (epsilon, delta)-differentially private, the bound exceeds epsilon with a chance of at most
1 - confidence, whatever the scores are and however they hang together. Not guaranteed: that a broken run is caught;
even the best guesses reach only about half of the claim, so that halved noise may pass. `gaussian` is for that.

`jax_privacy.auditing` has the same bound; it would bring JAX into the lock for one formula, so it is written here. The
tests hold it against exact enumeration and against figures of that library.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import binom

from privacy.events import require

GUESS_SHARES: Final = (0.02, 0.1, 0.4)  # of the canaries, guessed at each end; fixed before the scores are seen

_MOST_EPSILON: Final = 50.0
_CANARIES: Final = (1, 10_000_000)
_CONFIDENCE: Final = (0.5, 1 - 1e-12)

Scores = npt.NDArray[np.float64]
Coins = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class OneRunBound:
    """What guesses about who was in prove.

    Attributes:
        epsilon: Lower bound at the delta and confidence asked for; 0 where guesses prove nothing.
        n_guesses: Canaries guessed about, half of them as in.
        n_correct: Guesses that were right.
    """

    epsilon: float
    n_guesses: int
    n_correct: int


def epsilon_lower_bound(
    scores: Scores, included: Coins, *, delta: float, confidence: float, shares: tuple[float, ...] = GUESS_SHARES
) -> OneRunBound:
    """Guess the highest scores as in and the lowest as out, and take the best bound that the guesses prove.

    Guesses are made for every share, so each is held to its part of the error that the confidence leaves.

    Args:
        scores: (m,) higher for canaries that look included.
        included: (m,) the coins.
        delta: Of the claim; 0 to 0.5.
        confidence: Chance that the bound is true; 0.5 to below 1.
        shares: How many canaries are guessed at each end; above 0, at most 0.5.

    Raises:
        PrivacyParameterInvalid: If a figure is out of range.

    Source: Steinke, Nasr, Jagielski (2023), theorem 5.2 and appendix D.
    """
    require("confidence", confidence, *_CONFIDENCE)
    error = (1 - confidence) / len(shares)
    found = [
        OneRunBound(bound_of_guesses(len(scores), 2 * k, n_correct, delta=delta, error=error), 2 * k, n_correct)
        for k, n_correct in _guesses(scores, included, shares)
    ]
    return max(found, key=lambda bound: bound.epsilon)


def bound_of_guesses(n_canaries: int, n_guesses: int, n_correct: int, *, delta: float, error: float) -> float:
    """Give the largest epsilon that so many right guesses refute.

    Args:
        n_canaries: m, planted.
        n_guesses: r, guessed about; the number must not depend on the coins.
        n_correct: v, right.
        delta: Of the claim; 0 to 0.5.
        error: Chance that the bound may be wrong; above 0, below 0.5.

    Returns:
        Epsilon, 0 to 50.

    >>> round(bound_of_guesses(100, 100, 75, delta=0.0, error=0.05), 3)
    0.702
    """
    require("error", error, 1e-12, 0.5)

    def excess(epsilon: float) -> float:
        return p_value(n_canaries, n_guesses, n_correct, epsilon=epsilon, delta=delta) - error

    if excess(0.0) >= 0:
        return 0.0
    if excess(_MOST_EPSILON) < 0:
        return _MOST_EPSILON
    return float(brentq(excess, 0.0, _MOST_EPSILON, xtol=1e-9))


def p_value(n_canaries: int, n_guesses: int, n_correct: int, *, epsilon: float, delta: float) -> float:
    """Bound the chance of at least so many right guesses about a run that is (epsilon, delta)-private.

    Raises:
        PrivacyParameterInvalid: If the counts contradict each other or a figure is out of range.
    """
    require("n_canaries", n_canaries, *_CANARIES)
    require("n_guesses", n_guesses, 0, n_canaries)
    require("n_correct", n_correct, 0, n_guesses)
    require("delta", delta, 0.0, 0.5)
    chance = expit(epsilon)
    tail = float(binom.sf(n_correct - 1, n_guesses, chance))
    if n_correct == 0:
        return min(tail, 1.0)
    missing = np.arange(1, n_correct + 1)
    gained = np.cumsum(binom.pmf(n_correct - missing, n_guesses, chance)) / missing  # (f(v - i) - f(v)) / i
    return min(tail + 2 * n_canaries * delta * max(float(gained.max()), 0.0), 1.0)


def _guesses(scores: Scores, included: Coins, shares: tuple[float, ...]) -> Iterator[tuple[int, int]]:
    """Give for each share how many are guessed at each end and how many of all guesses are right."""
    order = np.argsort(-scores, kind="stable")
    for share in shares:
        k = max(int(len(scores) * share), 1)
        n_correct = int(included[order[:k]].sum() + (~included[order[len(order) - k :]]).sum())
        yield k, n_correct
