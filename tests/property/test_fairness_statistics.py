"""What holds of fairness statistics whatever the figures are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from configs.fairness import StatisticsSettings
from fairness.bootstrap import GroupDraws, Tally, ratio_draws
from fairness.bounds import worst_case_bounds
from fairness.contrasts import compare
from fairness.groups import Grouping
from fairness.measures import Definition
from fairness.suppression import suppressed_cells
from fairness.verdict import benjamini_hochberg, holm, judge

STATISTICS = StatisticsSettings(
    n_draws=200, confidence=0.95, alpha=0.05, power=0.8, min_cell=10, min_n=30, min_events=10, max_levels=20, seed=3
)
RATIO = Definition("segments", "selection_rate", "t", "m", "share", 1.0, "ratio", "s")
GAP = Definition("segments", "selection_rate", "t", "m", "share", 0.0, "difference", "s")
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20)
figures = arrays(np.float64, st.integers(2, 6), elements=st.floats(0, 5).map(lambda x: round(x, 3)))


def drawn(values: np.ndarray, error: float) -> GroupDraws:
    noise = np.random.default_rng(1).standard_normal((values.size, 200))
    sizes = np.full(values.size, 100)
    labels = tuple(f"g{place}" for place in range(values.size))
    return GroupDraws(labels, sizes, sizes, values, np.abs(values[:, None] + error * noise))


@given(p_values)
def test_adjusting_never_lowers_a_p_value_nor_changes_their_order(p: list[float]) -> None:
    for correct in (holm, benjamini_hochberg):
        adjusted = correct(p)
        assert all(before <= after + 1e-12 and after <= 1 for before, after in zip(p, adjusted, strict=True))
        ranked = [adjusted[place] for place in np.argsort(p, kind="stable")]
        assert ranked == sorted(ranked)
    assert all(bh <= h + 1e-12 for bh, h in zip(benjamini_hochberg(p), holm(p), strict=True))


@given(figures, st.floats(0.001, 0.5))
@settings(deadline=None)
def test_a_contrast_lies_in_its_interval(values: np.ndarray, error: float) -> None:
    if values.max() > 0:
        ratio = compare(drawn(values, error), RATIO, STATISTICS)
        assert 0 <= ratio.interval[0] <= ratio.value + 1e-9
        assert ratio.value - 1e-9 <= ratio.interval[1] <= 1
        assert 0 < ratio.p_value <= 1
    gap = compare(drawn(values, error), GAP, STATISTICS)
    assert gap.interval[0] <= gap.value + 1e-9 <= gap.interval[1] + 2e-9
    assert gap.value == pytest.approx(values.max() - values.min())


@given(figures, st.floats(0.001, 0.5), st.floats(0.01, 100))
@settings(deadline=None)
def test_the_unit_of_a_figure_does_not_change_a_ratio(values: np.ndarray, error: float, factor: float) -> None:
    values = values + 0.5
    one = drawn(values, error)
    other = GroupDraws(one.labels, one.n, one.events, values * factor, one.draws * factor)
    first, second = (compare(groups, RATIO, STATISTICS) for groups in (one, other))
    assert first.interval == pytest.approx(second.interval)
    assert first.p_value == pytest.approx(second.p_value, abs=0.011)


@given(figures, st.floats(0.0, 0.3), st.floats(0.3, 0.99))
@settings(deadline=None)
def test_a_looser_margin_never_turns_a_pass_into_anything_else(values: np.ndarray, error: float, margin: float) -> None:
    groups = drawn(values + 0.5, error)

    def verdict(at: float) -> str:
        return judge(RATIO, groups, attribute=None, family="primary", margin=at, statistics=STATISTICS).verdict

    rank = {"FAIL": 0, "INSUFFICIENT": 1, "PASS": 2}
    assert rank[verdict(margin - 0.2)] >= rank[verdict(margin)]


@given(arrays(np.int64, st.integers(1, 8), elements=st.integers(0, 60)))
def test_a_total_never_gives_a_small_cell_away(n: np.ndarray) -> None:
    hidden = suppressed_cells(n, [list(range(n.size))], 10)
    assert hidden[(n > 0) & (n < 10)].all()
    if hidden.any():
        others = (~hidden & (n > 0)).any()
        assert not others or (hidden.sum() >= 2 and n[hidden].sum() >= 10)


@given(st.integers(0, 2**32 - 1), st.integers(8, 40))
@settings(deadline=None)
def test_every_resampled_figure_lies_among_those_of_the_customers_and_every_figure_within_its_bounds(
    seed: int, n: int
) -> None:
    rng = np.random.default_rng(seed)
    denominator = rng.integers(1, 9, n).astype(float)
    numerator = rng.normal(1, 2, n)
    grouping = Grouping("income", ("low", "high", "unknown"), rng.integers(0, 3, n))
    tally = Tally(numerator, denominator, np.ones(n), rng.random(n) < 0.8)
    groups = ratio_draws(tally, grouping, n_draws=200, seed=1)
    bounds = worst_case_bounds(tally, grouping)
    for group in np.flatnonzero(groups.n > 0):
        own = (numerator / denominator)[(grouping.codes == group) & tally.counted]
        assert own.min() - 1e-9 <= groups.draws[group].min()
        assert groups.draws[group].max() <= own.max() + 1e-9
        assert bounds[group, 0] - 1e-9 <= groups.values[group] <= bounds[group, 1] + 1e-9
