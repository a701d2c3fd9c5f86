"""Bounds and orders that ranking metrics and intervals keep for any input."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.intervals import mean_interval
from training.metrics import hit_rate_at_k, ndcg_at_k, recall_at_k
from training.top_k import top_k

Lists = tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], int]


@st.composite
def judged_lists(draw: st.DrawFn) -> Lists:
    """Hits, how many products were relevant (never fewer than hit), and k."""
    n_ranks = draw(st.integers(1, 12))
    hits = draw(arrays(np.bool_, (draw(st.integers(1, 5)), n_ranks)))
    missed = draw(arrays(np.int64, len(hits), elements=st.integers(0, 5)))
    return hits, hits.sum(axis=1) + missed, draw(st.integers(1, n_ranks))


@given(judged_lists())
def test_metrics_lie_between_zero_and_one_or_are_undefined(lists: Lists) -> None:
    hits, n_relevant, k = lists
    for measure in (ndcg_at_k, recall_at_k, hit_rate_at_k):
        values = measure(hits, n_relevant, k)
        assert (np.isnan(values) == (n_relevant == 0)).all()
        known = values[n_relevant > 0]
        assert ((known >= 0) & (known <= 1 + 1e-12)).all()


@given(judged_lists())
def test_moving_hits_to_the_front_never_lowers_ndcg(lists: Lists) -> None:
    hits, n_relevant, k = lists
    sorted_hits = -np.sort(-hits.astype(int), axis=1) > 0
    better, given_order = ndcg_at_k(sorted_hits, n_relevant, k), ndcg_at_k(hits, n_relevant, k)
    known = n_relevant > 0
    assert (better[known] >= given_order[known] - 1e-12).all()


@given(judged_lists())
def test_a_perfect_list_scores_one(lists: Lists) -> None:
    hits, _, k = lists
    perfect = np.ones_like(hits)
    assert np.allclose(ndcg_at_k(perfect, np.full(len(hits), hits.shape[1] + 3), k), 1)


@given(judged_lists())
def test_recall_and_hit_rate_grow_with_k(lists: Lists) -> None:
    hits, n_relevant, k = lists
    known = n_relevant > 0
    for measure in (recall_at_k, hit_rate_at_k):
        assert (measure(hits, n_relevant, hits.shape[1])[known] >= measure(hits, n_relevant, k)[known]).all()


@given(arrays(np.float64, (3, 7), elements=st.integers(-3, 3).map(float)), st.integers(1, 10))
def test_top_k_equals_a_stable_sort(scores: npt.NDArray[np.float64], k: int) -> None:
    positions, best = top_k(scores, k)
    for row in range(len(scores)):
        expected = sorted(range(scores.shape[1]), key=lambda product: (-scores[row, product], product))[:k]
        assert positions[row, : len(expected)].tolist() == expected
        assert best[row, : len(expected)].tolist() == scores[row, expected].tolist()
        assert (positions[row, len(expected) :] == -1).all()


@given(
    arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1)),
    st.floats(0.5, 0.99, exclude_min=True),
    st.integers(0, 2**32 - 1),
)
def test_an_interval_lies_within_the_values_and_is_the_same_for_the_same_seed(
    values: npt.NDArray[np.float64], confidence: float, seed: int
) -> None:
    interval = mean_interval(values, n_resamples=50, confidence=confidence, seed=seed)
    assert values.min() - 1e-9 <= interval.low <= interval.high <= values.max() + 1e-9
    assert interval == mean_interval(values, n_resamples=50, confidence=confidence, seed=seed)
