"""Each figure against the slow, obvious version; lists checked by eye."""

import itertools
import math
from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import rankdata

from fairness.errors import ListTooShort
from fairness.ranking_metrics import (
    SMOOTHING,
    coverage_contributions,
    exposure_over_demand,
    hit_rate_at_k,
    mark_hits,
    miscalibration,
    n_relevant,
    ndcg_at_k,
    popularity_of_history,
    popularity_of_lists,
    popularity_percentiles,
    price_tiers,
    rank_discounts,
    recall_at_k,
    sums_by_class,
)

N_PRODUCTS = 40
Lists = npt.NDArray[np.int64]


def made_lists(seed: int, n: int = 25, k: int = 12) -> Lists:
    """Lists of distinct products, some short, one empty."""
    rng = np.random.default_rng(seed)
    lists = np.array([rng.permutation(N_PRODUCTS)[:k] for _ in range(n)], dtype=np.int64)
    lists[np.arange(k) >= rng.integers(1, k + 1, n)[:, None]] = -1
    lists[0] = -1
    return lists


def made_marks(seed: int, n: int = 25, share: float = 0.15) -> sparse.csr_array:
    """What was bought: the second customer bought nothing."""
    marks = np.random.default_rng([seed, 1]).random((n, N_PRODUCTS)) < share
    marks[1] = False
    return sparse.csr_array(marks)


def bought_by(marks: sparse.csr_array, customer: int) -> set[int]:
    return set(np.flatnonzero(marks.toarray()[customer]).tolist())


def slow_ndcg(listed: list[int], wanted: set[int], k: int) -> float:
    gain = sum(1 / math.log2(rank + 1) for rank, product in enumerate(listed[:k], start=1) if product in wanted)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(wanted)) + 1))
    return gain / best


@pytest.mark.parametrize("seed", range(3))
def test_accuracy_is_that_of_the_slow_version(seed: int) -> None:
    lists, marks, k = made_lists(seed), made_marks(seed), 8
    ndcg, recall, hit = (metric(lists, marks, k) for metric in (ndcg_at_k, recall_at_k, hit_rate_at_k))
    for customer, listed in enumerate(lists.tolist()):
        wanted = bought_by(marks, customer)
        if not wanted:
            assert np.isnan([ndcg[customer], recall[customer], hit[customer]]).all()
            continue
        found = wanted & set(listed[:k])
        assert ndcg[customer] == pytest.approx(slow_ndcg(listed, wanted, k))
        assert recall[customer] == pytest.approx(len(found) / len(wanted))
        assert hit[customer] == bool(found)


def test_the_best_order_scores_1_and_an_empty_list_0() -> None:
    marks = sparse.csr_array(np.array([[0, 1, 0, 1], [0, 1, 0, 1]], dtype=bool))
    assert ndcg_at_k(np.array([[3, 1, 0], [-1, -1, -1]]), marks, 3).tolist() == [1.0, 0.0]


def test_padding_is_never_a_hit() -> None:
    marks = sparse.csr_array(np.array([[False, False, True], [True, False, False]]))
    assert mark_hits(np.array([[2, -1], [-1, -1]]), marks).tolist() == [[True, False], [False, False]]


def test_where_nobody_bought_anything_nothing_is_hit() -> None:
    nothing = sparse.csr_array((2, 3), dtype=bool)
    assert not mark_hits(np.array([[0, 1], [2, -1]]), nothing).any()
    assert n_relevant(nothing).tolist() == [0, 0]
    assert np.isnan(recall_at_k(np.array([[0], [1]]), nothing, 1)).all()


@pytest.mark.parametrize("k", [0, 13])
def test_a_length_that_the_lists_do_not_have_is_refused(k: int) -> None:
    lists, marks = made_lists(0), made_marks(0)
    percentiles = popularity_percentiles(np.arange(float(N_PRODUCTS)))
    for metric in (ndcg_at_k, recall_at_k, hit_rate_at_k):
        with pytest.raises(ListTooShort, match=f"at {k} cannot be told from lists of 12"):
            metric(lists, marks, k)
    with pytest.raises(ListTooShort, match="popularity lift"):
        popularity_of_lists(lists, percentiles, k)
    with pytest.raises(ListTooShort, match="calibration"):
        miscalibration(lists, marks, np.zeros(N_PRODUCTS, dtype=np.int64), k)


def slow_divergence(listed: list[int], wanted: set[int], classes: list[int]) -> float:
    own, shown = Counter(classes[p] for p in wanted), Counter(classes[p] for p in listed if p >= 0)
    total = 0.0
    for name, count in own.items():
        p = count / len(wanted)
        q = shown[name] / max(sum(shown.values()), 1)
        total += p * math.log(p / ((1 - SMOOTHING) * q + SMOOTHING * p))
    return total


@pytest.mark.parametrize("seed", range(3))
def test_miscalibration_is_that_of_the_slow_version(seed: int) -> None:
    lists, marks = made_lists(seed), made_marks(seed)
    classes = np.random.default_rng(seed).integers(0, 6, N_PRODUCTS)
    got = miscalibration(lists, marks, classes, 10)
    for customer, listed in enumerate(lists.tolist()):
        wanted = bought_by(marks, customer)
        if wanted:
            assert got[customer] == pytest.approx(slow_divergence(listed[:10], wanted, classes.tolist()))
        else:
            assert np.isnan(got[customer])


def test_a_list_like_the_history_is_calibrated_and_an_empty_one_is_as_far_off_as_can_be() -> None:
    marks = sparse.csr_array(np.array([[1, 1, 0, 0], [1, 1, 0, 0]], dtype=bool))
    got = miscalibration(np.array([[2, 3], [-1, -1]]), marks, np.array([0, 1, 0, 1]), 2)
    assert got.tolist() == pytest.approx([0.0, -math.log(SMOOTHING)])


def test_price_tiers_are_thirds_of_each_category() -> None:
    prices = np.array([10.0, 20, 30, 40, 50, 60, 1, 2, 3, 7, np.nan])
    categories = np.array(["tea"] * 6 + ["oil"] * 3 + ["salt", "tea"])
    assert price_tiers(prices, categories).tolist() == [0, 0, 1, 1, 2, 2, 0, 1, 2, 1, 1]


def test_equal_prices_share_a_tier() -> None:
    assert price_tiers(np.array([5.0, 5.0, 5.0, 1.0]), np.array(["tea"] * 4)).tolist() == [1, 1, 1, 0]
    assert price_tiers(np.array([5.0, 5.0]), np.array(["tea"] * 2)).tolist() == [1, 1]


def test_popularity_percentiles_are_mean_ranks() -> None:
    popularity = np.random.default_rng(0).integers(0, 9, 50).astype(float)
    assert popularity_percentiles(popularity) == pytest.approx((rankdata(popularity) - 1) / 49)
    assert popularity_percentiles(np.array([3.0])).tolist() == [0.5]


def test_popularity_of_lists_and_histories_are_means_over_what_they_hold() -> None:
    lists, marks = made_lists(2), made_marks(2)
    percentiles = popularity_percentiles(np.random.default_rng(2).random(N_PRODUCTS))
    listed, before = popularity_of_lists(lists, percentiles, 6), popularity_of_history(marks, percentiles)
    assert np.isnan(listed[0])
    assert np.isnan(before[1])
    for customer in range(2, len(lists)):
        shown = [p for p in lists[customer, :6].tolist() if p >= 0]
        assert listed[customer] == pytest.approx(np.mean([percentiles[p] for p in shown]))
        assert before[customer] == pytest.approx(np.mean([percentiles[p] for p in bought_by(marks, customer)]))


def slow_coverage(lists: Lists, n_drawn: int) -> float:
    """Average over every way to draw that many people."""
    seen = [
        len(set(lists[list(people)].ravel().tolist()) - {-1})
        for people in itertools.combinations(range(len(lists)), n_drawn)
    ]
    return float(np.mean(seen)) / N_PRODUCTS


@pytest.mark.parametrize("n_drawn", [1, 3, 6])
def test_coverage_is_the_average_over_all_draws_of_people(n_drawn: int) -> None:
    lists = made_lists(4, n=7, k=5)
    parts = coverage_contributions(lists, N_PRODUCTS, n_drawn)
    assert parts.mean() == pytest.approx(slow_coverage(lists, n_drawn))


def test_contributions_are_the_pseudo_values_of_the_jackknife() -> None:
    lists, n_drawn = made_lists(5, n=7, k=5), 3
    everyone = slow_coverage(lists, n_drawn)
    without = [slow_coverage(np.delete(lists, customer, axis=0), n_drawn) for customer in range(7)]
    assert coverage_contributions(lists, N_PRODUCTS, n_drawn) == pytest.approx(7 * everyone - 6 * np.array(without))


def test_coverage_does_not_grow_with_the_group() -> None:
    lists = made_lists(6, n=600, k=3)
    few, many = coverage_contributions(lists[:60], N_PRODUCTS, 20), coverage_contributions(lists, N_PRODUCTS, 20)
    assert few.mean() == pytest.approx(many.mean(), rel=0.05)


def test_the_spread_of_contributions_is_that_of_coverage_between_samples() -> None:
    rng, lists = np.random.default_rng(7), made_lists(7, n=4000, k=3)
    samples = [coverage_contributions(lists[rng.choice(4000, 80)], N_PRODUCTS, 20) for _ in range(300)]
    between = float(np.std([parts.mean() for parts in samples]))
    within = float(np.mean([parts.std() / math.sqrt(80) for parts in samples]))
    assert within == pytest.approx(between, rel=0.25)


@pytest.mark.parametrize("n_drawn", [0, 7, 8])
def test_more_people_than_there_are_others_cannot_be_drawn(n_drawn: int) -> None:
    assert np.isnan(coverage_contributions(made_lists(0, n=7), N_PRODUCTS, n_drawn)).all()


def test_exposure_adds_up_the_discounts_of_each_class() -> None:
    lists, classes = made_lists(8), np.random.default_rng(8).integers(0, 3, N_PRODUCTS)
    got = sums_by_class(lists, classes, 3, rank_discounts(lists.shape[1]))
    wanted = np.zeros((len(lists), 3))
    for customer, listed in enumerate(lists.tolist()):
        for rank, product in enumerate(listed, start=1):
            if product >= 0:
                wanted[customer, classes[product]] += 1 / math.log2(1 + rank)
    assert got == pytest.approx(wanted)


def test_exposure_over_demand_is_undefined_without_demand_or_exposure() -> None:
    got = exposure_over_demand(np.array([[2.0, 2.0, 0.0], [0.0, 0.0, 0.0]]), np.array([[3.0, 1.0, 0.0]] * 2))
    assert got[0] == pytest.approx([0.5 / 0.75, 2.0, np.nan], nan_ok=True)
    assert np.isnan(got[1]).all()


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_figures_stay_in_their_ranges(seed: int, k: int) -> None:
    lists, marks = made_lists(seed, n=6), made_marks(seed, n=6)
    classes = np.random.default_rng(seed).integers(0, 4, N_PRODUCTS)
    for figures, top in (
        (ndcg_at_k(lists, marks, k), 1.0),
        (recall_at_k(lists, marks, k), 1.0),
        (hit_rate_at_k(lists, marks, k), 1.0),
        (miscalibration(lists, marks, classes, k), -math.log(SMOOTHING)),
    ):
        known = figures[~np.isnan(figures)]
        assert (known >= -1e-12).all()
        assert (known <= top + 1e-12).all()
