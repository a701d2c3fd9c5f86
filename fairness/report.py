"""The fairness report: its records, the bytes that are signed, and how one is read back."""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self, TypedDict, Unpack

from pydantic import AfterValidator, AwareDatetime, Field, ValidationError, model_validator

from configs.fairness import StatisticsSettings
from fairness.errors import ReportCorrupt
from fairness.measures import Definition, GroupResult, Interval, Kind, Measure, Record, Reference, Side, Verdict
from fairness.sentences import reasons_against

ReportKind = Literal["release", "live"]

_N_HEX: Final = 24
_DECIDING: Final = ("invariant", "primary")

Utc = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
ReportId = Annotated[str, Field(pattern=f"^fr_[0-9a-f]{{{_N_HEX}}}$")]
Count = Annotated[int, Field(ge=0)]


class ModelReference(Record):
    """The very bundle that was audited."""

    name: str
    version: str
    bundle_digest: Digest


class DataReference(Record):
    """The data that it was audited on.

    Attributes:
        snapshot_digest: Of the lake.
        window_start: First moment looked at.
        window_end: First moment no longer looked at.
        n_customers: Customers looked at.
        n_unknown: Those of them about whom no sensitive attribute is known.
    """

    snapshot_digest: str
    window_start: Utc
    window_end: Utc
    n_customers: Count
    n_unknown: Count


class TradeOffPoint(Record):
    """What one strength of the re-ranking for suppliers gives and costs.

    Attributes:
        strength: Share of the full weights, 0 (off) to 1.
        task: `all` or `novel`.
        ndcg_at_10: Quality of the lists.
        ndcg_change: Against strength 0.
        interval: 95% interval of the change, customers resampled.
        small_supplier_exposure: Exposure over demand share of small manufacturers; 1 is even.
        private_label_exposure: The same of the shop's own brands.
    """

    strength: float
    task: str
    ndcg_at_10: float
    ndcg_change: float
    interval: Interval | None
    small_supplier_exposure: float | None
    private_label_exposure: float | None


class Change(Record):
    """How one measure moved since the previous report; None where that report, or this one, does not hold it."""

    measure: str
    attribute: str | None
    before_verdict: Verdict | None
    after_verdict: Verdict | None
    before_value: float | None
    after_value: float | None


class MethodEntry(Record):
    """What a measure is: the report's copy of its Definition."""

    measure: str
    title: str
    meaning: str
    unit: str
    ideal: float
    source: str
    kind: Kind
    reference: Reference
    side: Side
    more_is_better: bool


class StatisticsReference(Record):
    """How verdicts were reached: the report's copy of the policy's statistics."""

    n_draws: int
    confidence: float
    alpha: float
    power: float
    min_cell: int
    min_n: int
    min_events: int


class Report(Record):
    """One audit of one model.

    Attributes:
        kind: Of a candidate for release, or of what was really shown.
        waived: Keys of the measures that a waiver in force stood in for.
        reasons: Why the verdict is not PASS, in plain words; empty when it is.
        not_examined: What the audit did not look at, one sentence each.
        provenance: Where the data comes from and what is made up in it.
        model_card: Markdown.
        previous_report_id: The report that changes are against; None for the first.
        code_commit: Version of this program.
    """

    report_id: ReportId
    created_at: Utc
    kind: ReportKind
    model: ModelReference
    policy_digest: Digest
    data: DataReference
    verdict: Verdict
    measures: tuple[Measure, ...]
    waived: tuple[str, ...]
    reasons: tuple[str, ...]
    not_examined: tuple[str, ...]
    provenance: str
    model_card: str
    trade_off: tuple[TradeOffPoint, ...]
    previous_report_id: ReportId | None
    changes: tuple[Change, ...]
    method: tuple[MethodEntry, ...]
    statistics: StatisticsReference
    code_commit: str

    @model_validator(mode="after")
    def _measures_are_told_apart(self) -> Self:
        keys = [measure.key for measure in self.measures]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"measures occur more than once, so that a waiver would lift several: {twice}")
        return self

    @model_validator(mode="after")
    def _suppressed_cells_are_empty(self) -> Self:
        told = [measure.key for measure in self.measures for group in measure.groups if _tells(group)]
        if told:
            raise ValueError(f"measures hold figures of groups that are too small to be shown: {told}")
        return self

    @model_validator(mode="after")
    def _pass_is_borne_out(self) -> Self:
        if self.verdict != "PASS":
            return self
        deciding = [measure for measure in self.measures if measure.family in _DECIDING]
        against = [measure.key for measure in deciding if not self._settled(measure)]
        if against or not deciding:
            raise ValueError(f"the verdict PASS is not borne out; measures that decide and did not pass: {against}")
        return self

    def _settled(self, measure: Measure) -> bool:
        waived = measure.family != "invariant" and measure.key in self.waived
        return waived or measure.verdict == "PASS"


class ReportParts(TypedDict):
    """What a report is put together from.

    Attributes:
        kind: Of a candidate for release, or of what was really shown.
        model: The bundle audited.
        policy_digest: Of the policy it was audited under.
        statistics: How verdicts were reached.
        data: What it was audited on.
        verdict: Over all measures that decide.
        measures: Every measure judged; keys are unique.
        definitions: Of these measures; those of measures not judged are left out.
        waived: Keys of measures that a waiver in force stood in for.
        not_examined: What the audit did not look at.
        provenance: Where the data comes from.
        model_card: Markdown.
        trade_off: Cost of the re-ranking by strength; empty for models without one.
        previous: The report that changes are against; None for the first.
        code_commit: Version of this program.
        now: Aware time of the audit.
    """

    kind: ReportKind
    model: ModelReference
    policy_digest: str
    statistics: StatisticsSettings
    data: DataReference
    verdict: Verdict
    measures: Sequence[Measure]
    definitions: Sequence[Definition]
    waived: Sequence[str]
    not_examined: Sequence[str]
    provenance: str
    model_card: str
    trade_off: Sequence[TradeOffPoint]
    previous: Report | None
    code_commit: str
    now: datetime


def new_report(**parts: Unpack[ReportParts]) -> Report:
    """Put a report together; it gets an id, its reasons, and the changes since the previous one.

    Returns:
        The report.

    Raises:
        ValidationError: If two measures share a key, a cell that is suppressed holds a figure, or a PASS is not
            borne out by the measures.
    """
    measures, waived, previous = parts["measures"], sorted(parts["waived"]), parts["previous"]
    judged = {measure.measure for measure in measures}
    titles = {definition.measure: definition.title for definition in parts["definitions"]}
    statistics = {name: getattr(parts["statistics"], name) for name in StatisticsReference.model_fields}
    made = {
        "report_id": f"fr_{secrets.token_hex(_N_HEX // 2)}",
        "created_at": parts["now"],
        "statistics": statistics,
        "waived": waived,
        "reasons": () if parts["verdict"] == "PASS" else reasons_against(measures, waived, titles),
        "previous_report_id": previous.report_id if previous else None,
        "changes": compare(previous, measures),
        "method": [_entry(definition) for definition in parts["definitions"] if definition.measure in judged],
    }
    return Report.model_validate({name: made.get(name, parts.get(name)) for name in Report.model_fields})


def compare(previous: Report | None, measures: Sequence[Measure]) -> tuple[Change, ...]:
    """List what moved since the previous report: a verdict or a figure, a measure that came or went.

    Args:
        previous: None answers with no changes.
        measures: Of the new report.

    Returns:
        In the order of the new report; measures that went come last.
    """
    if previous is None:
        return ()
    before = {measure.key: measure for measure in previous.measures}
    after = {measure.key: measure for measure in measures}
    keys = [*after, *(key for key in before if key not in after)]
    changes = [_change(before.get(key), after.get(key)) for key in keys]
    return tuple(change for change in changes if change is not None)


def canonical_bytes(report: Report) -> bytes:
    """Write the one form of a report that is hashed and signed: sorted keys, no spaces, UTF-8, no NaN."""
    content = report.model_dump(mode="json")
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(content: bytes) -> str:
    """SHA-256 of a report's canonical bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def read_report(content: bytes, source: str) -> Report:
    """Read a report back.

    Args:
        content: What `canonical_bytes` wrote.
        source: File that the content comes from, for the message.

    Returns:
        The report.

    Raises:
        ReportCorrupt: If the content is no report, or not in its canonical form. It names file and fault.
    """
    try:
        report = Report.model_validate_json(content, strict=False)
    except ValidationError as invalid:
        raise ReportCorrupt(source=source, fault=_fault(invalid)) from None
    if canonical_bytes(report) != content:
        raise ReportCorrupt(source=source, fault="it is not in canonical form, so it was edited after it was written")
    return report


def _tells(group: GroupResult) -> bool:
    held = (group.n, group.events, group.value, group.interval_95, group.bounds, group.pooled)
    return group.suppressed and any(figure is not None for figure in held)


def _fault(invalid: ValidationError) -> str:
    first = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = re.sub(r"^Value error, ", "", first["msg"])
    return f"{place}: {message}" if place else message


def _change(before: Measure | None, after: Measure | None) -> Change | None:
    named = after or before
    if named is None or (before and after and _standing(before) == _standing(after)):
        return None
    before_verdict, before_value = _standing(before)
    after_verdict, after_value = _standing(after)
    return Change(
        measure=named.measure,
        attribute=named.attribute,
        before_verdict=before_verdict,
        after_verdict=after_verdict,
        before_value=before_value,
        after_value=after_value,
    )


def _standing(measure: Measure | None) -> tuple[Verdict | None, float | None]:
    if measure is None:
        return None, None
    return measure.verdict, measure.contrast.value if measure.contrast else None


def _entry(definition: Definition) -> MethodEntry:
    return MethodEntry(**{name: getattr(definition, name) for name in MethodEntry.model_fields})
