"""How likely a fault is caught, before any run: what the number of canaries buys."""

import math

from scipy.stats import nct, norm

from privacy.auditing.gaussian import epsilon_of


def power(mu_claimed: float, mu_true: float, n_canaries: int, *, confidence: float) -> float:
    """Give the chance that the Gaussian test's lower bound exceeds the claimed mu.

    Half of the canaries are taken to be in. At `mu_true` equal to `mu_claimed` this is the chance of a false alarm, 1 -
    confidence at most.

    Args:
        mu_claimed: What the right code reveals at most.
        mu_true: What the code at hand reveals, such as twice as much where the noise was halved.
        n_canaries: From 4.
        confidence: Of the bound.

    >>> round(power(0.45, 0.9, 1000, confidence=0.99), 3)
    1.0
    """
    freedom, scale = n_canaries - 2, math.sqrt(n_canaries) / 2
    limit = float(nct.ppf(confidence, freedom, mu_claimed * scale))
    return float(nct.sf(limit, freedom, mu_true * scale))


def canaries_for(mu_claimed: float, mu_true: float, *, wanted: float, confidence: float) -> int:
    """Give the number of canaries with which a fault is caught as often as wanted, by the normal approximation.

    >>> canaries_for(0.45, 0.9, wanted=0.95, confidence=0.99)
    312
    """
    reach = float(norm.ppf(confidence) + norm.ppf(wanted))
    return math.ceil((2 * reach / (mu_true - mu_claimed)) ** 2)


def mu_of_poisson_sums(noise_multiplier: float, sample_rate: float, steps: int) -> float:
    """Give the separation of sums over all steps: mean over standard deviation, both of one canary's direction.

    Returns:
        Rate times root of steps over noise, the draws' own spread included. Never above the mechanism's own mu.
    """
    return sample_rate * math.sqrt(steps) / math.sqrt(noise_multiplier**2 + sample_rate * (1 - sample_rate))


def detectable_epsilon(mu: float, n_canaries: int, delta: float, *, confidence: float) -> float:
    """Give the epsilon that the Gaussian test proves in the middle of all runs, for a mechanism that reveals mu."""
    margin = 2 * float(norm.ppf(confidence)) / math.sqrt(n_canaries)
    return epsilon_of(max(mu - margin, 0.0), delta)
