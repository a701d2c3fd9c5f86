"""Bounds that the demand metrics keep whatever sold and whatever was said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.demand.forecast import LEVELS
from training.demand.metrics import bias, interval_coverage, randomised_pit, rmsse, wape, wql
from training.demand.quantiles import negative_binomial_quantiles

SHAPE = (4, 3)
counts = arrays(np.float64, SHAPE, elements=st.integers(0, 500).map(float))
means = arrays(np.float64, SHAPE, elements=st.floats(0, 500))
dispersions = arrays(np.float64, SHAPE, elements=st.floats(0.001, 5))


@given(counts, means, dispersions)
def test_metrics_stay_within_their_ranges(actual: np.ndarray, mean: np.ndarray, dispersion: np.ndarray) -> None:
    quantiles = negative_binomial_quantiles(mean, dispersion)
    assert not wape(actual, mean).value < 0
    assert not bias(actual, mean).value < -1 - 1e-9
    assert not wql(actual, quantiles, LEVELS).value < 0
    assert 0 <= interval_coverage(actual, mean, dispersion, seed=1).value <= 1
    place = randomised_pit(actual, mean, dispersion, seed=1)
    assert ((place >= 0) & (place <= 1 + 1e-9)).all()


@given(counts)
def test_a_forecast_that_is_right_is_ideal(actual: np.ndarray) -> None:
    history = np.tile([0.0, 1.0, 3.0], (4, 1))
    exact = np.repeat(actual[..., None], len(LEVELS), axis=2)
    assert rmsse(actual, actual, history).value == 0
    for ratio in (wape(actual, actual), bias(actual, actual), wql(actual, exact, LEVELS)):
        assert ratio.numerator.sum() == 0


@given(counts, means, st.floats(0.5, 20))
def test_units_of_measure_do_not_matter(actual: np.ndarray, mean: np.ndarray, factor: float) -> None:
    quantiles = mean[..., None] * np.linspace(0.5, 1.5, len(LEVELS))
    for one, scaled in (
        (wape(actual, mean), wape(factor * actual, factor * mean)),
        (bias(actual, mean), bias(factor * actual, factor * mean)),
        (wql(actual, quantiles, LEVELS), wql(factor * actual, factor * quantiles, LEVELS)),
    ):
        assert scaled.value == pytest.approx(one.value, rel=1e-9, nan_ok=True)


@given(counts, means, st.permutations(range(SHAPE[0])))
def test_the_order_of_series_does_not_matter(actual: np.ndarray, mean: np.ndarray, order: list[int]) -> None:
    assert wape(actual[order], mean[order]).value == pytest.approx(wape(actual, mean).value, nan_ok=True)
    history = np.cumsum(actual, axis=1)
    assert rmsse(actual[order], mean[order], history[order]).value == pytest.approx(
        rmsse(actual, mean, history).value, nan_ok=True
    )
