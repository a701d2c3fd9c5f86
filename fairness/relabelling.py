"""Group labels dealt out to the customers anew: what figures look like when groups mean nothing."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def activity_strata(activity: Ints, n_strata: int) -> Ints:
    """Class customers by how active they are, so that labels are dealt among the like.

    Args:
        activity: (C,) how often each customer can be compared.
        n_strata: Classes of about equal size for those above 0.

    Returns:
        (C,) class; 0 for customers with no activity, else 1 to n_strata.

    >>> activity_strata(np.array([0, 9, 1, 2, 8]), 2)
    array([0, 2, 1, 1, 2])
    """
    active = np.flatnonzero(activity > 0)
    strata = np.zeros(activity.size, np.int64)
    ranks = np.argsort(np.argsort(activity[active], kind="stable"), kind="stable")
    strata[active] = 1 + ranks * n_strata // max(active.size, 1)
    return strata


def group_shares(codes: Ints, strata: Ints, n_groups: int) -> Floats:
    """Give each customer's chance of being dealt each group.

    Returns:
        (C, G) share of the group in the customer's stratum.
    """
    counts = np.zeros((int(strata.max(initial=0)) + 1, n_groups))
    np.add.at(counts, (strata, codes), 1)
    shares: Floats = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))[strata]
    return shares


def deals(codes: Ints, strata: Ints, *, n_draws: int, n_block: int, seed: int) -> Iterator[Ints]:
    """Deal the labels out anew within each stratum, in blocks.

    Args:
        codes: (C,) group of each customer.
        strata: (C,) stratum of each customer; how many of a stratum are in each group never changes.
        n_draws: Deals in all.
        n_block: Most deals held at once.
        seed: Of all of them.

    Yields:
        (b, C) group of each customer in each of b deals.
    """
    rng = np.random.default_rng(seed)
    slots = np.argsort(strata, kind="stable")
    for start in range(0, n_draws, n_block):
        order = np.argsort(strata + rng.random((min(n_block, n_draws - start), codes.size)), axis=1)
        dealt = np.empty_like(order)
        dealt[:, slots] = codes[order]
        yield dealt


def bennett_score(excess: Floats, variance: Floats, largest: Floats) -> Floats:
    """Score a sum by Bennett's bound: minus the logarithm of the chance to exceed it.

    Small counts and large sums land on one scale, which no normal score does: three customers of a small group who all
    paid more are not taken for as rare as a normal curve says.

    Args:
        excess: How far the sum lies above its mean.
        variance: Of the sum.
        largest: The largest absolute value of one summand.

    Returns:
        Scores of the broadcast shape, at least 0; 0 where the sum is not above its mean or cannot vary.

    Source: Bennett (1962), equation 8b.

    >>> bennett_score(np.array([0.0, 3.0]), np.array([1.0, 1.0]), np.array([1.0, 1.0])).round(2)
    array([0.  , 2.55])
    """
    varies = variance > 0
    safe = np.where(varies, variance, 1.0)
    ratio = np.where(varies, np.maximum(excess, 0.0) * largest / safe, 0.0)
    scores: Floats = safe / np.maximum(largest, 1e-12) ** 2 * ((1 + ratio) * np.log1p(ratio) - ratio)
    return scores


def upper_limit(draws: Floats, level: float) -> float:
    """Give the score that a share `level` of (D + 1) draws at most reaches; infinite where there are too few draws."""
    rank = int(np.floor(level * (draws.size + 1)))
    return float(np.sort(draws)[-rank]) if rank > 0 else float("inf")


def tail_share(draws: Floats, observed: float) -> float:
    """Give the permutation p-value: the share of draws, the observed one included, that reach it."""
    return float((1 + (draws >= observed).sum()) / (1 + draws.size))
