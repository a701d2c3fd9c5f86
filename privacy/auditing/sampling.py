"""Whether batches are drawn as the accountant takes for granted: every customer by a coin of his own.

All customers of the twin that is looked at are alike, so that a noisy sum tells how many were drawn. Under Poisson
sampling that number is binomial: shuffled batches, of one size each, are far too regular. No epsilon is bounded here;
what is tested is the assumption without which the accountant's epsilon says nothing. Not seen: sampling that is Poisson
in number and favours some customers, and a generator that can be foretold.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, norm


@dataclass(frozen=True)
class SamplingFindings:
    """How many customers steps drew, and how likely that is under Poisson sampling at the stated rate.

    Attributes:
        rate: Share of the customers drawn by a step, on average.
        rate_p: Two-sided p-value of that.
        spread: Variance of the number drawn, noise included, over what it should be; ideal 1.
        spread_p: Two-sided p-value of that.
    """

    rate: float
    rate_p: float
    spread: float
    spread_p: float


def judge_sampling(
    drawn: npt.NDArray[np.float64], n_customers: int, *, sample_rate: float, noise_std: float
) -> SamplingFindings:
    """Test mean and variance of the number of customers that steps drew.

    Args:
        drawn: (T,) number drawn by each step, with noise; T from 2.
        n_customers: How many there are, all alike.
        sample_rate: As stated.
        noise_std: Standard deviation of the noise on each number, as stated.

    Source: de Moivre and Laplace for the normal approximation; good from some 30 customers a step.
    """
    n_steps = len(drawn)
    variance = n_customers * sample_rate * (1 - sample_rate) + noise_std**2
    mean = n_customers * sample_rate
    away = abs(float(drawn.mean()) - mean) / math.sqrt(variance / n_steps)
    spread = float(drawn.var(ddof=1)) / variance
    below = float(chi2.cdf(spread * (n_steps - 1), n_steps - 1))
    return SamplingFindings(
        rate=float(drawn.mean()) / n_customers,
        rate_p=2 * float(norm.sf(away)),
        spread=spread,
        spread_p=2 * min(below, 1 - below),
    )
