"""Noisy sums over customers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.errors import PrivacyParameterInvalid
from privacy.events import Gaussian
from privacy.randomness import SeededRandomness
from privacy.releases import (
    bounded_sums,
    release_sums,
)

N_PRODUCTS = 12


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
