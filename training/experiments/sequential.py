"""A test that may be looked at every day: confidence sequences hold at all looks together, whenever one stops.

`S` is a sum that drifts away from 0 only where there is an effect and `v` how much of it chance explains. Averaging the
likelihood ratio of drifts over a normal distribution gives a process that starts at 1 and, without an effect, exceeds
1 / alpha at any time with a probability of at most alpha: the mixture sequential probability ratio test. Read as a
bound on |S| it gives intervals.

Source: Howard, Ramdas, McAuliffe and Sekhon (2021), "Time-uniform, nonparametric, nonasymptotic confidence sequences",
equation (14) and section 3.5; Johari, Koomen, Pekelis and Walsh (2022), "Always valid inference", for daily looks.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import lambertw

Floats = npt.NDArray[np.float64]


def tuned(v: float, alpha: float) -> float:
    """Choose the mixture so that the bound is tightest at one amount of information.

    Args:
        v: Information expected where the conclusion matters most; above 0. Fixed before the experiment's own data.
        alpha: Probability of a false alarm.

    >>> rho = tuned(100.0, 0.05)
    >>> bool(bound(np.array([100.0]), rho, 0.05) < bound(np.array([100.0]), 2 * rho, 0.05))
    True
    """
    return v / float(-lambertw(-(alpha**2) / math.e, -1).real - 1)


def bound(v: Floats, rho: float, alpha: float) -> Floats:
    """Bound |S| at all times together.

    Args:
        v: (T,) what chance explains, growing.
        rho: From `tuned`.
        alpha: Probability that |S| ever reaches the bound without an effect.
    """
    limits: Floats = np.sqrt((v + rho) * (np.log((v + rho) / rho) - 2 * math.log(alpha)))
    return limits


def always_valid_p(s: Floats, v: Floats, rho: float) -> Floats:
    """Give the p-value that may be read at every look: it only falls.

    Args:
        s: (T,) sums.
        v: (T,) what chance explains.
        rho: From `tuned`.
    """
    log_evidence = 0.5 * np.log(rho / (v + rho)) + s**2 / (2 * (v + rho))
    p: Floats = np.exp(-np.maximum(np.maximum.accumulate(log_evidence), 0.0))
    return p


def radius(variance: Floats, rho: float, alpha: float) -> Floats:
    """Give the half-widths of intervals of an estimate that hold at all looks together.

    The estimate times its information is taken to move like a sum of independent steps, as it does for an efficient
    estimate on data that keeps coming in.

    Args:
        variance: (T,) of the estimate at each look.
        rho: From `tuned`, in units of 1 / variance.
        alpha: Probability that the truth is ever outside.

    Source: Scharfstein, Tsiatis and Robins (1997) for the independent steps.
    """
    information = 1 / variance
    widths: Floats = bound(information, rho, alpha) / information
    return widths
