"""PASS on evidence, FAIL beyond doubt, INSUFFICIENT between; families as a whole."""

import numpy as np
import numpy.typing as npt
import pytest

from configs.fairness import StatisticsSettings
from fairness.bootstrap import GroupDraws
from fairness.groups import Grouping
from fairness.measures import Contrast, Definition, Family, Kind, Measure, Reference, Side, Verdict
from fairness.verdict import adjust, benjamini_hochberg, holm, insufficient, judge, overall

Floats = npt.NDArray[np.float64]
STATISTICS = StatisticsSettings(
    n_draws=2000, confidence=0.95, alpha=0.05, power=0.8, min_cell=10, min_n=30, min_events=10, max_levels=5, seed=3
)


def definition(
    kind: Kind = "ratio", reference: Reference = "groups", side: Side = "both", ideal: float = 1.0
) -> Definition:
    return Definition("segments", "selection_rate", "t", "m", "share", ideal, kind, "s", reference, side)


def drawn(values: list[float], error: float = 0.01, n: list[int] | None = None) -> GroupDraws:
    """Groups g0, g1, … and the unknown, whose figure is .9."""
    figures = np.array([*values, 0.9])
    draws = figures[:, None] + error * np.random.default_rng(1).standard_normal((figures.size, 2000))
    sizes = np.array([*(n or [100] * len(values)), 400])
    labels = (*(f"g{place}" for place in range(len(values))), "unknown")
    return GroupDraws(labels, sizes, sizes, figures, draws)


def verdict(what: Definition, groups: GroupDraws, margin: float) -> Measure:
    return judge(what, groups, attribute="income", family="primary", margin=margin, statistics=STATISTICS)


@pytest.mark.parametrize(
    ("values", "error", "expected"),
    [
        ([0.5, 0.49], 0.005, "PASS"),
        ([0.5, 0.3], 0.005, "FAIL"),
        ([0.5, 0.41], 0.01, "INSUFFICIENT"),  # a ratio of .82, and the interval reaches below
        ([0.5, 0.35], 0.1, "INSUFFICIENT"),
        ([0.5, 0.5], 0.1, "INSUFFICIENT"),  # equal figures are no evidence when the sample is small
    ],
)
def test_ratios(values: list[float], error: float, expected: str) -> None:
    measure = verdict(definition(), drawn(values, error), 0.8)
    assert measure.verdict == expected
    assert measure.contrast is not None
    assert measure.contrast.value == pytest.approx(min(values) / max(values))
    assert measure.contrast.minimum_detectable is not None
    assert measure.note


@pytest.mark.parametrize(
    ("values", "error", "expected"),
    [([0.5, 0.49], 0.005, "PASS"), ([0.5, 0.3], 0.005, "FAIL"), ([0.5, 0.46], 0.01, "INSUFFICIENT")],
)
def test_differences(values: list[float], error: float, expected: str) -> None:
    assert verdict(definition("difference"), drawn(values, error), 0.05).verdict == expected


@pytest.mark.parametrize(
    ("values", "error", "expected"),
    [
        ([0.5, 0.5], 0.0, "PASS"),
        ([0.5, 0.51], 0.0, "FAIL"),
        ([0.5, 0.5], 0.01, "INSUFFICIENT"),
        ([0.5, 0.6], 0.01, "FAIL"),
    ],
)
def test_a_margin_of_nothing_is_met_by_equality_alone(values: list[float], error: float, expected: str) -> None:
    assert verdict(definition("difference"), drawn(values, error), 0.0).verdict == expected


@pytest.mark.parametrize(
    ("kind", "side", "value", "margin", "expected"),
    [
        ("difference", "both", 1.26, 0.2, "FAIL"),
        ("difference", "both", 0.74, 0.2, "FAIL"),
        ("difference", "both", 1.1, 0.2, "PASS"),
        ("difference", "both", 1.19, 0.2, "INSUFFICIENT"),
        ("difference", "low", 1.5, 0.2, "PASS"),
        ("difference", "low", 0.7, 0.2, "FAIL"),
        ("difference", "high", 0.5, 0.2, "PASS"),
        ("difference", "high", 1.3, 0.2, "FAIL"),
        ("ratio", "low", 0.3, 0.5, "FAIL"),
        ("ratio", "low", 0.6, 0.5, "PASS"),
        ("ratio", "low", 0.51, 0.5, "INSUFFICIENT"),
    ],
)
def test_against_an_ideal(kind: Kind, side: Side, value: float, margin: float, expected: str) -> None:
    measure = judge(
        definition(kind, "ideal", side),
        drawn([value]),
        attribute="supplier_class",
        family="primary",
        margin=margin,
        statistics=STATISTICS,
        against="demand share",
    )
    assert measure.verdict == expected
    assert measure.contrast is not None
    assert (measure.contrast.worst_group, measure.contrast.best_group) == ("g0", "demand share")


def test_a_pass_needs_evidence_on_every_group_and_not_only_on_the_two_extremes() -> None:
    groups = drawn([0.5, 0.48, 0.49], 0.004)
    assert verdict(definition(), groups, 0.8).verdict == "PASS"
    groups.draws[2] = 0.49 + 0.1 * np.random.default_rng(2).standard_normal(2000)
    measure = verdict(definition(), groups, 0.8)
    assert measure.verdict == "INSUFFICIENT"
    assert "against g2)" in measure.note or "(g2 against" in measure.note


def test_the_unknown_are_shown_and_not_judged() -> None:
    measure = verdict(definition(), drawn([0.5, 0.5], 0.004), 0.8)
    assert [group.group for group in measure.groups] == ["g0", "g1", "unknown"]
    assert measure.groups[-1].value == 0.9
    assert measure.verdict == "PASS"


def test_percentile_intervals_of_each_group() -> None:
    groups = drawn([0.5, 0.4])
    for result, draws in zip(verdict(definition(), groups, 0.8).groups, groups.draws, strict=True):
        assert result.interval_95 == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))


def test_a_small_cell_is_hidden_with_the_smallest_other_and_neither_is_judged() -> None:
    groups = drawn([0.5, 0.1, 0.5, 0.49], 0.004, n=[200, 6, 60, 200])
    measure = judge(
        definition(),
        groups,
        attribute="income",
        family="exploratory",
        margin=0.8,
        statistics=STATISTICS,
        bounds=np.tile([0.1, 0.9], (5, 1)),
        pooled=np.full(5, 0.5),
    )
    assert [group.group for group in measure.groups if group.suppressed] == ["g1", "g2"]
    for group in measure.groups:
        facts = (group.n, group.events, group.value, group.interval_95, group.pooled)
        assert all((fact is None) == group.suppressed for fact in facts)
        assert (group.bounds is None) == (group.suppressed or group.group == "unknown")
    assert measure.verdict == "PASS"
    assert "g1; g2" in measure.note
    assert " 6" not in measure.note


def test_bounds_and_pooled_values_that_do_not_exist_are_null() -> None:
    measure = judge(
        definition(),
        drawn([0.5, 0.5]),
        attribute="income",
        family="primary",
        margin=0.8,
        statistics=STATISTICS,
        bounds=np.array([[0.1, 0.9], [np.nan, np.nan], [0.9, 0.9]]),
        pooled=np.array([0.5, np.nan, np.nan]),
    )
    assert [group.bounds for group in measure.groups] == [(0.1, 0.9), None, None]
    assert [group.pooled for group in measure.groups] == [0.5, None, None]


def test_groups_too_small_leave_nothing_to_compare() -> None:
    measure = verdict(definition(), drawn([0.5, 0.1], 0.004, n=[200, 20]), 0.8)
    assert measure.verdict == "INSUFFICIENT"
    assert measure.contrast is None
    assert "Only one group" in measure.note


def test_no_data_no_demographics_and_too_many_levels_are_said() -> None:
    def told(groups: GroupDraws | None, grouping: Grouping | None) -> Measure:
        return judge(
            definition(),
            groups,
            attribute="income",
            family="primary",
            margin=0.8,
            statistics=STATISTICS,
            grouping=grouping,
            note="the window is empty.",
        )

    nothing = told(None, None)
    assert nothing.verdict == "INSUFFICIENT"
    assert nothing.note == "The window is empty. There is nothing to judge: no data was found for this measure."
    everybody = Grouping("income", ("g0", "unknown"), np.ones(400, dtype=np.int64))
    unknown = told(drawn([0.5], n=[0]), everybody)
    assert [group.group for group in unknown.groups] == ["unknown"]
    assert "is known" in unknown.note
    crowd = Grouping("income", (*(f"g{i}" for i in range(6)), "unknown"), np.repeat(np.arange(6), 100))
    many = told(drawn([0.5] * 6), crowd)
    assert many.groups == ()
    assert many.verdict == unknown.verdict == "INSUFFICIENT"


def measure_of(
    p_value: float | None, family: Family = "primary", verdict: Verdict = "FAIL", name: str = "m"
) -> Measure:
    contrast = Contrast(
        kind="ratio",
        worst_group="a",
        best_group="b",
        value=0.5,
        interval_95=(0.4, 0.6),
        p_value=p_value,
        minimum_detectable=0.7,
    )
    blank = insufficient(definition(), attribute=None, family=family, margin=0.8, note="said")
    return blank.model_copy(update={"contrast": contrast, "verdict": verdict, "measure": name})


KNOWN = [0.005, 0.011, 0.02, 0.04, 0.13]


def test_holm_against_known_numbers() -> None:
    assert holm(KNOWN) == pytest.approx([0.025, 0.044, 0.06, 0.08, 0.13])  # R: p.adjust(p, "holm")
    assert holm([0.3, 0.04, 0.9]) == pytest.approx([0.6, 0.12, 0.9])
    assert holm([]) == []


def test_benjamini_hochberg_against_known_numbers() -> None:
    expected = [0.025, 0.0275, 0.03333333, 0.05, 0.13]  # R: p.adjust(p, "BH")
    assert benjamini_hochberg(KNOWN) == pytest.approx(expected)
    assert benjamini_hochberg(KNOWN[::-1]) == pytest.approx(expected[::-1])
    assert benjamini_hochberg([0.9, 0.8]) == pytest.approx([0.9, 0.9])


def test_each_family_is_adjusted_by_itself_and_what_may_be_chance_no_longer_fails() -> None:
    measures = [
        measure_of(0.04),
        measure_of(0.03, "exploratory"),
        measure_of(0.001),
        measure_of(0.04, "exploratory"),
        measure_of(None),
        measure_of(0.0001, "invariant"),
        measure_of(0.04, verdict="PASS"),
    ]
    adjusted = adjust(measures, 0.05)
    p_values = [measure.contrast.p_adjusted for measure in adjusted if measure.contrast]
    assert p_values == pytest.approx([0.08, 0.04, 0.003, 0.04, None, None, 0.08])
    assert [measure.verdict for measure in adjusted] == [
        "INSUFFICIENT",
        "FAIL",
        "FAIL",
        "FAIL",
        "FAIL",
        "FAIL",
        "PASS",
    ]
    assert "may be chance (adjusted p 0.080)" in adjusted[0].note
    assert adjust(adjusted, 0.05) == adjusted


@pytest.mark.parametrize(
    ("families", "verdicts", "waived", "expected"),
    [
        (["primary", "primary"], ["PASS", "PASS"], [], "PASS"),
        (["primary", "exploratory"], ["PASS", "FAIL"], [], "PASS"),
        (["primary", "primary"], ["PASS", "INSUFFICIENT"], [], "INSUFFICIENT"),
        (["primary", "primary"], ["INSUFFICIENT", "FAIL"], [], "FAIL"),
        (["primary", "primary"], ["PASS", "FAIL"], ["m1"], "PASS"),
        (["primary", "primary"], ["INSUFFICIENT", "FAIL"], ["m1"], "INSUFFICIENT"),
        (["primary", "invariant"], ["PASS", "FAIL"], ["m1"], "FAIL"),
        (["primary", "invariant"], ["PASS", "INSUFFICIENT"], ["m1"], "INSUFFICIENT"),
        (["exploratory"], ["PASS"], [], "INSUFFICIENT"),
        ([], [], [], "INSUFFICIENT"),
    ],
)
def test_the_verdict_of_a_report(
    families: list[Family], verdicts: list[Verdict], waived: list[str], expected: str
) -> None:
    measures = [
        measure_of(0.01, family, verdict, f"m{place}")
        for place, (family, verdict) in enumerate(zip(families, verdicts, strict=True))
    ]
    assert overall(measures, waived) == expected
