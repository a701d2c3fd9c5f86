"""Noise of a known size taken back: nothing below 0, little of what stands out by luck, all of what stands out."""

import numpy as np
import pytest

from training.demand.private_levels import posterior_sums, shrunk

NOISE = 10.0


def town(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """2,000 products that hardly sell and 100 that sell well, which are of another public class."""
    rng = np.random.default_rng(seed)
    true = np.concatenate([rng.exponential(1.0, 2000), rng.gamma(4, 30, 100)])
    classes = np.repeat([0, 1], [2000, 100])
    return true, true + NOISE * rng.standard_normal(len(true)), classes


def test_the_posterior_is_nearer_to_the_truth_than_the_release() -> None:
    true, noisy, classes = town()
    found, spread = posterior_sums(noisy, NOISE, classes)
    assert 0 < spread[classes == 0].mean() < spread[classes == 1].mean() < 1.2 * NOISE
    assert (found >= 0).all()
    assert np.abs(found - true).mean() < 0.35 * np.abs(noisy - true).mean()
    np.testing.assert_allclose(found[classes == 1].sum(), noisy[classes == 1].sum())


def test_a_class_that_sells_is_believed_sooner() -> None:
    true, noisy, classes = town()
    alike, _ = posterior_sums(noisy, NOISE, np.zeros_like(classes))
    told, _ = posterior_sums(noisy, NOISE, classes)
    assert np.abs(told - true).mean() < np.abs(alike - true).mean()


def test_almost_without_noise_nothing_is_taken_back() -> None:
    true, _, classes = town()
    found, _ = posterior_sums(true, 0.5, classes)
    large = true > 60
    np.testing.assert_allclose(found[large], true[large], rtol=0.1)


def test_nothing_sold_is_nothing() -> None:
    assert posterior_sums(np.full(5, -3.0), 1.0, np.zeros(5, dtype=np.int64))[0] == pytest.approx(np.zeros(5))


def test_what_was_not_seen_leaves_what_is_expected() -> None:
    seen = shrunk(np.array([np.nan, 4.0]), np.array([1.0, 1e12]), np.full(2, 1.5), np.ones(2))
    assert seen == pytest.approx([1.5, 1.5])
