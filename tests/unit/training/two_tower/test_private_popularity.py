"""What the released counts give, by hand."""

import numpy as np
import pytest

from training.errors import PrivateVocabularyEmpty
from training.two_tower.private_popularity import ReleasedPopularity, smooth

TYPES = np.array(["milk", "milk", "milk", "soil", "soil"])


def test_what_stands_out_stays_and_the_rest_takes_the_mean_of_its_type() -> None:
    noisy = np.array([100.0, 4.0, -2.0, 6.0, 8.0])
    released = smooth(noisy, 10.0, TYPES, 3.0)
    assert released.taught.tolist() == [0]
    overall = (4 - 2 + 6 + 8) / 4
    milk, soil = (2 + 20 * overall) / 22, (14 + 20 * overall) / 22
    np.testing.assert_allclose(released.counts, [100, milk, milk, soil, soil])


def test_counts_are_positive_whatever_the_noise() -> None:
    released = smooth(np.array([50.0, -90, -80, -70, -60]), 10.0, TYPES, 3.0)
    assert (released.counts > 0).all()
    assert np.isfinite(released.log_prior).all()
    assert released.counts[0] == 50
    everything = smooth(np.full(5, 90.0), 10.0, TYPES, 3.0)
    assert everything.taught.tolist() == [0, 1, 2, 3, 4]


def test_a_product_at_the_threshold_is_taught() -> None:
    assert smooth(np.array([30.0, 29.9, 0, 0, 0]), 10.0, TYPES, 3.0).taught.tolist() == [0]


def test_nothing_out_of_the_noise_is_said() -> None:
    with pytest.raises(PrivateVocabularyEmpty, match="none of 5 products has a noisy count of 30"):
        smooth(np.zeros(5), 10.0, TYPES, 3.0)


def test_the_prior_is_the_share_and_rare_purchases_say_more() -> None:
    released = ReleasedPopularity(np.array([6.0, 3.0, 1.0]), np.array([0]))
    np.testing.assert_allclose(np.exp(released.log_prior), [0.6, 0.3, 0.1], rtol=1e-6)
    expected = np.log1p([1, 2, 6]) / np.log1p(6)
    np.testing.assert_allclose(released.pool_weights, expected, rtol=1e-6)


def test_all_of_it_is_a_function_of_the_release() -> None:
    noisy = np.random.default_rng(3).normal(10, 20, 5)
    ours, theirs = smooth(noisy, 5.0, TYPES, 1.0), smooth(noisy.copy(), 5.0, TYPES.copy(), 1.0)
    assert ours.counts.tobytes() == theirs.counts.tobytes()
