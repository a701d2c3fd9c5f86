"""Drift: live figures held against the report that let the model through."""

from datetime import UTC, datetime

from configs.loading import load_settings
from fairness.drift import drift
from fairness.measures import Contrast, Family, GroupResult, Measure
from fairness.policy import Policy
from fairness.report import DataReference, ModelReference, Report, new_report

POLICY = Policy(load_settings("test").fairness, "two-tower")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def measure(low: float, high: float, value: float, family: Family = "primary") -> Measure:
    groups = tuple(
        GroupResult(group=name, n=100, events=50, value=value, interval_95=(low, high)) for name in ("a", "b")
    )
    contrast = Contrast(
        kind="ratio",
        worst_group="a",
        best_group="b",
        value=1.0,
        interval_95=(0.9, 1.0),
        p_value=0.5,
        minimum_detectable=0.9,
    )
    return Measure(
        surface="recommendations",
        measure="ndcg_at_10_all",
        attribute="income",
        family=family,
        unit="NDCG",
        ideal=1.0,
        groups=groups,
        contrast=contrast,
        margin=0.75,
        verdict="PASS",
        note="",
    )


def released(*measures: Measure) -> Report:
    return new_report(
        kind="release",
        model=ModelReference(name="two-tower", version="1", bundle_digest="a" * 64),
        policy_digest="b" * 64,
        statistics=POLICY.statistics,
        data=DataReference(snapshot_digest="c" * 64, window_start=NOW, window_end=NOW, n_customers=300, n_unknown=100),
        verdict="PASS",
        measures=measures,
        definitions=(),
        waived=(),
        not_examined=(),
        provenance="made up",
        model_card="",
        trade_off=(),
        previous=None,
        code_commit="d" * 40,
        now=NOW,
    )


REPORT = released(measure(0.45, 0.55, 0.5))


def test_a_tight_figure_near_the_report_has_not_drifted() -> None:
    (found,) = drift([measure(0.49, 0.51, 0.5)], REPORT, POLICY)
    assert (found.verdict, found.measure, found.family) == ("PASS", "drift_of_ndcg_at_10_all", "exploratory")
    assert found.contrast is not None
    assert found.contrast.value == 1.0


def test_a_figure_wholly_below_the_margin_has() -> None:
    (found,) = drift([measure(0.30, 0.40, 0.35)], REPORT, POLICY)
    assert found.verdict == "FAIL"
    assert found.contrast is not None
    assert found.contrast.value == 0.7
    assert "audit the model again" in found.note


def test_a_wide_figure_tells_nothing() -> None:
    (found,) = drift([measure(0.2, 0.8, 0.5)], REPORT, POLICY)
    assert found.verdict == "INSUFFICIENT"


def test_only_what_decides_is_compared() -> None:
    report = released(
        measure(0.45, 0.55, 0.5), measure(0.4, 0.6, 0.5, "exploratory").model_copy(update={"measure": "x"})
    )
    assert len(drift([measure(0.4, 0.6, 0.5).model_copy(update={"measure": "x"})], report, POLICY)) == 0


def test_figures_compared_by_difference_drift_by_difference() -> None:
    gap = Contrast(
        kind="difference",
        worst_group="a",
        best_group="b",
        value=0.0,
        interval_95=(0.0, 0.001),
        p_value=0.5,
        minimum_detectable=0.001,
    )
    old = measure(0.0001, 0.0003, 0.0002).model_copy(update={"contrast": gap, "margin": 0.005})
    report = released(old)
    (near,) = drift([measure(0.001, 0.003, 0.002)], report, POLICY)  # ten times as much, and still next to nothing
    (far,) = drift([measure(0.01, 0.03, 0.02)], report, POLICY)
    assert (near.verdict, far.verdict) == ("PASS", "FAIL")
    assert near.margin == 0.005
