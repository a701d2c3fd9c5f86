"""Ranking metrics against hand-worked lists and slow twins."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from training.errors import MetricInputError
from training.metrics import catalogue_coverage_at_k, hit_rate_at_k, ndcg_at_k, popularity_percentile, recall_at_k

Hits = npt.NDArray[np.bool_]


def slow_ndcg(hits: list[bool], n_relevant: int, k: int) -> float:
    """Sum gains one rank at a time."""
    if n_relevant == 0:
        return math.nan
    gain = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits[:k], start=1) if hit)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(n_relevant, k) + 1))
    return gain / ideal


def slow_recall(hits: list[bool], n_relevant: int, k: int) -> float:
    """Count hits."""
    return math.nan if n_relevant == 0 else sum(hits[:k]) / n_relevant


def slow_hit_rate(hits: list[bool], n_relevant: int, k: int) -> float:
    """Look for a hit."""
    return math.nan if n_relevant == 0 else float(any(hits[:k]))


TWINS = [(ndcg_at_k, slow_ndcg), (recall_at_k, slow_recall), (hit_rate_at_k, slow_hit_rate)]


@pytest.mark.parametrize(("fast", "slow"), TWINS)
@pytest.mark.parametrize("k", [1, 3, 10])
def test_metrics_equal_their_slow_twins(
    fast: Callable[..., npt.NDArray[np.float64]], slow: Callable[[list[bool], int, int], float], k: int
) -> None:
    generator = np.random.default_rng(5)
    hits = generator.random((200, 10)) < 0.3
    n_relevant = np.where(generator.random(200) < 0.1, 0, hits.sum(axis=1) + generator.integers(0, 5, 200))
    hits[n_relevant == 0] = False
    expected = [slow(row.tolist(), int(n), k) for row, n in zip(hits, n_relevant, strict=True)]
    np.testing.assert_allclose(fast(hits, n_relevant, k), expected)


def test_a_hand_worked_list() -> None:
    hits = np.array([[True, False, True, False]])
    assert ndcg_at_k(hits, np.array([3]), 4)[0] == pytest.approx((1 + 0.5) / (1 + 1 / math.log2(3) + 0.5))
    assert recall_at_k(hits, np.array([3]), 2)[0] == pytest.approx(1 / 3)
    assert hit_rate_at_k(hits, np.array([3]), 2)[0] == 1


@pytest.mark.parametrize("measure", [ndcg_at_k, recall_at_k, hit_rate_at_k])
@pytest.mark.parametrize("k", [0, 4])
def test_a_k_outside_the_list_is_refused(measure: Callable[..., object], k: int) -> None:
    with pytest.raises(MetricInputError, match=f"k={k} needs 1 <= k <= 3"):
        measure(np.zeros((1, 3), dtype=bool), np.array([1]), k)


def test_coverage_counts_each_product_once_and_no_padding() -> None:
    lists = np.array([[0, 1, 4], [1, -1, -1]])
    assert catalogue_coverage_at_k(lists, n_products=5, k=2) == pytest.approx(2 / 5)
    assert catalogue_coverage_at_k(lists, n_products=5, k=3) == pytest.approx(3 / 5)


def test_popularity_percentile_equals_its_slow_twin() -> None:
    popularity = np.array([5.0, 1.0, 5.0, 0.0, 9.0])
    lists = np.array([[0, 4], [3, -1]])

    def slow(product: int) -> float:
        below = sum(other < popularity[product] for other in popularity)
        equal = sum(other == popularity[product] for other in popularity) - 1
        return float(below + equal / 2) / (len(popularity) - 1)

    assert popularity_percentile(lists, popularity, 2) == pytest.approx((slow(0) + slow(4) + slow(3)) / 3)
    assert popularity_percentile(lists, popularity, 1) == pytest.approx((slow(0) + slow(3)) / 2)


def test_equal_popularity_stands_in_the_middle() -> None:
    assert popularity_percentile(np.array([[0]]), np.ones(3), 1) == pytest.approx(0.5)
    assert popularity_percentile(np.array([[0]]), np.ones(1), 1) == pytest.approx(0.5)
    assert math.isnan(popularity_percentile(np.array([[-1]]), np.ones(3), 1))
