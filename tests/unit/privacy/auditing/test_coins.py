"""Coins are fair and independent of everything; halves are halves."""

import numpy as np

from privacy.auditing.coins import flip, halves
from privacy.randomness import SeededRandomness


def test_coins_are_fair_and_never_the_same_again() -> None:
    first, second = flip(20_000, None), flip(20_000, None)
    assert abs(first.mean() - 0.5) < 0.02
    assert abs((first == second).mean() - 0.5) < 0.02


def test_a_seed_repeats_them() -> None:
    assert flip(50, SeededRandomness(1)).tolist() == flip(50, SeededRandomness(1)).tolist()


def test_halves_are_of_one_size_and_everybody_is_as_likely() -> None:
    drawn = np.array([halves(7, SeededRandomness(seed)) for seed in range(4_000)])
    assert set(drawn.sum(axis=1)) == {3}
    assert np.abs(drawn.mean(axis=0) - 3 / 7).max() < 0.03
