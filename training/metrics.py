"""Ranking quality of recommendation lists."""

import numpy as np
import numpy.typing as npt

from training.errors import MetricInputError

Floats = npt.NDArray[np.float64]


def ndcg_at_k(hits: npt.NDArray[np.bool_], n_relevant: npt.NDArray[np.int64], k: int) -> Floats:
    """Score each list by its discounted gain over the best that list could have had.

    Args:
        hits: (B, N) whether the product at each rank was bought, best rank first; N >= k.
        n_relevant: (B,) how many products each customer bought; customers with none score NaN.
        k: List length judged.

    Returns:
        (B,) NDCG in [0, 1]; 1 puts every bought product first.

    Raises:
        MetricInputError: If k is below 1 or exceeds N.

    Source: Järvelin and Kekäläinen (2002), binary gain, log2 discount.

    >>> ndcg_at_k(np.array([[True, False, True]]), np.array([2]), k=3).round(3)
    array([0.92])
    """
    _require_ranks("ndcg", hits, k)
    discounts = 1 / np.log2(np.arange(2, k + 2))  # (K,)
    gain = hits[:, :k] @ discounts  # (B,)
    ideal = np.cumsum(discounts)[np.clip(n_relevant, 1, k) - 1]  # (B,)
    return np.where(n_relevant > 0, gain / ideal, np.nan)


def recall_at_k(hits: npt.NDArray[np.bool_], n_relevant: npt.NDArray[np.int64], k: int) -> Floats:
    """Score each list by the share of the bought products it holds.

    Args:
        hits: (B, N) whether the product at each rank was bought, best rank first; N >= k.
        n_relevant: (B,) how many products each customer bought; customers with none score NaN.
        k: List length judged.

    Returns:
        (B,) recall in [0, 1]; 1 is reached only where k is at least `n_relevant`.

    Raises:
        MetricInputError: If k is below 1 or exceeds N.

    >>> recall_at_k(np.array([[True, False, True]]), np.array([4]), k=3)
    array([0.5])
    """
    _require_ranks("recall", hits, k)
    return np.where(n_relevant > 0, hits[:, :k].sum(axis=1) / np.maximum(n_relevant, 1), np.nan)


def hit_rate_at_k(hits: npt.NDArray[np.bool_], n_relevant: npt.NDArray[np.int64], k: int) -> Floats:
    """Score each list 1 if it holds any bought product, else 0.

    Args:
        hits: (B, N) whether the product at each rank was bought, best rank first; N >= k.
        n_relevant: (B,) how many products each customer bought; customers with none score NaN.
        k: List length judged.

    Returns:
        (B,) 0 or 1; the mean is the share of customers with at least one hit, ideally 1.

    Raises:
        MetricInputError: If k is below 1 or exceeds N.

    >>> hit_rate_at_k(np.array([[False, True], [False, False]]), np.array([1, 3]), k=2)
    array([1., 0.])
    """
    _require_ranks("hit_rate", hits, k)
    return np.where(n_relevant > 0, hits[:, :k].any(axis=1).astype(np.float64), np.nan)


def catalogue_coverage_at_k(product_idx: npt.NDArray[np.int64], n_products: int, k: int) -> float:
    """Measure which share of the catalogue appears in anyone's first k places.

    Args:
        product_idx: (B, N) recommended products, best first; -1 pads short lists.
        n_products: Size of the catalogue.
        k: List length judged.

    Returns:
        Share in [0, 1]; near k / n_products everyone sees the same list, 1 shows everything to somebody.

    Raises:
        MetricInputError: If k is below 1 or exceeds N.

    >>> catalogue_coverage_at_k(np.array([[0, 1], [0, 2]]), n_products=4, k=2)
    0.75
    """
    _require_ranks("catalogue_coverage", product_idx, k)
    shown = np.unique(product_idx[:, :k])
    return float((shown >= 0).sum() / n_products)


def popularity_percentile(product_idx: npt.NDArray[np.int64], popularity: Floats, k: int) -> float:
    """Measure how popular the recommended products are, on average over everybody's first k places.

    Args:
        product_idx: (B, N) recommended products, best first; -1 pads short lists.
        popularity: (n_products,) how much each product sold.
        k: List length judged.

    Returns:
        Mean percentile in [0, 1] (ties take their mean rank; NaN when all lists are empty). 0.5 is what random
        lists give; near 1 only best-sellers are shown. There is no ideal: read it beside the accuracy.

    Raises:
        MetricInputError: If k is below 1 or exceeds N.

    >>> popularity_percentile(np.array([[2]]), np.array([5.0, 1.0, 9.0]), k=1)
    1.0
    """
    _require_ranks("popularity_percentile", product_idx, k)
    levels, level_of, n_at_level = np.unique(popularity, return_inverse=True, return_counts=True)
    below = np.concatenate([[0], np.cumsum(n_at_level)[:-1]])  # (n_levels,)
    mean_rank = (below + (n_at_level - 1) / 2)[level_of] if len(levels) > 1 else np.full(len(popularity), 0.5)
    percentile = mean_rank / max(len(popularity) - 1, 1) if len(levels) > 1 else mean_rank
    shown = product_idx[:, :k]
    shown = shown[shown >= 0]
    return float(percentile[shown].mean()) if len(shown) else float("nan")


def _require_ranks(measure: str, lists: npt.NDArray[np.bool_] | npt.NDArray[np.int64], k: int) -> None:
    if not 1 <= k <= lists.shape[1]:
        raise MetricInputError(measure=measure, k=k, n_ranks=lists.shape[1])
