"""Sentences about verdicts."""

import pytest

from fairness.measures import Contrast, GroupResult, Measure, Verdict
from fairness.report import Report
from fairness.sentences import (
    asked,
    chance,
    chance_sentence,
    change_figure,
    contrast_figure,
    contrast_sentence,
    figure,
    interval_figure,
    named,
    reasons_against,
    verdict_sentence,
)


def group(name: str, value: float) -> GroupResult:
    return GroupResult(group=name, n=200, events=300, value=value, interval_95=(value - 0.05, value + 0.05))


@pytest.fixture
def judged() -> Measure:
    contrast = Contrast(
        kind="ratio",
        worst_group="under 35K",
        best_group="75K and over",
        value=0.87,
        interval_95=(0.77, 0.97),
        p_value=0.0312,
        p_adjusted=0.0936,
        minimum_detectable=0.81,
    )
    return Measure(
        surface="recommendations",
        measure="ndcg_at_10_all",
        attribute="income",
        family="primary",
        unit="NDCG",
        ideal=1,
        groups=(group("under 35K", 0.513), group("75K and over", 0.59)),
        contrast=contrast,
        margin=0.75,
        verdict="PASS",
        note="",
    )


def test_a_contrast_is_told_in_one_sentence(judged: Measure) -> None:
    assert contrast_sentence(judged) == (
        "In the group under 35K the figure is 0.513, in 75K and over 0.590: a ratio of 0.87 [0.77, 0.97]; "
        "at least 0.75 was asked. Passed."
    )


def test_a_difference_of_shares_is_told_in_points(judged: Measure) -> None:
    contrast = Contrast(
        kind="difference",
        worst_group="under 35K",
        best_group="the ideal of 0",
        value=0.012,
        interval_95=(0.006, 0.031),
        p_value=None,
        minimum_detectable=None,
    )
    measure = judged.model_copy(update={"contrast": contrast, "unit": "share", "margin": 0.005, "verdict": "FAIL"})
    assert contrast_sentence(measure) == (
        "In the group under 35K the figure is 51.3%, against the ideal of 0: a difference of 1.20 points "
        "[0.60, 3.10 points]; no more than 0.50 points was allowed. Failed."
    )
    assert chance_sentence(measure) == ""


def test_what_was_not_compared_is_told_by_its_note(judged: Measure) -> None:
    measure = judged.model_copy(update={"contrast": None, "verdict": "INSUFFICIENT", "note": "No demographics."})
    assert contrast_sentence(measure) == "No demographics. Not enough evidence."
    assert asked(measure) == "the margin is 0.75"
    assert chance_sentence(measure) == ""


def test_chance_and_the_smallest_disparity_are_told(judged: Measure) -> None:
    assert chance_sentence(judged) == (
        "If there were no difference, chance would give one like this 3 times in 100 (p 0.031, 0.094 after Holm). "
        "The smallest disparity that this sample tells from none is a ratio of 0.81."
    )


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.0004, "share", "0.04%"),
        (-0.00001, "share", "0.00%"),
        (1.0, "share of customers", "100.0%"),
        (-3.5, "USD per head", "-USD 3.50"),
        (0.0031, "USD", "USD 0.0031"),
        (0.0, "USD", "USD 0.00"),
        (-0.0001, "NDCG", "0.000"),
        (1234.5, "products", "1,234.500"),
        (1234.0, "products", "1,234"),
    ],
)
def test_figures_are_written_in_their_unit(value: float, unit: str, written: str) -> None:
    assert figure(value, unit) == written


def test_missing_figures_are_a_dash() -> None:
    assert {
        figure(None, "share"),
        contrast_figure(None, "ratio", ""),
        interval_figure(None, None, ""),
        change_figure(None),
    } == {"–"}


@pytest.mark.parametrize(
    ("p_value", "words"), [(0.0001, "less than once in 1,000"), (0.004, "4 times in 1,000"), (1.0, "100 times in 100")]
)
def test_chances_are_told_in_words(p_value: float, words: str) -> None:
    assert chance(p_value) == words


@pytest.mark.parametrize(
    ("verdict", "begins"), [("PASS", "It passed."), ("FAIL", "It failed."), ("INSUFFICIENT", "It did not pass.")]
)
def test_the_verdict_is_told_first(made_report: Report, verdict: Verdict, begins: str) -> None:
    assert verdict_sentence(verdict, made_report.measures, ()).startswith(begins)


def test_waivers_are_told_with_a_pass(made_report: Report) -> None:
    assert "1 comparison of these there is none: a waiver" in verdict_sentence("PASS", made_report.measures, ("x",))


def test_reasons_put_hard_rules_first_and_skip_what_is_waived(made_report: Report, judged: Measure) -> None:
    rule = made_report.measures[0].model_copy(update={"verdict": "FAIL"})
    short = judged.model_copy(update={"verdict": "INSUFFICIENT", "note": "Too few."})
    failed = judged.model_copy(update={"verdict": "FAIL", "attribute": "age"})
    looked_at = judged.model_copy(update={"verdict": "FAIL", "family": "exploratory", "attribute": "kids"})
    reasons = reasons_against([short, failed, rule, looked_at], (), {"ndcg_at_10_all": "Quality"})
    assert [reason.split(" (")[0] for reason in reasons] == [
        "no sensitive lineage",
        "Quality by age",
        "Quality by income",
    ]
    assert reasons[2].endswith("Not enough evidence. Too few.")
    assert len(reasons_against([short, failed, rule], (short.key, failed.key, rule.key), {})) == 1


def test_nothing_that_decides_is_a_reason(judged: Measure) -> None:
    looked_at = judged.model_copy(update={"family": "exploratory"})
    assert "No measure that decides" in reasons_against([looked_at], (), {})[0]


def test_a_measure_is_named_with_the_key_that_waivers_use(judged: Measure) -> None:
    assert named(judged, {}) == "ndcg at 10 all by income (ndcg_at_10_all by income)"
