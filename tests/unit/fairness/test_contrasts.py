"""Simultaneous intervals, the test of no difference and the smallest disparity that shows."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest

from configs.fairness import StatisticsSettings
from fairness.bootstrap import GroupDraws
from fairness.contrasts import compare
from fairness.measures import Definition, Kind, Reference, Side

Floats = npt.NDArray[np.float64]
STATISTICS = StatisticsSettings(
    n_draws=4000, confidence=0.95, alpha=0.05, power=0.8, min_cell=10, min_n=30, min_events=10, max_levels=20, seed=3
)


def definition(
    kind: Kind = "ratio",
    reference: Reference = "groups",
    side: Side = "both",
    ideal: float = 1.0,
    more_is_better: bool = True,
) -> Definition:
    return Definition("prices", "discount_depth", "t", "m", "share", ideal, kind, "s", reference, side, more_is_better)


def drawn(values: list[float], errors: list[float], seed: int = 1, n_draws: int = 4000) -> GroupDraws:
    noise = np.random.default_rng(seed).standard_normal((len(values), n_draws))
    draws = np.array(values)[:, None] + np.array(errors)[:, None] * noise
    size = np.full(len(values), 100)
    return GroupDraws(tuple(f"g{place}" for place in range(len(values))), size, size, np.array(values), draws)


def test_the_worst_and_the_best_group_are_found_whichever_way_is_better() -> None:
    groups = drawn([0.5, 0.4, 0.8], [0.01] * 3)
    more = compare(groups, definition(), STATISTICS)
    assert more.pairs[more.place] == (1, 2)
    assert more.value == pytest.approx(0.5)
    less = compare(groups, definition(more_is_better=False), STATISTICS)
    assert less.pairs[less.place] == (2, 1)
    assert less.value == pytest.approx(0.5)
    gap = compare(groups, definition("difference"), STATISTICS)
    assert gap.pairs[gap.place] == (1, 2)
    assert gap.value == pytest.approx(0.4)


def test_two_groups_have_the_usual_interval_and_p_value() -> None:
    compared = compare(drawn([0.5, 0.45], [0.02, 0.02], n_draws=100_000), definition("difference"), STATISTICS)
    error = 0.02 * 2**0.5
    assert compared.interval == pytest.approx((0.0, 0.05 + 1.96 * error), abs=0.002)
    assert (compared.lows[0], compared.highs[0]) == pytest.approx((0.05 - 1.96 * error, 0.05 + 1.96 * error), abs=0.002)
    assert compared.p_value == pytest.approx(2 * NormalDist().cdf(-0.05 / error), abs=0.005)
    assert compared.minimum_detectable == pytest.approx((1.95996 + 0.84162) * error, rel=0.02)


def test_the_ratio_is_that_of_logarithms() -> None:
    groups = drawn([0.5, 0.25], [0.01, 0.01])
    ratio = compare(groups, definition(), STATISTICS)
    logs = GroupDraws(groups.labels, groups.n, groups.events, np.log(groups.values), np.log(groups.draws))
    gap = compare(logs, definition("difference"), STATISTICS)
    assert ratio.interval == pytest.approx((np.exp(-gap.interval[1]), np.exp(-gap.interval[0])))
    assert ratio.minimum_detectable == pytest.approx(np.exp(-gap.minimum_detectable))
    assert ratio.p_value == gap.p_value


def slow_range(groups: GroupDraws) -> tuple[float, float, float]:
    """Critical value, largest difference and p-value, by loops."""
    errors = groups.draws.std(axis=1)
    places = range(len(groups.labels))
    extremes = []
    for draw in (groups.draws - groups.values[:, None]).T:
        extremes.append(
            max(abs(draw[i] - draw[j]) / np.hypot(errors[i], errors[j]) for i in places for j in places if i < j)
        )
    observed = max(
        abs(groups.values[i] - groups.values[j]) / np.hypot(errors[i], errors[j])
        for i in places
        for j in places
        if i < j
    )
    p_value = (1 + sum(extreme >= observed for extreme in extremes)) / (1 + len(extremes))
    return float(np.quantile(extremes, 0.95)), float(observed), float(p_value)


def test_matches_slow_loops_over_pairs_and_draws() -> None:
    groups = drawn([0.5, 0.52, 0.47, 0.55], [0.02, 0.01, 0.04, 0.02], n_draws=500)
    critical, _, p_value = slow_range(groups)
    compared = compare(groups, definition("difference"), STATISTICS)
    errors = groups.draws.std(axis=1)
    assert compared.p_value == p_value
    for pair, value, high in zip(compared.pairs, compared.values, compared.highs, strict=True):
        worse, better = pair
        assert better is not None
        assert value == pytest.approx(groups.values[better] - groups.values[worse])
        assert high == pytest.approx(value + critical * np.hypot(errors[worse], errors[better]))


def test_the_interval_pays_for_choosing_the_worst_of_many_pairs() -> None:
    covered_simultaneous = covered_plain = 0
    rng = np.random.default_rng(3)
    for _ in range(200):
        values = 0.5 + 0.02 * rng.standard_normal(6)  # nobody is truly worse off
        groups = drawn(values.tolist(), [0.02] * 6, seed=int(rng.integers(1 << 30)), n_draws=400)
        compared = compare(groups, definition("difference"), STATISTICS)
        covered_simultaneous += compared.interval[0] <= 0
        covered_plain += compared.value - 1.96 * 0.02 * 2**0.5 <= 0
    assert covered_simultaneous >= 180
    assert covered_plain <= 150


def test_the_worst_true_ratio_lies_in_the_interval() -> None:
    rng = np.random.default_rng(4)
    truth, errors = np.array([0.4, 0.5, 0.52]), np.array([0.02, 0.03, 0.01])
    covered = 0
    for _ in range(200):
        values = truth + errors * rng.standard_normal(3)
        groups = drawn(values.tolist(), errors.tolist(), seed=int(rng.integers(1 << 30)), n_draws=400)
        low, high = compare(groups, definition(), STATISTICS).interval
        covered += low <= 0.4 / 0.52 <= high
    assert covered >= 184


def test_the_interval_never_claims_a_ratio_above_one() -> None:
    compared = compare(drawn([0.5, 0.5001], [0.05, 0.05]), definition(), STATISTICS)
    assert compared.interval[1] == 1.0
    assert compared.highs[0] > 1


def test_groups_that_are_exactly_equal_differ_by_nothing() -> None:
    kinds: tuple[Kind, ...] = ("ratio", "difference")
    for kind in kinds:
        compared = compare(drawn([0.5, 0.5, 0.5], [0.0] * 3), definition(kind), STATISTICS)
        ideal = 1.0 if kind == "ratio" else 0.0
        assert (compared.value, compared.interval, compared.p_value) == (ideal, (ideal, ideal), 1.0)


def test_a_difference_without_any_spread_is_certain() -> None:
    compared = compare(drawn([0.5, 0.6], [0.0, 0.0]), definition("difference"), STATISTICS)
    assert compared.p_value == pytest.approx(1 / 4001)
    assert compared.interval == pytest.approx((0.1, 0.1))


def test_rounding_is_no_difference() -> None:
    noise = 1e-15 * np.random.default_rng(1).standard_normal((2, 300))
    size = np.full(2, 50)
    groups = GroupDraws(("a", "b"), size, size, np.array([1.0, 1.0 + 2e-15]), 1 + noise)
    assert compare(groups, definition(), STATISTICS).p_value == 1.0


def test_a_group_with_nothing_has_the_ratio_zero_and_a_wide_interval() -> None:
    groups = drawn([0.0, 0.3], [0.0, 0.02])
    compared = compare(groups, definition(), STATISTICS)
    assert compared.value == 0
    low, high = compared.interval
    assert low == 0
    assert 0.03 < high < 0.3  # of a hundred customers one or two may have been missed
    assert compared.p_value < 0.01


def test_few_who_have_nothing_prove_little() -> None:
    groups = drawn([0.0, 0.03], [0.0, 0.01])
    assert compare(groups, definition(), STATISTICS).p_value > 0.05


@pytest.mark.parametrize(("side", "worst", "value"), [("low", 0, -0.3), ("high", 2, 0.2), ("both", 0, -0.3)])
def test_against_an_ideal_the_harmful_side_counts(side: Side, worst: int, value: float) -> None:
    compared = compare(drawn([0.7, 1.0, 1.2], [0.02] * 3), definition("difference", "ideal", side), STATISTICS)
    assert compared.pairs[compared.place] == (worst, None)
    assert compared.value == pytest.approx(value)
    assert compared.interval[0] < value < compared.interval[1]
    assert compared.p_value < 0.01


def test_being_better_than_the_ideal_is_no_harm() -> None:
    groups = drawn([1.3, 1.4], [0.02, 0.02])
    assert compare(groups, definition("difference", "ideal", "low"), STATISTICS).p_value == 1.0
    assert compare(groups, definition("difference", "ideal", "high"), STATISTICS).p_value < 0.01


def test_one_group_against_an_ideal_has_the_usual_interval() -> None:
    compared = compare(drawn([0.6], [0.02], n_draws=100_000), definition("difference", "ideal", ideal=0.5), STATISTICS)
    assert compared.interval == pytest.approx((0.1 - 0.0392, 0.1 + 0.0392), abs=0.001)
    assert compared.minimum_detectable == pytest.approx(2.8016 * 0.02, rel=0.02)


@pytest.mark.parametrize(("side", "value"), [("low", 0.8 / 0.5), ("high", 0.5 / 0.8), ("both", 0.5 / 0.8)])
def test_ratios_to_an_ideal_fall_below_one_on_the_harmful_side(side: Side, value: float) -> None:
    compared = compare(drawn([0.8], [0.01]), definition("ratio", "ideal", side, ideal=0.5), STATISTICS)
    assert compared.value == pytest.approx(value)
    assert compared.interval[0] < value < compared.interval[1]
