"""Smoothed levels against the slow and obvious way."""

import numpy as np
import pytest

from training.demand.smoothers import (
    exponential_kernel,
    fill_stock_outs,
    flat_kernel,
    imapa,
    kernels,
    levels,
    weighted_sums,
)


def slow_imapa(units: list[float]) -> float:
    while units and units[0] == 0:
        units = units[1:]
    if not units:
        return 0.0
    sold_at = [i + 1 for i, value in enumerate(units) if value > 0]
    gaps = np.diff([0, *sold_at])
    expectations = []
    for joined in range(1, min(max(round(float(np.mean(gaps))), 1), 8) + 1):
        rest = len(units) % joined
        sums = [sum(units[i : i + joined]) for i in range(rest, len(units), joined)]
        best = (np.inf, 0.0)
        for alpha in (0.1, 0.15, 0.2, 0.25, 0.3):
            level, error = sums[0], 0.0
            for value in sums[1:]:
                error += (value - level) ** 2
                level += alpha * (value - level)
            if error < best[0]:
                best = (error, level)
        expectations.append(best[1] / joined)
    return float(np.mean(expectations))


def test_imapa_is_that_of_the_paper() -> None:
    rng = np.random.default_rng(4)
    units = rng.poisson(rng.choice([0.1, 0.4, 1.0, 8.0], size=(60, 1)), size=(60, 30)).astype(float)
    units[:10, :12] = 0  # began late
    first = np.where((units > 0).any(axis=1), (units > 0).argmax(axis=1), units.shape[1])
    expected = [slow_imapa(list(row)) for row in units]
    np.testing.assert_allclose(imapa(units, first), expected, rtol=1e-9)


def test_kernels_weigh_the_latest_week_most() -> None:
    np.testing.assert_array_equal(flat_kernel(6, 4), [0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(exponential_kernel(5, 2.0), [0.25, 0.5**1.5, 0.5, 0.5**0.5, 1])
    assert kernels(3).shape == (3, 7)


def test_levels_divide_sales_by_their_own_lift() -> None:
    units = np.array([[10.0, 30.0, 10.0, 30.0]])
    lift = np.array([[1.0, 3.0, 1.0, 3.0]])
    everything = np.ones((1, 4), dtype=bool)
    found = levels(units, lift, everything, kernels(4), prior=np.array([10.0]))
    np.testing.assert_allclose(found, 10.0)
    without_last = levels(
        units * [1, 1, 1, 100], lift, everything & [True, True, True, False], kernels(4), np.array([10.0])
    )
    np.testing.assert_allclose(without_last, 10.0)


def test_a_product_nobody_knows_gets_the_prior() -> None:
    nothing = np.zeros((1, 5), dtype=bool)
    np.testing.assert_allclose(levels(np.zeros((1, 5)), np.ones((1, 5)), nothing, kernels(5), np.array([3.0])), 3.0)


def test_stock_outs_are_filled_from_before() -> None:
    units = np.array([[4.0, 6.0, 0.0, 5.0, 0.0]])
    empty = np.array([[False, False, True, False, True]])
    np.testing.assert_allclose(fill_stock_outs(units, empty), [[4, 6, 5, 5, 5]])
    assert fill_stock_outs(units, np.zeros_like(empty)) is units


@pytest.mark.parametrize("n_products", [0, 1, 128, 300])
def test_sums_block_by_block_are_those_of_one_product(n_products: int) -> None:
    rng = np.random.default_rng(4)
    values, weights = rng.uniform(size=(n_products, 9)), rng.uniform(size=(9, 3))
    np.testing.assert_allclose(weighted_sums(values, weights), values @ weights)
