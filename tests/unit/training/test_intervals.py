"""The bootstrap over customers against a slow twin and known answers."""

import math

import numpy as np
import pytest

from training import intervals
from training.errors import SettingOutOfRange
from training.intervals import bootstrap_means, mean_interval, paired_difference_interval, percentile_interval


def test_resampled_means_equal_a_slow_twin() -> None:
    values = np.array([[1.0, np.nan], [2.0, 5.0], [4.0, 7.0]])
    generator = np.random.default_rng(9)
    expected = []
    for counts in generator.multinomial(3, [1 / 3] * 3, size=20):
        drawn = [values[i] for i, count in enumerate(counts) for _ in range(count)]
        columns = [[row[j] for row in drawn if not math.isnan(row[j])] for j in range(2)]
        expected.append([sum(column) / len(column) if column else math.nan for column in columns])
    np.testing.assert_allclose(bootstrap_means(values, n_resamples=20, seed=9), expected)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random((40, 3))
    whole = bootstrap_means(values, n_resamples=25, seed=4)
    monkeypatch.setattr(intervals, "_BLOCK_CELLS", 100)
    np.testing.assert_allclose(bootstrap_means(values, n_resamples=25, seed=4), whole)


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(2).normal(10, 3, size=900)
    low, high = mean_interval(values, n_resamples=2000, confidence=0.95, seed=1)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 30, rel=0.1)
    assert low < values.mean() < high


def test_pairing_cancels_what_both_share() -> None:
    shared = np.random.default_rng(3).normal(0, 100, size=200)
    gain = np.random.default_rng(4).normal(1, 0.5, size=200)
    low, high = paired_difference_interval(shared + gain, shared, n_resamples=500, confidence=0.95, seed=1)
    assert 0.8 < low < gain.mean() < high < 1.2


def test_seeds_decide() -> None:
    values = np.random.default_rng(5).random((30, 1))
    assert (bootstrap_means(values, n_resamples=5, seed=1) == bootstrap_means(values, n_resamples=5, seed=1)).all()
    assert (bootstrap_means(values, n_resamples=5, seed=1) != bootstrap_means(values, n_resamples=5, seed=2)).any()


def test_nobody_gives_no_interval() -> None:
    assert math.isnan(mean_interval(np.array([]), n_resamples=3, confidence=0.9, seed=0).low)
    assert math.isnan(mean_interval(np.array([np.nan]), n_resamples=3, confidence=0.9, seed=0).high)


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(SettingOutOfRange, match="n_resamples=0"):
        bootstrap_means(np.ones((2, 1)), n_resamples=0, seed=0)
    with pytest.raises(SettingOutOfRange, match="confidence=1"):
        percentile_interval(np.ones(3), 1.0)
