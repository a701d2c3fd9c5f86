"""Noisy counts and means."""

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from privacy.errors import PrivacyParameterInvalid
from privacy.events import Gaussian
from privacy.randomness import SeededRandomness
from privacy.releases import (
    ReleasedCounts,
    Weighting,
    bounded_rows,
    bounded_sums,
    contributions,
    dp_popularity,
    dp_vocabulary,
    release_counts,
    release_mean,
    release_sums,
)

N_PRODUCTS = 12
WEIGHTINGS = get_args(Weighting)
# Customer 7 bought products 0, 1 (twice) and 2; customer 3 product 1; customer 9 five products.
OWNERS = np.array([7, 7, 7, 7, 3, 9, 9, 9, 9, 9])
PRODUCTS = np.array([0, 1, 1, 2, 1, 3, 4, 5, 6, 7])

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, N_PRODUCTS - 1)), max_size=40)


def counts(values: list[float]) -> ReleasedCounts:
    return ReleasedCounts(np.array(values), 1.0, Gaussian(noise_multiplier=1.0), {})


def test_shared_contributions_by_hand() -> None:
    sums = contributions(OWNERS, PRODUCTS, N_PRODUCTS, 5, "shared", SeededRandomness(0))
    expected = np.zeros(N_PRODUCTS)
    expected[[0, 1, 2]] = 1 / np.sqrt(3)
    expected[1] += 1
    expected[3:8] = 1 / np.sqrt(5)
    assert np.allclose(sums, expected)


def test_equal_contributions_by_hand() -> None:
    sums = contributions(OWNERS, PRODUCTS, N_PRODUCTS, 5, "equal", SeededRandomness(0))
    expected = np.array([1, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]) / np.sqrt(5)
    assert np.allclose(sums, expected)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@given(pairs=pairs, most=st.integers(1, 20), seed=st.integers(0, 99))
def test_one_customer_changes_the_sums_by_no_more_than_one(
    weighting: Weighting, pairs: list[tuple[int, int]], most: int, seed: int
) -> None:
    """Sums add up over customers, so what one customer has alone is what its removal takes away."""
    owners, products = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    for one in np.unique(owners):
        mine = owners == one
        alone = contributions(owners[mine], products[mine], N_PRODUCTS, most, weighting, SeededRandomness(seed))
        assert np.linalg.norm(alone) <= 1 + 1e-12
        assert np.count_nonzero(alone) == min(most, len(set(products[mine])))
        if most >= N_PRODUCTS:  # nothing is left to chance
            both = contributions(owners, products, N_PRODUCTS, most, weighting, SeededRandomness(seed))
            rest = contributions(owners[~mine], products[~mine], N_PRODUCTS, most, weighting, SeededRandomness(seed))
            assert np.linalg.norm(both - rest) <= 1 + 1e-12
            assert np.allclose(both - rest, alone)


def test_which_products_count_is_left_to_chance() -> None:
    owners, products, hits = np.zeros(6, dtype=np.int64), np.arange(6), np.zeros(6)
    stream = SeededRandomness(1)
    for _ in range(1_500):
        hits += contributions(owners, products, 6, 2, "equal", stream) > 0
    assert np.abs(hits / 1_500 - 1 / 3).max() < 0.06


@pytest.mark.parametrize(("weighting", "unit"), [("equal", 2.0), ("shared", 1.0)])
def test_every_product_gets_noise_of_the_told_size(weighting: Weighting, unit: float) -> None:
    released = release_counts(
        np.array([0, 1]),
        np.array([5, 5]),
        n_products=200_000,
        max_products_per_customer=4,
        weighting=weighting,
        noise_multiplier=3.0,
    )
    assert released.event == Gaussian(noise_multiplier=3.0)
    assert released.noise_std == 3.0 * unit
    noise = np.delete(released.values, 5)
    assert noise.std() == pytest.approx(released.noise_std, rel=0.01)
    assert noise.mean() == pytest.approx(0, abs=0.05)
    assert (noise != 0).all()
    assert released.constants["secure"]


def test_equal_counts_are_customers() -> None:
    owners = np.repeat(np.arange(1_000), 3)
    products = np.tile([0, 1, 2], 1_000)
    released = release_counts(
        owners,
        products,
        n_products=5,
        max_products_per_customer=9,
        weighting="equal",
        noise_multiplier=0.05,
        randomness=SeededRandomness(0),
    )
    assert released.values == pytest.approx([1_000, 1_000, 1_000, 0, 0], abs=2)
    assert not released.constants["secure"]


def test_nobody_at_all_still_gives_noise() -> None:
    nothing = np.empty(0, dtype=np.int64)
    released = release_counts(
        nothing, nothing, n_products=8, max_products_per_customer=2, weighting="shared", noise_multiplier=1.0
    )
    assert released.values.shape == (8,)
    assert np.abs(released.values).min() > 0


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"noise_multiplier": 0.0}, "noise_multiplier"),
        ({"max_products_per_customer": 0}, "max_products_per_customer"),
        ({"n_products": 0}, "n_products"),
        ({"n_products": 7}, "products"),
        ({"products": PRODUCTS - 1}, "products"),
    ],
)
def test_bad_input_is_named(changed: dict[str, Any], named: str) -> None:
    facts: dict[str, Any] = {
        "products": PRODUCTS,
        "n_products": N_PRODUCTS,
        "max_products_per_customer": 3,
        "weighting": "equal",
        "noise_multiplier": 1.0,
    }
    with pytest.raises(PrivacyParameterInvalid, match=named):
        release_counts(OWNERS, **facts | changed)


def test_the_vocabulary_reaches_the_threshold() -> None:
    assert dp_vocabulary(counts([5.0, 4.9, -1.0, 7.5]), threshold=5.0).tolist() == [0, 3]
    assert dp_vocabulary(counts([5.0, 4.9]), threshold=9.0).tolist() == []


def test_popularity_is_a_distribution_without_zeros() -> None:
    shares = dp_popularity(counts([6.0, -3.0, 0.5, 3.5]), floor=0.5)
    assert shares.tolist() == pytest.approx([6 / 10.5, 0.5 / 10.5, 0.5 / 10.5, 3.5 / 10.5])
    with pytest.raises(PrivacyParameterInvalid, match="floor"):
        dp_popularity(counts([1.0]), floor=0.0)


@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 6), st.integers(1, 4))), st.floats(1e-3, 1e3))
def test_one_row_weighs_no_more_than_one(vectors: Any, max_norm: float) -> None:
    """Whatever a row holds, not-a-number and infinity included."""
    rows = bounded_rows(vectors, max_norm)
    assert rows.shape == (len(vectors), vectors.shape[1] + 1)
    assert (np.linalg.norm(rows, axis=1) <= 1 + 1e-12).all()
    assert np.allclose(rows[:, -1] ** 2, 0.5)


def test_the_mean_is_that_of_clipped_vectors() -> None:
    vectors = np.vstack([np.tile([3.0, 4.0], (600, 1)), np.tile([30.0, 40.0], (400, 1))])
    released = release_mean(vectors, max_norm=10.0, noise_multiplier=0.05, randomness=SeededRandomness(0))
    assert released.values == pytest.approx([0.6 * 3 + 0.4 * 6, 0.6 * 4 + 0.4 * 8], abs=0.01)
    assert released.event == Gaussian(noise_multiplier=0.05)


def test_the_mean_of_nobody_is_noise() -> None:
    released = release_mean(np.empty((0, 3)), max_norm=1.0, noise_multiplier=1.0)
    assert np.isfinite(released.values).all()
    with pytest.raises(PrivacyParameterInvalid, match="max_norm"):
        release_mean(np.ones((2, 2)), max_norm=0.0, noise_multiplier=1.0)


def slow_sums(entries: list[tuple[int, int, float]], n_columns: int, max_norm: float) -> np.ndarray:
    """One vector per customer, clipped, added up: the obvious way."""
    total = np.zeros(n_columns)
    for owner in {owner for owner, _, _ in entries}:
        vector = np.zeros(n_columns)
        for who, column, value in entries:
            vector[column] += value if who == owner and np.isfinite(value) else 0.0
        norm = float(np.linalg.norm(vector))
        total += vector * (max_norm / norm if norm > max_norm else 1.0)
    return total


entries = st.lists(
    st.tuples(
        st.integers(-3, 3),
        st.integers(0, N_PRODUCTS - 1),
        st.floats(-9, 9) | st.sampled_from([np.nan, np.inf, -np.inf]),
    ),
    max_size=30,
)


def arrays(of: list[tuple[int, int, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    owners, columns, values = zip(*of, strict=True) if of else ((), (), ())
    return np.array(owners, dtype=np.int64), np.array(columns, dtype=np.int64), np.array(values, dtype=np.float64)


@given(of=entries, max_norm=st.sampled_from([0.1, 1.0, 5.0, 100.0]))
def test_sums_are_those_of_clipped_vectors(of: list[tuple[int, int, float]], max_norm: float) -> None:
    sums = bounded_sums(*arrays(of), n_columns=N_PRODUCTS, max_norm=max_norm)
    np.testing.assert_allclose(sums, slow_sums(of, N_PRODUCTS, max_norm), atol=1e-9)


@given(of=entries, max_norm=st.sampled_from([0.1, 1.0, 5.0]))
def test_removing_one_customer_moves_all_columns_together_by_no_more_than_the_norm(
    of: list[tuple[int, int, float]], max_norm: float
) -> None:
    whole = bounded_sums(*arrays(of), n_columns=N_PRODUCTS, max_norm=max_norm)
    for one in {owner for owner, _, _ in of}:
        rest = [entry for entry in of if entry[0] != one]
        moved = np.linalg.norm(whole - bounded_sums(*arrays(rest), n_columns=N_PRODUCTS, max_norm=max_norm))
        assert moved <= max_norm * (1 + 1e-9)


def test_an_enormous_customer_moves_the_sums_by_just_the_norm() -> None:
    owners, columns, values = arrays([(1, 0, 1e300), (1, 0, 1e300), (1, 3, 1e300), (2, 1, 0.5)])
    sums = bounded_sums(owners, columns, values, n_columns=4, max_norm=2.0)
    assert sums[1] == 0.5
    assert np.linalg.norm(sums[[0, 3]]) == pytest.approx(2.0)


def test_the_noise_of_sums_is_the_multiplier_times_the_norm_on_every_column() -> None:
    released = release_sums(
        *arrays([(1, 0, 3.0)]), n_columns=20_000, max_norm=4.0, noise_multiplier=2.5, randomness=SeededRandomness(3)
    )
    assert released.noise_std == 10.0
    assert released.values[1:].std() == pytest.approx(10.0, rel=0.03)
    assert released.event == Gaussian(noise_multiplier=2.5)
    assert released.constants["secure"] is False
    again = release_sums(*arrays([]), n_columns=5, max_norm=4.0, noise_multiplier=2.5)
    assert again.constants["secure"] is True
    assert len(np.unique(again.values)) == 5


@pytest.mark.parametrize(
    "changed",
    [
        {"max_norm": 0.0},
        {"max_norm": np.inf},
        {"noise_multiplier": 0.0},
        {"n_columns": 0},
        {"n_columns": 3},
        {"columns": np.array([0, -1])},
    ],
)
def test_sums_refuse_constants_that_promise_nothing(changed: dict[str, Any]) -> None:
    facts: dict[str, Any] = {
        "owners": np.array([1, 2]),
        "columns": np.array([0, 3]),
        "values": np.ones(2),
        "n_columns": 4,
        "max_norm": 1.0,
        "noise_multiplier": 1.0,
    }
    with pytest.raises(PrivacyParameterInvalid):
        release_sums(**facts | changed)
