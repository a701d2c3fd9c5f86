"""Worst-case bounds against every way of sharing out the unknown."""

from itertools import product

import numpy as np
import pytest

from fairness.bootstrap import Tally, mean_tally
from fairness.bounds import worst_case_bounds
from fairness.groups import Grouping


def where(*codes: int) -> Grouping:
    return Grouping("income", ("low", "high", "unknown"), np.array(codes))


def by_enumeration(tally: Tally, grouping: Grouping, group: int) -> tuple[float, float]:
    own = (grouping.codes == group) & tally.counted
    adrift = np.flatnonzero((grouping.codes == 2) & tally.counted)
    figures = []
    for joins in product([False, True], repeat=adrift.size):
        chosen = own.copy()
        chosen[adrift[list(joins)]] = True
        denominator = tally.denominator[chosen].sum()
        if denominator > 0:
            figures.append(tally.numerator[chosen].sum() / denominator)
    return min(figures), max(figures)


def test_a_share_is_bounded_by_the_ones_and_zeros_that_may_join() -> None:
    selected = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    bounds = worst_case_bounds(mean_tally(selected), where(0, 0, 1, 1, 2, 2, 2, 2))
    assert bounds[0] == pytest.approx([1 / 5, 2 / 3])  # three zeros join one of two; or the single one does
    assert bounds[1] == pytest.approx([2 / 5, 1])
    assert bounds[2] == pytest.approx([1 / 4, 1 / 4])


@pytest.mark.parametrize("seed", range(12))
def test_ratios_of_sums_are_bounded_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    denominator = rng.integers(0, 5, 13).astype(float)
    numerator = np.where(denominator > 0, rng.normal(0.5, 2, 13), 0.0)
    tally = Tally(numerator, denominator, np.ones(13), rng.random(13) < 0.9)
    tally.counted[[0, 2]] = True
    denominator[[0, 2]] = 3.0
    grouping = where(0, 0, 1, 1, *[2] * 9)
    bounds = worst_case_bounds(tally, grouping)
    for group in (0, 1):
        assert bounds[group] == pytest.approx(by_enumeration(tally, grouping, group))


def test_without_unknown_customers_the_figure_is_its_own_bound() -> None:
    bounds = worst_case_bounds(mean_tally(np.array([0.2, 0.4, 0.9])), where(0, 0, 1))
    assert bounds[0] == pytest.approx([0.3, 0.3])
    assert np.isnan(bounds[2]).all()


def test_a_numerator_without_denominator_may_join_too() -> None:
    tally = Tally(np.array([2.0, 6.0]), np.array([4.0, 0.0]), np.ones(2), np.ones(2, dtype=np.bool_))
    assert worst_case_bounds(tally, where(0, 2))[0] == pytest.approx([0.5, 2.0])


def test_a_group_of_nobody_is_bounded_by_the_unknown_alone() -> None:
    bounds = worst_case_bounds(mean_tally(np.array([0.2, 0.4, 0.9])), where(0, 2, 2))
    assert bounds[1] == pytest.approx([0.4, 0.9])
