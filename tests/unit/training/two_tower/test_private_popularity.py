"""What the released counts give, by hand."""

import numpy as np
import pytest

from training.errors import PrivateVocabularyEmpty
from training.two_tower.private_popularity import ReleasedPopularity, smooth, smooth_first

TYPES = np.array(["milk", "milk", "milk", "soil", "soil"])


def test_what_stands_out_stays_and_the_rest_takes_the_mean_of_its_type() -> None:
    noisy = np.array([100.0, 4.0, -2.0, 6.0, 8.0])
    counts, taught = smooth(noisy, 10.0, TYPES, 3.0, 9)
    assert taught.tolist() == [0]
    overall = (4 - 2 + 6 + 8) / 4
    milk, soil = (2 + 20 * overall) / 22, (14 + 20 * overall) / 22
    np.testing.assert_allclose(counts, [100, milk, milk, soil, soil])


def test_counts_are_positive_whatever_the_noise() -> None:
    counts, _ = smooth(np.array([50.0, -90, -80, -70, -60]), 10.0, TYPES, 3.0, 9)
    assert (counts > 0).all()
    assert counts[0] == 50
    _, everything = smooth(np.full(5, 90.0), 10.0, TYPES, 3.0, 9)
    assert everything.tolist() == [0, 1, 2, 3, 4]


def test_a_product_at_the_threshold_is_taught() -> None:
    assert smooth(np.array([30.0, 29.9, 0, 0, 0]), 10.0, TYPES, 3.0, 9)[1].tolist() == [0]


def test_only_the_most_popular_are_taught_where_many_stand_out() -> None:
    noisy = np.array([40.0, 90, 31, 70, 2])
    counts, taught = smooth(noisy, 10.0, TYPES, 3.0, 2)
    assert taught.tolist() == [1, 3]
    assert counts[:4].tolist() == [40, 90, 31, 70]  # what stands out keeps its count, taught or not


def test_nothing_out_of_the_noise_is_said() -> None:
    with pytest.raises(PrivateVocabularyEmpty, match="none of 5 products has a noisy count of 30"):
        smooth(np.zeros(5), 10.0, TYPES, 3.0, 9)


def test_first_purchases_lean_on_the_category_where_noise_hides_them() -> None:
    counts = np.array([100.0, 100, 100, 100])
    categories = np.array(["dairy", "dairy", "garden", "garden"])
    noisy = np.array([10.0, 30, 50, 70])
    overall = 160 / 400
    dairy, garden = (40 + 200 * overall) / 400 * 100, (120 + 200 * overall) / 400 * 100
    certain = smooth_first(noisy, 1e-9, counts, categories)
    np.testing.assert_allclose(certain, noisy)
    drowned = smooth_first(noisy, 1e4, counts, categories)
    np.testing.assert_allclose(drowned, [dairy, dairy, garden, garden], rtol=1e-4)
    between = smooth_first(noisy, 0.5 * dairy, counts, categories)
    assert between[0] == pytest.approx((dairy + 10) / 2)  # noise as large as the spread: half way


def test_first_purchases_are_positive_whatever_the_noise() -> None:
    for noisy in (np.array([-500.0, 3, 0, 9]), np.full(4, -9.0)):
        first = smooth_first(noisy, 0.1, np.array([100.0, 1e-6, 5, 5]), np.array(["a", "a", "b", "b"]))
        assert (first > 0).all()
        assert np.isfinite(np.log(first)).all()


def test_the_signals_are_log_shares() -> None:
    released = ReleasedPopularity(np.array([6.0, 3.0, 1.0]), np.array([1.0, 1.0, 2.0]), np.array([0]))
    np.testing.assert_allclose(np.exp(released.log_prior), [0.6, 0.3, 0.1], rtol=1e-6)
    np.testing.assert_allclose(np.exp(released.signals), [[0.6, 0.25], [0.3, 0.25], [0.1, 0.5]], rtol=1e-6)


def test_all_of_it_is_a_function_of_the_release() -> None:
    noisy = np.random.default_rng(3).normal(10, 20, 5)
    ours, theirs = smooth(noisy, 5.0, TYPES, 1.0, 3), smooth(noisy.copy(), 5.0, TYPES.copy(), 1.0, 3)
    assert ours[0].tobytes() == theirs[0].tobytes()
    assert ours[1].tolist() == theirs[1].tolist()
