"""What noisy sums say about true ones: empirical Bayes with noise of known size; costs nothing beyond the release."""

from typing import Final

import numpy as np
import numpy.typing as npt

from training.demand.panel import Floats

Ints = npt.NDArray[np.int64]

_N_ATOMS: Final = 72  # sizes that a sum may have, the prior's support; evenly apart in logs, and nought
_SMALLEST_ATOM: Final = 0.01  # standard deviations of the noise
_BINS_PER_NOISE: Final = 8  # of the noisy sums
_N_ROUNDS: Final = 1000  # of expectation-maximisation
_PRIOR_MEMBERS: Final = 200.0  # sums that the prior of all counts for beside a class's own


def posterior_sums(noisy: Floats, noise_std: float, classes: Ints) -> tuple[Floats, Floats]:
    """Give the posterior mean of sums that cannot be below 0, and how sure it is.

    Most listed products hardly sell, some sell a lot: the prior, one for each public class, is learnt from all noisy
    sums together. Which of them stand out by luck is what it takes back.

    Args:
        noisy: (N,) released sums.
        noise_std: Standard deviation of the noise on each; above 0.
        classes: (N,) public class of each, from 0.

    Returns:
        (N,) means from 0, and (N,) standard deviations.

    Source: Kiefer and Wolfowitz (1956); Koenker and Mizera (2014), on a grid by expectation-maximisation.
    """
    scaled = noisy / noise_std
    largest = max(float(scaled.max(initial=0.0)), 1.0) + 1.0
    atoms = np.append(0.0, np.geomspace(_SMALLEST_ATOM, largest, _N_ATOMS - 1))
    edges = np.arange(np.floor(min(float(scaled.min(initial=0.0)), 0.0)), largest + 1, 1 / _BINS_PER_NOISE)
    middles = (edges[:-1] + edges[1:]) / 2
    n_classes = int(classes.max(initial=0)) + 1
    bins = np.clip(np.searchsorted(edges, scaled, side="right") - 1, 0, len(middles) - 1)
    counts = np.bincount(classes * len(middles) + bins, minlength=n_classes * len(middles)).reshape(n_classes, -1)
    likelihood = np.exp(-0.5 * (middles[:, None] - atoms) ** 2)  # (bins, atoms)
    overall = _prior(likelihood, counts.sum(axis=0), np.ones(len(atoms)) / len(atoms), 0.0)
    found, spread = np.zeros(len(noisy)), np.zeros(len(noisy))
    for number in range(n_classes):
        rows = classes == number
        prior = _prior(likelihood, counts[number], overall, _PRIOR_MEMBERS)
        weights = likelihood * prior
        weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        means = weights @ atoms
        variances = np.maximum(weights @ atoms**2 - means**2, 0.0)
        spread[rows] = np.sqrt(np.interp(scaled[rows], middles, variances))
        found[rows] = _summing_to(np.interp(scaled[rows], middles, means), float(scaled[rows].sum()))
    return found * noise_std, spread * noise_std


def _summing_to(means: Floats, total: float) -> Floats:
    """Scale means to the sum of their noisy values, in which noise all but cancels: what was shrunk is not lost."""
    return means * max(total, 0.0) / max(float(means.sum()), np.finfo(float).tiny)


def shrunk(seen: Floats, seen_var: Floats, prior: Floats, prior_sd: Floats) -> Floats:
    """Average what was seen and what is expected, each by how sure it is; nothing seen leaves what is expected.

    >>> shrunk(np.array([2.0]), np.array([1.0]), np.array([1.0]), np.array([1.0]))
    array([1.5])
    """
    trust = prior_sd**2 / (prior_sd**2 + seen_var)
    mean: Floats = prior + np.where(np.isfinite(seen), trust * (np.nan_to_num(seen) - prior), 0.0)
    return mean


def _prior(likelihood: Floats, counts: Ints, around: Floats, members: float) -> Floats:
    """Find the weights of the atoms under which binned sums are likeliest, `around` counting as so many sums."""
    seen = counts > 0
    prior, rows, weights = around, likelihood[seen], counts[seen].astype(np.float64)
    if not len(rows):
        return around
    for _ in range(_N_ROUNDS):
        joint = rows * prior
        shares = joint / np.maximum(joint.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        prior = (weights @ shares + members * around) / (weights.sum() + members)
        prior = prior / prior.sum()
    return prior
