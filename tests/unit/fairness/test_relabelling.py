"""Labels dealt out anew: what stays as it is, and how rare a score is."""

import math

import numpy as np
import pytest

from fairness.relabelling import activity_strata, bennett_score, deals, group_shares, tail_share, upper_limit


def test_a_deal_keeps_how_many_of_each_group_a_stratum_holds() -> None:
    rng = np.random.default_rng(1)
    codes, strata = rng.integers(0, 3, 60), rng.integers(0, 4, 60)
    blocks = list(deals(codes, strata, n_draws=25, n_block=10, seed=3))
    assert [len(block) for block in blocks] == [10, 10, 5]
    dealt = np.concatenate(blocks)
    for stratum in range(4):
        wanted = np.bincount(codes[strata == stratum], minlength=3)
        for labels in dealt:
            assert np.bincount(labels[strata == stratum], minlength=3).tolist() == wanted.tolist()
    assert len(np.unique(dealt, axis=0)) == 25


def test_every_customer_of_a_stratum_is_dealt_each_group_as_often_as_its_share() -> None:
    codes, strata = np.array([0, 0, 0, 1, 1, 0]), np.array([0, 0, 0, 0, 1, 1])
    dealt = np.concatenate(list(deals(codes, strata, n_draws=4000, n_block=4000, seed=2)))
    shares = group_shares(codes, strata, 2)
    assert shares[:, 1].tolist() == [0.25] * 4 + [0.5] * 2
    assert dealt.mean(axis=0) == pytest.approx(shares[:, 1], abs=0.03)


def test_strata_hold_about_as_many_customers_each_and_the_idle_are_apart() -> None:
    activity = np.r_[np.zeros(5, np.int64), np.arange(1, 11)]
    strata = activity_strata(activity, 5)
    assert np.bincount(strata).tolist() == [5, 2, 2, 2, 2, 2]
    assert (np.diff(strata[5:]) >= 0).all()


@pytest.mark.parametrize(("n", "p", "seen"), [(5, 0.1, 4), (40, 0.2, 18), (400, 0.5, 240)])
def test_the_score_bounds_the_chance_of_a_binomial_from_above(n: int, p: float, seen: int) -> None:
    tail = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(seen, n + 1))
    score = bennett_score(np.array([seen - n * p]), np.array([n * p * (1 - p)]), np.array([1.0]))[0]
    assert tail <= math.exp(-score) <= 100 * tail


def test_what_cannot_vary_or_lies_below_its_mean_scores_0() -> None:
    assert bennett_score(np.array([3.0, -1.0]), np.array([0.0, 1.0]), np.array([1.0, 1.0])).tolist() == [0, 0]


def test_a_limit_is_passed_exactly_when_the_tail_is_within_the_level() -> None:
    draws = np.random.default_rng(0).random(199)
    limit = upper_limit(draws, 0.05)
    assert tail_share(draws, np.nextafter(limit, 2)) <= 0.05
    assert tail_share(draws, limit) > 0.05
    assert upper_limit(draws[:10], 0.05) == float("inf")
    assert tail_share(draws, 2.0) == 1 / 200
