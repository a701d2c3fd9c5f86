"""Random numbers for noise and sampling."""

import numpy as np
import pytest
from scipy import stats

from privacy.randomness import Randomness, SeededRandomness, SystemRandomness

N = 200_000
STREAMS = [SystemRandomness(), SeededRandomness(3)]
both = pytest.mark.parametrize("stream", STREAMS, ids=["system", "seeded"])


@both
def test_gaussian_numbers_are_standard_normal_and_independent(stream: Randomness) -> None:
    draws = stream.gaussian(N)
    assert draws.shape == (N,)
    assert draws.dtype == np.float64
    assert stats.kstest(draws, "norm").pvalue > 1e-6
    assert abs(draws.std() - 1) < 0.01
    assert abs(stats.kurtosis(draws)) < 0.06
    assert abs(np.corrcoef(draws[: N // 2], draws[N // 2 :])[0, 1]) < 0.02


@both
@pytest.mark.parametrize("n", [0, 1, 2, 3, 7])
def test_as_many_come_as_were_asked_for(stream: Randomness, n: int) -> None:
    assert len(stream.gaussian(n)) == len(stream.uniform(n)) == n


@both
def test_uniform_numbers_fill_the_unit_interval(stream: Randomness) -> None:
    draws = stream.uniform(N)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert stats.kstest(draws, "uniform").pvalue > 1e-6


@both
def test_each_position_is_taken_by_itself(stream: Randomness) -> None:
    """The size of a Poisson sample is binomial; that of a shuffled batch would never vary."""
    sizes = np.array([len(stream.poisson_sample(1_000, 0.1)) for _ in range(2_000)])
    assert abs(sizes.mean() - 100) < 1.5
    assert abs(sizes.var() - 90) < 15
    rows = stream.poisson_sample(1_000, 0.1)
    assert rows.dtype == np.int64
    assert (np.diff(rows) > 0).all()


@both
def test_sampling_at_the_ends(stream: Randomness) -> None:
    assert stream.poisson_sample(50, 1.0).tolist() == list(range(50))
    assert len(stream.poisson_sample(50, 1e-12)) == 0
    assert len(stream.poisson_sample(0, 0.5)) == 0


def test_a_seed_repeats_itself_and_the_system_does_not() -> None:
    assert SeededRandomness(5).words(4).tolist() == SeededRandomness(5).words(4).tolist()
    assert SystemRandomness().words(4).tolist() != SystemRandomness().words(4).tolist()
    assert SystemRandomness.secure
    assert not SeededRandomness.secure
