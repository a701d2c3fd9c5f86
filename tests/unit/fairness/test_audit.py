"""The verdict over everything: silence is INSUFFICIENT, and one failure is enough."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from configs.loading import load_settings
from fairness import invariants, recommendations
from fairness.audit import Findings, Subject, conclude, groupings_of, n_unknown
from fairness.errors import MeasureUnregistered
from fairness.invariants import identity_invariant, lineage_invariant
from fairness.measures import Contrast, Measure
from fairness.policy import Policy
from fairness.report import DataReference, ModelReference, Report

POLICY = Policy(load_settings("test").fairness, "two-tower")
DEFINITIONS = (*recommendations.DEFINITIONS, *invariants.DEFINITIONS)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def passing(name: str, attribute: str, margin: float, **changes: Any) -> Measure:
    definition = next(one for one in recommendations.DEFINITIONS if one.measure == name)
    contrast = Contrast(
        kind=definition.kind,
        worst_group="a",
        best_group="b",
        value=0.95,
        interval_95=(0.9, 1.0),
        p_value=0.4,
        minimum_detectable=0.9,
    )
    measure = Measure(
        surface=definition.surface,
        measure=name,
        attribute=attribute,
        family="primary",
        unit=definition.unit,
        ideal=definition.ideal,
        groups=(),
        contrast=contrast,
        margin=margin,
        verdict="PASS",
        note="",
    )
    return measure.model_copy(update=changes)


HELD = (
    lineage_invariant({"s": {"v": {"f": [("transactions", "quantity")]}}}, ["income"], [], {"s": []}),
    identity_invariant("recommendations", "a" * 64, "a" * 64),
)
COMPLETE = (*(passing(one.measure, one.attribute, one.margin) for one in POLICY.primary), *HELD)


def concluded(*measures: Measure, kind: Any = "release") -> Report:
    subject = Subject(
        model=ModelReference(name="two-tower", version="1", bundle_digest="a" * 64),
        data=DataReference(snapshot_digest="c" * 64, window_start=NOW, window_end=NOW, n_customers=300, n_unknown=100),
        kind=kind,
        provenance="made up",
        model_card="",
        code_commit="d" * 40,
    )
    return conclude(subject, Findings(measures, DEFINITIONS), POLICY, None, NOW)


def test_everything_registered_and_held_passes() -> None:
    report = concluded(*COMPLETE)
    assert report.verdict == "PASS"
    assert report.reasons == ()
    assert report.policy_digest == POLICY.digest


def test_a_registered_measure_that_nobody_computed_is_no_pass() -> None:
    report = concluded(*COMPLETE[1:])
    assert report.verdict == "INSUFFICIENT"
    assert any("ndcg_at_10_all by income" in reason for reason in report.reasons)
    missing = next(measure for measure in report.measures if measure.key == "ndcg_at_10_all by income")
    assert "did not compute" in missing.note


@pytest.mark.parametrize("left_out", range(len(HELD)))
def test_an_invariant_that_nobody_looked_at_is_no_pass(left_out: int) -> None:
    kept = [measure for measure in COMPLETE if measure != HELD[left_out]]
    assert concluded(*kept).verdict == "INSUFFICIENT"


def test_a_broken_invariant_fails_whatever_else_passes() -> None:
    broken = identity_invariant("recommendations", "a" * 64, "b" * 64)
    assert concluded(*COMPLETE[:-1], broken).verdict == "FAIL"


def test_what_only_explores_decides_nothing() -> None:
    explored = passing("ndcg_at_10_novel", "income", 0.8, family="exploratory", verdict="FAIL")
    assert concluded(*COMPLETE, explored).verdict == "PASS"


def test_a_live_audit_is_not_asked_for_what_only_a_release_has() -> None:
    report = concluded(COMPLETE[0], kind="live")
    assert [measure.key for measure in report.measures] == ["ndcg_at_10_all by income"]


def test_a_policy_that_registers_what_no_surface_computes_is_refused() -> None:
    subject_free = Findings(HELD, invariants.DEFINITIONS)
    with pytest.raises(MeasureUnregistered, match="ndcg_at_10_all"):
        conclude(
            Subject(
                model=ModelReference(name="two-tower", version="1", bundle_digest="a" * 64),
                data=DataReference(
                    snapshot_digest="c" * 64, window_start=NOW, window_end=NOW, n_customers=1, n_unknown=0
                ),
                kind="release",
                provenance="",
                model_card="",
                code_commit="",
            ),
            subject_free,
            POLICY,
            None,
            NOW,
        )


def test_people_without_any_attribute_are_counted() -> None:
    table = pd.DataFrame(
        {"customer_id": ["a", "b"], "income": ["Under 15K", None], "age": [None, None], "household_comp": [None, None]}
    )
    assert n_unknown(groupings_of(table, ["a", "b", "c"], POLICY)) == 2
    assert n_unknown(groupings_of(None, ["a", "b", "c"], POLICY)) == 3
