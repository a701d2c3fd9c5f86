"""Attack figures against the slow definitions."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from privacy.auditing.membership import FALSE_ALARMS, area_under_curve, attacks_by_group, share_interval, threshold_at

RNG = np.random.default_rng(1)


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    members, others = RNG.integers(0, 9, 40).astype(float), RNG.integers(0, 7, 30).astype(float)
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in product(members, others)]
    assert area_under_curve(members, others).value == pytest.approx(np.mean(pairs))


def test_its_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for _ in range(300):
        found = area_under_curve(RNG.normal(0.5, 1, 120), RNG.normal(0, 1, 100))
        held += found.low < 0.63816 < found.high  # Phi(0.5 / sqrt 2)
    assert 0.9 < held / 300 < 0.99


def test_perfect_order_stays_inside_one() -> None:
    found = area_under_curve(np.arange(50.0) + 100, np.arange(50.0))
    assert found.value == 1.0
    assert 0.9 < found.low <= found.high <= 1.0


@pytest.mark.parametrize(("n_hits", "n"), [(0, 40), (3, 40), (40, 40)])
def test_clopper_pearson_ends_where_the_tails_do(n_hits: int, n: int) -> None:
    low, high = share_interval(n_hits, n, confidence=0.95)
    assert (low == 0.0) if n_hits == 0 else binom.sf(n_hits - 1, n, low) == pytest.approx(0.025)
    assert (high == 1.0) if n_hits == n else binom.cdf(n_hits, n, high) == pytest.approx(0.025)


def test_the_threshold_lets_the_share_of_others_pass() -> None:
    others = RNG.normal(size=3_000)
    assert (others > threshold_at(others, FALSE_ALARMS)).sum() == 3


def test_groups_share_the_threshold_and_small_ones_are_left_out() -> None:
    members = np.arange(400) % 2 == 0
    scores = np.where(members & (np.arange(400) < 200), 5.0, 0.0) + 1e-3 * RNG.normal(size=400)
    groups = {"told": np.arange(400) < 200, "safe": np.arange(400) >= 200, "few": np.arange(400) < 40}
    everyone, told, safe = attacks_by_group(scores, members, groups)
    assert (everyone.group, everyone.n_members, everyone.n_others) == ("everyone", 200, 200)
    assert told.auc == 1.0
    assert told.hits == 1.0
    assert safe.auc == pytest.approx(0.5, abs=0.12)
    assert safe.hits < 0.05


def test_of_too_few_people_nothing_is_said() -> None:
    assert attacks_by_group(np.zeros(100), np.arange(100) < 20, {}) == ()
