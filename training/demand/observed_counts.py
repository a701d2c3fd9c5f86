"""Counts whose price was seen because something was sold: a negative binomial that is never 0.

A week without a sale has no price. To guess one (the last price, no discount) would let the outcome leak into the
price; to drop such weeks and still count as if nothing was dropped would bias the response to 0. What is right for
weeks with a sale is the distribution given that there was one: cut off at zero.
"""

from typing import Final

import numpy as np
from scipy.special import gammaln

from training.demand.panel import Flags, Floats

NODES: Final = np.array([-1.7320508075688772, 0.0, 1.7320508075688772])  # Gauss–Hermite for a standard normal
SHARES: Final = np.array([1 / 6, 2 / 3, 1 / 6])
GRID: Final = np.exp(np.linspace(np.log(0.003), np.log(2.0), 27))  # dispersions tried


def working_response(units: Floats, seen: Flags, log_mean: Floats, dispersion: float) -> tuple[Floats, Floats]:
    """Approximate the likelihood of log means by a normal around their current value.

    Args:
        units: (P, W) sold.
        seen: (P, W) weeks with a sale and a price; others weigh nothing.
        log_mean: (P, W) current log expected units, before the cut at zero.
        dispersion: variance = mean + dispersion * mean**2, above 0.

    Returns:
        (P, W) responses and (P, W) weights, their inverse variances, by Fisher scoring.
    """
    mean = np.exp(np.clip(log_mean, -6, 16))
    spread = 1 + dispersion * mean
    sold = -np.expm1(-np.log1p(dispersion * mean) / dispersion)  # chance of any sale
    expected = mean / sold
    variance = np.maximum(expected + (1 + dispersion) * mean * expected - expected**2, 1e-9)
    weight = np.where(seen, np.maximum(variance / spread**2, 1e-6), 0.0)
    step = np.where(seen, (units - expected) / spread / np.maximum(weight, 1e-6), 0.0)
    return log_mean + np.clip(step, -3, 3), weight


def likeliest_dispersion(units: Floats, seen: Flags, log_mean: Floats, variance: Floats) -> float:
    """Choose the dispersion under which the counts are likeliest, averaged over the doubt about their log means.

    Args:
        units: (P, W) sold.
        seen: (P, W) weeks that count.
        log_mean: (P, W) posterior mean of the log expected units.
        variance: (P, W) its posterior variance.
    """
    sold, centre, doubt = units[seen], log_mean[seen], np.sqrt(np.maximum(variance[seen], 0))
    scores = np.zeros(len(GRID))
    for node, share in zip(NODES, SHARES, strict=True):
        mean = np.exp(np.clip(centre + node * doubt, -6, 16))
        scores += share * np.array([_log_likelihood(sold, mean, dispersion).sum() for dispersion in GRID])
    return float(GRID[scores.argmax()])


def _log_likelihood(units: Floats, mean: Floats, dispersion: float) -> Floats:
    shape = 1 / dispersion
    log_none = -shape * np.log1p(dispersion * mean)
    log_counts: Floats = (
        gammaln(units + shape) - gammaln(shape) - gammaln(units + 1)
        + units * (np.log(dispersion * mean) - np.log1p(dispersion * mean)) + log_none
    )  # fmt: skip
    return log_counts - np.log(-np.expm1(log_none))
