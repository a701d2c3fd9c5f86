"""Any posterior: draws below 0, intervals nested around the median."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.demand.elasticities import Elasticities

posteriors = st.lists(st.tuples(st.floats(-20, 20), st.floats(1e-3, 20)), min_size=1, max_size=6)
coverages = st.floats(0.01, 0.99)


def elasticities_of(pairs: list[tuple[float, float]]) -> Elasticities:
    location, scale = (np.array(values) for values in zip(*pairs, strict=True))
    n = len(pairs)
    none = np.array([])
    return Elasticities(
        np.array([f"p{place}" for place in range(n)]),
        location,
        scale,
        np.full(n, "product"),
        np.full(n, True),
        np.array([], dtype=np.str_),
        none,
        none,
        -1.5,
        1.0,
    )


@given(posteriors, st.integers(0, 2**32 - 1))
def test_values_and_draws_lie_below_0(pairs: list[tuple[float, float]], seed: int) -> None:
    elasticities = elasticities_of(pairs)
    draws = elasticities.draws(50, seed)
    assert draws.shape == (50, len(pairs))
    assert np.isfinite(draws).all()
    assert draws.max() < 0
    assert np.isfinite(elasticities.value).all()
    assert elasticities.value.max() < 0


@given(posteriors, coverages, coverages)
def test_wider_intervals_hold_narrower_ones(pairs: list[tuple[float, float]], one: float, two: float) -> None:
    elasticities = elasticities_of(pairs)
    (low, high), (inner_low, inner_high) = (
        elasticities.interval(coverage) for coverage in (max(one, two), min(one, two))
    )
    middle = elasticities.quantile(0.5)
    assert (low <= inner_low).all()
    assert (inner_low <= middle).all()
    assert (middle <= inner_high).all()
    assert (inner_high <= high).all()
    assert high.max() < 0
