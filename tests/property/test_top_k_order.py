"""The best k equal a plain sort, row by row."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.top_k import NO_PRODUCT, top_k

# Few values, so that ties are common; infinities and NaN, because that is how a product is kept out.
VALUES = st.sampled_from([-2.0, -0.5, 0.0, 0.25, 1.0, 3.5, -math.inf, math.nan])
SCORES = hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8), elements=VALUES)


def slow_top_k(row: list[float], k: int) -> list[int]:
    shown = [position for position, score in enumerate(row) if not math.isnan(score) and score != -math.inf]
    best = sorted(shown, key=lambda position: (-row[position], position))[:k]
    return best + [NO_PRODUCT] * (k - len(best))


@given(scores=SCORES, k=st.integers(min_value=1, max_value=10))
def test_the_order_is_that_of_a_plain_sort(scores: np.ndarray, k: int) -> None:
    positions, best = top_k(scores, k)
    for row, found, values in zip(scores.tolist(), positions.tolist(), best.tolist(), strict=True):
        assert found == slow_top_k(row, k)
        assert values == [row[position] if position != NO_PRODUCT else -math.inf for position in found]
