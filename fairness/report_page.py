"""The fairness report as one self-contained page: no script, no outside request, readable without colour."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fairness.charts import Picture, group_picture, trade_off_picture
from fairness.markdown import markdown_html
from fairness.measures import Measure, Surface, Verdict
from fairness.pages import environment
from fairness.report import Change, MethodEntry, Report
from fairness.sentences import SURFACE_WORDS, verdict_sentence

_CARD_LEVEL: Final = 3
_CONTENTS: Final = (
    ("examined", "What was and was not examined"),
    ("decides", "What decides"),
    ("reading", "How to read the pictures"),
)
_AFTERWARDS: Final = (("card", "Model card"), ("method", "Appendix: method"))


@dataclass(frozen=True)
class Part:
    """One measure by all of its attributes.

    Attributes:
        anchor: Unique on the page.
        name: In the report.
        title: In plain words.
        meaning: What it says and what it does not.
        unit: Of the figures.
        measures: Those that decide first.
        tabled: Those of them that hold groups.
        picture: None where no group has a figure.
    """

    anchor: str
    name: str
    title: str
    meaning: str
    unit: str
    measures: tuple[Measure, ...]
    tabled: tuple[Measure, ...]
    picture: Picture | None


@dataclass(frozen=True)
class SurfaceSection:
    """One surface of the audit."""

    anchor: str
    title: str
    counts: dict[Verdict, int]
    parts: tuple[Part, ...]


def render_report(report: Report) -> str:
    """Write the whole report as one HTML page; the same report gives the same bytes.

    Args:
        report: Of one audit.

    Returns:
        HTML with inline SVG; cells that are too small to be shown are not in it.
    """
    method = {entry.measure: entry for entry in report.method}
    surfaces = _surfaces(report.measures, method)
    pieces = {
        "report": report,
        "sentence": verdict_sentence(report.verdict, report.measures, report.waived),
        "primary": _of_family(report.measures, "primary"),
        "rules": _of_family(report.measures, "invariant"),
        "surfaces": surfaces,
        "titles": {measure.measure: _title(measure.measure, method) for measure in report.measures},
        "anchors": {part.name: part.anchor for surface in surfaces for part in surface.parts},
        "contents": _contents(report, surfaces),
        "turned": [change for change in report.changes if _turned(change)],
        "moved": [change for change in report.changes if not _turned(change)],
        "trade_off": trade_off_picture(report.trade_off, "trade-off-picture"),
        "card": markdown_html(report.model_card, _CARD_LEVEL) if report.model_card.strip() else "",
    }
    return environment().get_template("report.html.j2").render(pieces)


def _surfaces(measures: Sequence[Measure], method: dict[str, MethodEntry]) -> tuple[SurfaceSection, ...]:
    sections = []
    for surface, title in SURFACE_WORDS.items():
        compared = [part for part in measures if part.surface == surface and part.family != "invariant"]
        outcomes = Counter(part.verdict for part in measures if part.surface == surface)
        counts: dict[Verdict, int] = {verdict: outcomes[verdict] for verdict in ("PASS", "FAIL", "INSUFFICIENT")}
        sections.append(SurfaceSection(f"surface-{surface}", title, counts, _parts(surface, compared, method)))
    return tuple(sections)


def _parts(surface: Surface, measures: Sequence[Measure], method: dict[str, MethodEntry]) -> tuple[Part, ...]:
    ranked = sorted(measures, key=lambda measure: measure.family != "primary")
    names = dict.fromkeys(measure.measure for measure in ranked)
    return tuple(
        _part(f"{surface}-{place}", [part for part in ranked if part.measure == name], method.get(name))
        for place, name in enumerate(names, start=1)
    )


def _part(anchor: str, measures: Sequence[Measure], entry: MethodEntry | None) -> Part:
    first = measures[0]
    return Part(
        anchor=anchor,
        name=first.measure,
        title=entry.title if entry else first.measure.replace("_", " "),
        meaning=entry.meaning if entry else "",
        unit=first.unit,
        measures=tuple(measures),
        tabled=tuple(measure for measure in measures if measure.groups),
        picture=group_picture(measures, entry, f"{anchor}-picture"),
    )


def _of_family(measures: Sequence[Measure], family: str) -> list[Measure]:
    return [measure for measure in measures if measure.family == family]


def _title(name: str, method: dict[str, MethodEntry]) -> str:
    return method[name].title if name in method else name.replace("_", " ")


def _contents(report: Report, surfaces: Sequence[SurfaceSection]) -> list[tuple[str, str]]:
    trade_off = [("trade-off", "What room for suppliers costs")] if report.trade_off else []
    shown = [(surface.anchor, surface.title) for surface in surfaces]
    return [*_CONTENTS, *shown, ("changes", "Changes since the last report"), *trade_off, *_AFTERWARDS]


def _turned(change: Change) -> bool:
    return change.before_verdict != change.after_verdict
