"""The counts on trial: the right release passes, halved noise and missing bounds do not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from privacy.auditing.count_trial import CountTrial, Entries, SumTrial, clipped_rows, try_counts, try_sums
from privacy.auditing.errors import CanariesTooFew
from privacy.randomness import Floats, Ints, SeededRandomness
from privacy.releases import ReleasedSums, bounded_sums, release_sums

N, EACH = 400, 4


def entries(first_column: int, n: int) -> Entries:
    """People with columns of their own, each as long as may be: 4 entries of 1.5 make 3."""
    owners = np.repeat(np.arange(n), EACH)
    return Entries(owners, first_column + np.arange(n * EACH), np.full(n * EACH, 1.5), n)


TRIAL = CountTrial(
    canaries=entries(0, N),
    others=entries(0, 50),
    n_columns=N * EACH + 100,
    max_norm=3.0,
    noise_multiplier=1.5,
    delta=1e-5,
    error=1e-3,
    randomness=SeededRandomness(2),
)


def quiet(owners: Ints, columns: Ints, values: Floats, *, noise_multiplier: float, **public: Any) -> ReleasedSums:
    """Add half of the noise that is claimed."""
    return release_sums(owners, columns, values, noise_multiplier=noise_multiplier / 2, **public)


def unbounded(owners: Ints, columns: Ints, values: Floats, *, n_columns: int, max_norm: float) -> Floats:
    """Add up whatever people bring."""
    return bounded_sums(owners, columns, values, n_columns=n_columns, max_norm=1e9)


def test_the_right_release_passes(by_test: Any) -> None:
    found = by_test(try_counts(TRIAL))
    assert all(one.passed and one.release == "counts" for one in found.values())
    assert 0.9 * found["noise"].limit < found["noise"].value < found["noise"].limit
    assert found["sensitivity"].value == pytest.approx(1.0)


def test_halved_noise_fails(by_test: Any) -> None:
    found = by_test(try_counts(replace(TRIAL, release=quiet)))
    assert [name for name, one in found.items() if not one.passed] == ["gaussian", "noise"]


def test_a_missing_bound_fails(by_test: Any) -> None:
    found = by_test(try_counts(replace(TRIAL, bounded=unbounded)))
    assert [name for name, one in found.items() if not one.passed] == ["sensitivity"]
    assert found["sensitivity"].value == pytest.approx(4.0)


def test_rows_are_clipped_each_by_itself() -> None:
    some = Entries(np.array([0, 0, 1, 3]), np.array([0, 2, 1, 1]), np.array([3.0, 4.0, 1.0, 2.0]), 4)
    rows = clipped_rows(some, n_columns=3, max_norm=2.0).toarray()
    assert rows.ravel().tolist() == pytest.approx([3 / 5, 0, 4 / 5, 0, 0.5, 0, 0, 0, 0, 0, 1, 0])
    sums = bounded_sums(some.owners, some.columns, some.values, n_columns=3, max_norm=2.0)
    assert (2.0 * rows.sum(axis=0)).tolist() == pytest.approx(sums.tolist())


def test_who_is_left_out_has_no_entry() -> None:
    inside = entries(0, 3).of(np.array([False, True, False]))
    assert inside.owners.tolist() == [1] * EACH
    assert inside.n_owners == 3


def test_too_few_canaries_are_refused() -> None:
    with pytest.raises(CanariesTooFew):
        try_counts(replace(TRIAL, canaries=entries(0, 40)))


def test_noise_must_be_on_every_kind_of_sums(by_test: Any) -> None:
    rows = sparse.csr_array(sparse.eye_array(N, 10 * N))
    kinds = np.zeros(10 * N, dtype=np.int64)
    kinds[-50:] = 1

    def release(coins: Any) -> Floats:
        noise = 1.5 * SeededRandomness(3).gaussian(10 * N)
        return np.asarray(coins.astype(float) @ rows) + np.where(kinds == 1, 0.2, 1.0) * noise

    trial = SumTrial(
        rows=rows,
        others=np.zeros(10 * N),
        release=release,
        moved=lambda: 1.0,
        noise_multiplier=1.5,
        delta=1e-5,
        error=1e-3,
        name="levels",
        randomness=SeededRandomness(2),
    )
    assert by_test(try_sums(trial))["noise"].passed, "fifty bare sums are lost among thousands"
    found = by_test(try_sums(replace(trial, kinds=kinds)))
    assert [name for name, one in found.items() if not one.passed] == ["noise"]
    assert {one.release for one in found.values()} == {"levels"}
