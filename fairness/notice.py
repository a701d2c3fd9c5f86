"""The one-page summary in the form of a public bias-audit notice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fairness.measures import UNKNOWN, GroupResult, Measure
from fairness.pages import environment
from fairness.report import MethodEntry, Report
from fairness.sentences import verdict_sentence

_PAIR: Final = " x "


@dataclass(frozen=True)
class Sizes:
    """How many customers the audit looked at, with noise: the notice is public, and the exact numbers are not.

    Attributes:
        groups: Number by attribute and group, the unknown included.
        half_width_95: A number is within this of the exact one 95 times in 100.
        epsilon: What each attribute's numbers cost, charged to the privacy ledger.
    """

    groups: Mapping[str, Mapping[str, int]]
    half_width_95: int
    epsilon: float

    @property
    def n_customers(self) -> int:
        """All customers, as the numbers of the first attribute add up."""
        return sum(next(iter(self.groups.values()), {}).values())


@dataclass(frozen=True)
class Row:
    """One group of a table.

    Attributes:
        group: Its figures.
        n: Customers in it, with noise; None where that is not told.
        ratio: Of its figure to that of the group that fares best; None where there is none to compare with.
    """

    group: GroupResult
    n: int | None
    ratio: float | None


@dataclass(frozen=True)
class Table:
    """One deciding measure by one attribute, or by a pair of them."""

    title: str
    measure: Measure
    rows: tuple[Row, ...]
    n_unknown: int | None
    with_ratio: bool


def render_notice(report: Report, distributed_at: datetime | None = None, *, sizes: Sizes | None = None) -> str:
    """Write the notice: the measures that decide by group and intersection, with impact ratios, unknowns and sources.

    Anybody may read it, so the report's exact numbers of customers are not in it.

    Args:
        report: Of one audit.
        distributed_at: When the version was first used; None says that it is not in use yet.
        sizes: Numbers of customers with noise; None shows none.

    Returns:
        One HTML page without script or outside request.

    Source: Form of the summary of results under New York City's Local Law 144 (6 RCNY 5-303), by analogy.
    """
    method = {entry.measure: entry for entry in report.method}
    tables = [_table(measure, method.get(measure.measure), sizes) for measure in _noticed(report)]
    pieces = {
        "report": report,
        "sentence": verdict_sentence(report.verdict, report.measures, report.waived),
        "distributed_at": distributed_at,
        "sizes": sizes,
        "singles": [table for table in tables if _PAIR not in (table.measure.attribute or "")],
        "pairs": [table for table in tables if _PAIR in (table.measure.attribute or "")],
    }
    return environment().get_template("notice.html.j2").render(pieces)


def _noticed(report: Report) -> list[Measure]:
    """Give the measures that decide, and the same by pairs of attributes."""
    deciding = {measure.measure for measure in report.measures if measure.family == "primary"}
    return [
        measure
        for measure in report.measures
        if measure.measure in deciding and (measure.family == "primary" or _PAIR in (measure.attribute or ""))
    ]


def _table(measure: Measure, entry: MethodEntry | None, sizes: Sizes | None) -> Table:
    title = entry.title if entry else measure.measure.replace("_", " ")
    counted = sizes.groups.get(measure.attribute or "", {}) if sizes else {}
    known = [group for group in measure.groups if group.group != UNKNOWN]
    rows = tuple(Row(group, counted.get(group.group), _ratio(group, measure, entry)) for group in known)
    return Table(title, measure, rows, counted.get(UNKNOWN), any(row.ratio is not None for row in rows))


def _ratio(group: GroupResult, measure: Measure, entry: MethodEntry | None) -> float | None:
    if entry is None or entry.kind != "ratio" or group.value is None:
        return None
    values = {part.group: part.value for part in measure.groups if part.value is not None}
    best = entry.ideal if entry.reference == "ideal" else values.get(_best(measure))
    if best is None or best <= 0 or group.value <= 0:
        return None
    return group.value / best if entry.more_is_better else best / group.value


def _best(measure: Measure) -> str:
    return (measure.contrast.best_group if measure.contrast else None) or ""
