"""From judged measures to a report: multiplicity settled, silence counted as silence, the verdict over all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from fairness.errors import MeasureUnregistered
from fairness.groups import Grouping, grouping_of
from fairness.invariants import IDENTITY, LINEAGE, PERMUTATION
from fairness.measures import Definition, Measure
from fairness.policy import Policy
from fairness.report import DataReference, ModelReference, Report, ReportKind, TradeOffPoint, new_report
from fairness.verdict import adjust, insufficient, overall

REQUIRED_INVARIANTS: Final = {
    "two-tower": (LINEAGE, IDENTITY),
    "demand": (PERMUTATION, LINEAGE, IDENTITY),
}


@dataclass(frozen=True)
class Findings:
    """What the surfaces of one audit found.

    Attributes:
        measures: Every measure judged.
        definitions: Of all measures that the audit knows, judged or not.
        not_examined: What was not looked at, one plain sentence each.
        trade_off: Cost of the re-ranking by strength; empty for models without one.
    """

    measures: tuple[Measure, ...]
    definitions: tuple[Definition, ...]
    not_examined: tuple[str, ...] = ()
    trade_off: tuple[TradeOffPoint, ...] = ()


@dataclass(frozen=True)
class Subject:
    """What is audited, and what the report says about it beside the findings.

    Attributes:
        model: The very bundle.
        data: The snapshot and the window.
        kind: A candidate for release, or what was really shown.
        provenance: Where the data comes from.
        model_card: Markdown.
        code_commit: Version of this program.
    """

    model: ModelReference
    data: DataReference
    kind: ReportKind
    provenance: str
    model_card: str
    code_commit: str


def groupings_of(demographics: pd.DataFrame | None, customer_ids: Sequence[str], policy: Policy) -> list[Grouping]:
    """Group customers by every attribute of the policy; without demographics everybody is unknown."""
    return [
        grouping_of(demographics, customer_ids, attribute, policy.statistics)
        for attribute in policy.settings.attributes
    ]


def n_unknown(groupings: Sequence[Grouping]) -> int:
    """Count the customers of whom no attribute at all is known."""
    if not groupings:
        return 0
    unknown = [grouping.codes == len(grouping.labels) - 1 for grouping in groupings]
    return int(np.all(unknown, axis=0).sum())


def conclude(subject: Subject, findings: Findings, policy: Policy, previous: Report | None, now: datetime) -> Report:
    """Settle all verdicts and write the report.

    A registered measure or an invariant that nobody computed is INSUFFICIENT, never absent.

    Args:
        subject: What was audited.
        findings: What was found.
        policy: The policy of the model.
        previous: The report before this one; None for the first.
        now: Aware time of the audit.

    Raises:
        MeasureUnregistered: If the policy registers a measure that no surface of the model computes.
    """
    present = {(measure.measure, measure.attribute) for measure in findings.measures}
    missing = [] if subject.kind == "live" else _missing(policy, present, findings.definitions)
    measures = adjust((*findings.measures, *missing), policy.statistics.alpha)
    return new_report(
        kind=subject.kind,
        model=subject.model,
        policy_digest=policy.digest,
        statistics=policy.statistics,
        data=subject.data,
        verdict=overall(measures),
        measures=measures,
        definitions=findings.definitions,
        waived=(),
        not_examined=findings.not_examined,
        provenance=subject.provenance,
        model_card=subject.model_card,
        trade_off=findings.trade_off,
        previous=previous,
        code_commit=subject.code_commit,
        now=now,
    )


def _missing(
    policy: Policy, present: Collection[tuple[str, str | None]], definitions: Sequence[Definition]
) -> list[Measure]:
    known = {definition.measure: definition for definition in definitions}
    for entry in policy.primary:
        if entry.measure not in known:
            raise MeasureUnregistered(measure=entry.measure, model=policy.model, known=sorted(known))
    measures = [
        insufficient(
            known[entry.measure],
            attribute=entry.attribute,
            family="primary",
            margin=entry.margin,
            note="This measure is registered as one that decides, and the audit did not compute it.",
        )
        for entry in policy.primary
        if (entry.measure, entry.attribute) not in present
    ]
    measures += [
        insufficient(
            definition,
            attribute=None,
            family="invariant",
            margin=0.0,
            note="This must hold exactly, and the audit did not look at it.",
        )
        for definition in REQUIRED_INVARIANTS[policy.model]
        if (definition.measure, None) not in present
    ]
    return measures
