"""The Gaussian test: how far apart are planted customers that were in from those that were out.

Each canary has a score that is normal, with the same spread for all, and shifted by mu for those that were in. Then mu
is what Gaussian differential privacy calls the mechanism's parameter, and sums of many noisy steps are normal for a
fact, because the noise is. Guarantee: if the scores are so and the run is mu-GDP, the bound exceeds mu with a chance of
at most 1 - confidence. Epsilon at a small delta follows from mu by the normal tail, which no number of canaries could
show by itself: the one-run bound assumes nothing of that kind, and proves less.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import log_ndtr
from scipy.stats import chi2, nct

from privacy.auditing.errors import CanariesTooFew
from privacy.events import require

MIN_CANARIES: Final = 30  # on either side; below, the spread is anybody's guess

_CONFIDENCE: Final = (0.5, 1 - 1e-12)
_DELTA: Final = (1e-12, 0.5)
_MOST_MU: Final = 100.0
_MOST_EPSILON: Final = 1e4

Scores = npt.NDArray[np.float64]
Coins = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Separation:
    """How far apart two sets of scores are, in standard deviations.

    Attributes:
        mu: Estimate.
        low: Lower bound at the confidence asked for, at least 0.
        n_included: Canaries that were in.
        n_left_out: Canaries that were out.
    """

    mu: float
    low: float
    n_included: int
    n_left_out: int


def separation(scores: Scores, included: Coins, *, confidence: float) -> Separation:
    """Bound mu from below by the noncentral t distribution, which takes in that the spread is estimated too.

    Args:
        scores: (m,) one per canary, normal with the same spread.
        included: (m,) the coins.
        confidence: Chance that the bound is true; 0.5 to below 1.

    Raises:
        CanariesTooFew: If fewer than 30 were in or out.
        PrivacyParameterInvalid: If the confidence is out of range.

    Source: Dong, Roth, Su (2022) for mu; Hedges and Olkin (1985), section 5.D, for the bound.
    """
    require("confidence", confidence, *_CONFIDENCE)
    inside, outside = scores[included], scores[~included]
    n_in, n_out = len(inside), len(outside)
    if min(n_in, n_out) < MIN_CANARIES:
        raise CanariesTooFew(n_included=n_in, n_left_out=n_out, wanted=MIN_CANARIES)
    freedom = n_in + n_out - 2
    spread = math.sqrt(((n_in - 1) * inside.var(ddof=1) + (n_out - 1) * outside.var(ddof=1)) / freedom)
    mu = float(inside.mean() - outside.mean()) / max(spread, float(np.finfo(np.float64).tiny))
    scale = math.sqrt(n_in * n_out / (n_in + n_out))

    def error(at: float) -> float:
        return float(nct.sf(mu * scale, freedom, at * scale)) - (1 - confidence)

    top = min(mu, _MOST_MU)
    if mu <= 0 or error(0.0) >= 0:
        return Separation(mu, 0.0, n_in, n_out)
    low = top if error(top) <= 0 else float(brentq(error, 0.0, top, xtol=1e-9))  # beyond the most, the most is proven
    return Separation(mu, low, n_in, n_out)


def noise_upper_bound(sum_of_squares: float, n: int, *, confidence: float) -> float:
    """Bound the standard deviation of the noise from above, by the energy of what was let out.

    Whatever signal is in the sums only adds to their energy, so the bound holds without knowing the signal.

    Args:
        sum_of_squares: Of all entries of all noisy sums, about any fixed centre.
        n: How many entries; from 1.
        confidence: Chance that the bound is true; 0.5 to below 1.

    Returns:
        In the unit of the entries.

    >>> round(noise_upper_bound(4.0 * 10_000, 10_000, confidence=0.95), 3)
    2.024
    """
    require("confidence", confidence, *_CONFIDENCE)
    require("n", n, 1, math.inf)
    return math.sqrt(sum_of_squares / float(chi2.ppf(1 - confidence, n)))


def epsilon_of(mu: float, delta: float) -> float:
    """Turn mu into the epsilon that mu-GDP implies at a delta, and no smaller one does.

    Returns:
        Epsilon, from 0; 0 for mu 0.

    Raises:
        PrivacyParameterInvalid: If mu is negative or delta out of range.

    Source: Dong, Roth, Su (2022), corollary 2.13.
    """
    require("mu", mu, 0.0, _MOST_MU)
    require("delta", delta, *_DELTA)
    if mu == 0 or delta_of(mu, 0.0) <= delta:
        return 0.0
    return float(brentq(lambda epsilon: delta_of(mu, epsilon) - delta, 0.0, _MOST_EPSILON, xtol=1e-9))


def delta_of(mu: float, epsilon: float) -> float:
    """Give delta of mu-GDP at an epsilon.

    >>> round(delta_of(1.0, 1.0), 4)
    0.1269
    """
    first = float(log_ndtr(-epsilon / mu + mu / 2))
    second = epsilon + float(log_ndtr(-epsilon / mu - mu / 2))
    return math.exp(first) - math.exp(min(second, first))
