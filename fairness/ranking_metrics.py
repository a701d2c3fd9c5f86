"""Figures of recommendation lists, one per customer: who is served how well, with what, and from whom."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import gammaln

from fairness.errors import ListTooShort

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SMOOTHING: Final = 0.01  # share of the history mixed into a list, as Steck (2018) does, so that no logarithm is of 0
_MIDDLE: Final = 1  # tier of a product that is alone in its category


def mark_hits(positions: Ints, relevant: sparse.csr_array) -> Mask:
    """Mark which listed products are relevant.

    Args:
        positions: (C, K) products, best first; -1 pads short lists and is never a hit.
        relevant: (C, N) bool.

    Returns:
        (C, K) bool.
    """
    n_products = relevant.shape[1]
    owners, products = relevant.nonzero()
    wanted = np.sort(owners.astype(np.int64) * n_products + products)
    asked = np.arange(len(positions))[:, None] * n_products + positions
    if not len(wanted):
        return np.zeros(positions.shape, dtype=bool)
    found = wanted[np.minimum(np.searchsorted(wanted, asked), len(wanted) - 1)] == asked
    marked: Mask = found & (positions >= 0)
    return marked


def n_relevant(relevant: sparse.csr_array) -> Ints:
    """Count each customer's relevant products: (C,)."""
    return np.asarray(relevant.sum(axis=1), dtype=np.int64).ravel()


def rank_discounts(k: int) -> Floats:
    """Weigh the first k ranks by how much they are looked at: (K,) 1 / log2(1 + rank), ranks from 1.

    Source: Järvelin and Kekäläinen (2002); as a model of exposure, Singh and Joachims (2018), section 3.1.

    >>> rank_discounts(3).round(3)
    array([1.   , 0.631, 0.5  ])
    """
    return 1 / np.log2(np.arange(2, k + 2))


def ndcg_at_k(positions: Ints, relevant: sparse.csr_array, k: int) -> Floats:
    """Score each list by its discounted gain over the best that list could have had.

    Not for comparing customers who buy much with those who buy little as if both had the same task: who buys more is
    easier to please. A gap between groups can be one of basket size; read it beside the hit rate.

    Args:
        positions: (C, K) products, best first; K >= k.
        relevant: (C, N) bool, what each customer bought; who bought nothing scores NaN.
        k: List length judged.

    Returns:
        (C,) NDCG in [0, 1]; ideally 1, every bought product first.

    Raises:
        ListTooShort: If k is below 1 or exceeds K.

    Source: Järvelin and Kekäläinen (2002), binary gain, log2 discount.

    >>> ndcg_at_k(np.array([[4, 0, 2]]), sparse.csr_array(np.array([[0, 0, 1, 0, 1]], dtype=bool)), 3).round(3)
    array([0.92])
    """
    hits = mark_hits(_top(positions, k, "NDCG"), relevant)
    n = n_relevant(relevant)
    ideal = np.cumsum(rank_discounts(k))[np.clip(n, 1, k) - 1]
    return np.where(n > 0, hits @ rank_discounts(k) / ideal, np.nan)


def recall_at_k(positions: Ints, relevant: sparse.csr_array, k: int) -> Floats:
    """Score each list by the share of the bought products it holds.

    Not for short lists of people who buy much: 1 is out of reach for who bought more than k products.

    Args:
        positions: (C, K) products, best first; K >= k.
        relevant: (C, N) bool, what each customer bought; who bought nothing scores NaN.
        k: List length judged.

    Returns:
        (C,) recall in [0, 1]; ideally 1.

    Raises:
        ListTooShort: If k is below 1 or exceeds K.

    >>> recall_at_k(np.array([[4, 0]]), sparse.csr_array(np.array([[0, 0, 1, 0, 1]], dtype=bool)), 2)
    array([0.5])
    """
    hits = mark_hits(_top(positions, k, "recall"), relevant)
    n = n_relevant(relevant)
    return np.where(n > 0, hits.sum(axis=1) / np.maximum(n, 1), np.nan)


def hit_rate_at_k(positions: Ints, relevant: sparse.csr_array, k: int) -> Floats:
    """Score each list 1 if it holds any bought product, else 0.

    Not where nearly everybody is hit: it then says nothing about how well.

    Args:
        positions: (C, K) products, best first; K >= k.
        relevant: (C, N) bool, what each customer bought; who bought nothing scores NaN.
        k: List length judged.

    Returns:
        (C,) 0 or 1; ideally 1.

    Raises:
        ListTooShort: If k is below 1 or exceeds K.

    >>> hit_rate_at_k(np.array([[4], [4]]), sparse.csr_array(np.array([[0, 0, 0, 0, 1], [1, 0, 0, 0, 0]])), 1)
    array([1., 0.])
    """
    hits = mark_hits(_top(positions, k, "hit rate"), relevant)
    return np.where(n_relevant(relevant) > 0, hits.any(axis=1).astype(np.float64), np.nan)


def miscalibration(positions: Ints, history: sparse.csr_array, classes: Ints, k: int) -> Floats:
    """Measure how far the make-up of each list is from that of the customer's own history.

    Kullback-Leibler divergence of the list's class shares from the history's, both over distinct products. Not for
    comparing lists of different length or classes of different number: short lists cannot mirror many classes, so
    the figure is never 0 in practice and only its differences between groups mean anything.

    Args:
        positions: (C, K) products, best first; K >= k; who has an empty list gets the worst figure.
        history: (C, N) bool, what each bought before; who has none scores NaN.
        classes: (N,) class of each product, from 0: its category, or its price tier.
        k: List length judged.

    Returns:
        (C,) in [0, -ln(0.01) = 4.6], in nats; ideally 0, a list that mirrors the history.

    Raises:
        ListTooShort: If k is below 1 or exceeds K.

    Source: Steck (2018), "Calibrated recommendations", equation 6, with alpha = 0.01.

    >>> shelf, bought = np.array([0, 0, 1, 1]), sparse.csr_array(np.array([[1, 0, 1, 0], [1, 0, 1, 0]], dtype=bool))
    >>> miscalibration(np.array([[1, 3], [0, 1]]), bought, shelf, 2).round(3)
    array([0.   , 1.959])
    """
    n_classes = int(classes.max()) + 1
    members = sparse.csr_array(
        (np.ones(len(classes)), classes, np.arange(len(classes) + 1)), shape=(len(classes), n_classes)
    )
    shares = _shares(np.asarray((history.astype(np.float64) @ members).toarray()))
    listed = _shares(sums_by_class(_top(positions, k, "calibration"), classes, n_classes, np.ones(k)))
    mixed = (1 - SMOOTHING) * listed + SMOOTHING * shares
    ratio = np.divide(shares, mixed, out=np.ones_like(shares), where=shares > 0)
    return np.where(shares.any(axis=1), (shares * np.log(ratio)).sum(axis=1), np.nan)


def price_tiers(price_usd: Floats, categories: npt.NDArray[np.str_]) -> Ints:
    """Put each product into the cheap (0), middle (1) or dear (2) third of its category; (N,).

    Products of one price share a tier; a product alone in its category is in the middle; an unknown price is too.

    >>> price_tiers(np.array([1.0, 2.0, 9.0, 5.0]), np.array(["tea", "tea", "tea", "oil"])).tolist()
    [0, 1, 2, 1]
    """
    known = np.isfinite(price_usd)
    tiers = np.full(len(price_usd), _MIDDLE, dtype=np.int64)
    _, category = np.unique(categories[known], return_inverse=True)
    sizes = np.bincount(category)
    ranks = _mean_ranks(price_usd[known], category) - (np.cumsum(sizes) - sizes)[category]
    tiers[known] = np.minimum(3 * (ranks + 0.5) / sizes[category], 2).astype(np.int64)
    return tiers


def popularity_percentiles(popularity: Floats) -> Floats:
    """Give every product's place among all by sales: (N,) from 0 (least) to 1 (most), ties in the middle of theirs.

    >>> popularity_percentiles(np.array([5.0, 1.0, 9.0]))
    array([0.5, 0. , 1. ])
    """
    ranks = _mean_ranks(popularity, np.zeros(len(popularity), dtype=np.int64))
    return ranks / (len(ranks) - 1) if len(ranks) > 1 else np.full(len(ranks), 0.5)


def popularity_of_lists(positions: Ints, percentiles: Floats, k: int) -> Floats:
    """Average the popularity percentile of each list's first k products.

    Returns:
        (C,) in [0, 1], NaN for an empty list; over the same of the history it is the popularity lift, which has no
        upper bound and ideally is 1: lists as popular as what the customer buys anyway.

    Raises:
        ListTooShort: If k is below 1 or exceeds K.

    Source: Abdollahpouri et al. (2020), "The connection between popularity bias, calibration, and fairness in
    recommendation", equation 3, on percentiles, which a few best-sellers do not swamp.
    """
    top = _top(positions, k, "popularity lift")
    shown = top >= 0
    n_shown = shown.sum(axis=1)
    total = np.where(shown, percentiles[np.maximum(top, 0)], 0).sum(axis=1)
    return np.where(n_shown > 0, total / np.maximum(n_shown, 1), np.nan)


def popularity_of_history(history: sparse.csr_array, percentiles: Floats) -> Floats:
    """Average the popularity percentile of what each customer bought: (C,) in [0, 1], NaN without a history."""
    n = n_relevant(history)
    total = np.asarray(history.astype(np.float64) @ percentiles)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def coverage_contributions(positions: Ints, n_products: int, n_drawn: int) -> Floats:
    """Give each customer's part in the catalogue coverage that lists of `n_drawn` of them reach on average.

    Their mean is that coverage exactly (rarefaction: larger groups show more only because they are larger); they are
    the jackknife's pseudo-values, so that resampling them gives its interval, which resampling whole lists with
    replacement would not: repeated people show nothing new.

    Args:
        positions: (n, K) the lists of one group; -1 pads short ones.
        n_products: Size of the catalogue.
        n_drawn: Customers drawn without replacement; below n, so that groups of different size compare.

    Returns:
        (n,) parts; their mean is a share in [0, 1]. There is no ideal: near K / n_products everyone sees the same,
        and 1 shows everything to somebody. NaN where n_drawn is not below n. Not for judging one person's list.

    Source: Hurlbert (1971) for the rarefaction, Efron and Stein (1981) for the jackknife.

    >>> round(float(coverage_contributions(np.array([[0], [1], [1]]), n_products=4, n_drawn=2).mean()), 4)
    0.4167
    """
    n = len(positions)
    if not 1 <= n_drawn < n:
        return np.full(n, np.nan)
    shown = positions >= 0
    counts = np.bincount(positions[shown], minlength=n_products)
    everyone = _seen(counts, n, n_drawn).sum()
    others = _seen(counts, n - 1, n_drawn)
    lost = others - _seen(np.maximum(counts - 1, 0), n - 1, n_drawn)  # of a product when one who is shown it goes
    without = others.sum() - np.where(shown, lost[np.maximum(positions, 0)], 0).sum(axis=1)
    parts: Floats = (n * everyone - (n - 1) * without) / n_products
    return parts


def sums_by_class(positions: Ints, classes: Ints, n_classes: int, weights: Floats) -> Floats:
    """Add up the weights of the ranks that each class of products holds in each list.

    With `rank_discounts` as weights it is the exposure of the classes.

    Args:
        positions: (C, K) products, best first; -1 pads short lists and adds nothing.
        classes: (N,) class of each product, from 0.
        n_classes: Number of classes.
        weights: (K,) of the ranks.

    Returns:
        (C, n_classes) sums.
    """
    rows, ranks = (positions >= 0).nonzero()
    cells = rows * n_classes + classes[positions[rows, ranks]]
    sums = np.bincount(cells, weights[ranks], minlength=len(positions) * n_classes)
    return np.asarray(sums, dtype=np.float64).reshape(-1, n_classes)


def exposure_over_demand(exposure: Floats, demand: Floats) -> Floats:
    """Divide each class's share of the exposure by its share of the demand.

    Not for classes that nobody buys, where it is undefined, and not as a claim that demand itself is fair: what was
    never shown is seldom bought.

    Args:
        exposure: (..., G) exposure of each class.
        demand: (..., G) purchases of each class.

    Returns:
        (..., G) from 0 up; ideally 1, as much attention as demand. NaN where a class has no demand, or there is no
        exposure at all.

    Source: Singh and Joachims (2018), "Fairness of exposure in rankings", disparate treatment with demand as merit.

    >>> exposure_over_demand(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    array([0.5, 1.5])
    """
    total_exposure, total_demand = exposure.sum(axis=-1, keepdims=True), demand.sum(axis=-1, keepdims=True)
    defined = (demand > 0) & (total_exposure > 0)
    undefined = np.full(exposure.shape, np.nan)
    ratios: Floats = np.divide(exposure * total_demand, demand * total_exposure, out=undefined, where=defined)
    return ratios


def _top(positions: Ints, k: int, measure: str) -> Ints:
    if not 1 <= k <= positions.shape[1]:
        raise ListTooShort(measure=measure, k=k, n_ranks=positions.shape[1])
    return positions[:, :k]


def _shares(counts: Floats) -> Floats:
    total = counts.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    return shares


def _mean_ranks(values: Floats, groups: Ints) -> Floats:
    """Rank by group and then by value, from 0; equal values of a group share the mean of their ranks."""
    order = np.lexsort((values, groups))
    ordered = np.column_stack([groups[order], values[order]])
    starts = np.concatenate([[True], (np.diff(ordered, axis=0) != 0).any(axis=1)])[: len(values)]
    run = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    length = np.diff(np.append(first, len(values)))
    ranks = np.empty(len(values))
    ranks[order] = (first + (length - 1) / 2)[run]
    return ranks


def _seen(counts: Ints, n: int, n_drawn: int) -> Floats:
    """Give the chance that a product shown to `counts` of n people is seen by one of `n_drawn` drawn from them."""
    without = n - counts
    possible = without >= n_drawn
    rest = np.where(possible, without, n_drawn)
    missed = gammaln(rest + 1) - gammaln(rest - n_drawn + 1) + gammaln(n - n_drawn + 1) - gammaln(n + 1)
    return np.where(possible, -np.expm1(missed), 1.0)
