"""Pictures of an audit as inline SVG: shapes and line styles carry the meaning, colour none of it."""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fairness.measures import UNKNOWN, GroupResult, Measure
from fairness.report import MethodEntry, TradeOffPoint
from fairness.sentences import VERDICT_SYMBOLS, VERDICT_WORDS, attribute_words, contrast_sentence, figure

MAX_ROWS: Final = 60  # groups in one picture of one attribute; the table holds them all

_POINTS_PER_INCH: Final = 72
_WIDTH: Final = 560.0
_LEFT: Final = 176.0
_RIGHT: Final = 58.0
_ROW: Final = 15.0
_HEAD: Final = 22.0
_FOOT: Final = 34.0
_MAX_LABEL: Final = 33
_PATCH: Final = {"facecolor": "white", "edgecolor": "none", "pad": 1}
_INK: Final = "#010203"  # becomes the page's own text colour, light or dark
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fairshelf",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.parse_math": False,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "lines.color": _INK,
    "axes.unicode_minus": False,
    "axes.linewidth": 0.6,
    "hatch.linewidth": 0.5,
}
_VIEW: Final = re.compile(r'viewBox="[^"]*"')
_TAG: Final = re.compile(r"<[^>]*>")
_DROPPED: Final = re.compile(  # the opening tag's namespaces are addresses; a style would rule the whole page
    r"^.*?<svg[^>]*>|<metadata>.*?</metadata>|<style.*?</style>|<defs>\s*</defs>", re.DOTALL
)
_CLEANING: Final = (  # within tags alone, so that a group's name stays as it is
    (re.compile(r'^<g id="[^"]*"'), "<g"),
    (re.compile(r' transform="rotate\(-0 [^"]*"'), ""),
    (re.compile(r"font-family: [^;\"]*; |text-anchor: start; |stroke-dashoffset: 0; |; stroke-dashoffset: 0"), ""),
    (re.compile(r"(\d\.\d\d)\d+"), r"\1"),
    (re.compile(_INK), "currentColor"),
    (re.compile("#ffffff"), "var(--paper)"),
    (re.compile(r"\s*\n\s*"), " "),
)
_REFERENCES: Final = (
    (re.compile(r'\bid="([^"]+)"'), r'id="{prefix}-\1"'),
    (re.compile(r'(?:xlink:)?href="#([^"]+)"'), r'href="#{prefix}-\1"'),
    (re.compile(r"url\(#([^)]+)\)"), r"url(#{prefix}-\1)"),
)


@dataclass(frozen=True)
class Picture:
    """One inline SVG.

    Attributes:
        svg: Starts with `<svg` and is complete; its ids begin with the picture's own id.
        title: What it shows, in a few words; also its accessible name.
        description: What there is to be seen, in words; also within the SVG.
    """

    svg: str
    title: str
    description: str


def group_picture(measures: Sequence[Measure], method: MethodEntry | None, picture_id: str) -> Picture | None:
    """Draw one measure by each of its attributes: every group's figure, interval and n, and where the margin lies.

    Args:
        measures: Of one name, one for each attribute.
        method: What the measure is; None draws no ideal.
        picture_id: Unique on the page.

    Returns:
        The picture, or None when no group has a figure to draw.
    """
    drawn = [measure for measure in measures if any(_visible(group) for group in measure.groups)]
    if not drawn:
        return None
    title = f"{method.title if method else drawn[0].measure}, by group"
    n_rows = sum(1 + min(len(measure.groups), MAX_ROWS) for measure in drawn)
    with _canvas(_HEAD / 2 + n_rows * _ROW + _FOOT) as (canvas, height):
        axes = canvas.add_axes(
            (_LEFT / _WIDTH, _FOOT / height, 1 - (_LEFT + _RIGHT) / _WIDTH, 1 - (_FOOT + _HEAD / 2) / height)
        )
        axes.set_ylim(n_rows - 0.5, -0.5)
        axes.set_xlim(_limits(drawn, method))
        row = 0
        for measure in drawn:
            row = _block(axes, measure, method, row)
        _figure_axis(axes, drawn[0].unit)
        description = " ".join(f"By {attribute_words(part.attribute)}: {contrast_sentence(part)}" for part in drawn)
        return _picture(canvas, picture_id, title, description)


def trade_off_picture(points: Sequence[TradeOffPoint], picture_id: str) -> Picture | None:
    """Draw what room for suppliers costs in quality, one panel for small makers and one for own brands.

    Args:
        points: By task and strength.
        picture_id: Unique on the page.

    Returns:
        The picture, or None without points.
    """
    if not points:
        return None
    panels = (("small_supplier_exposure", "small makers"), ("private_label_exposure", "own brands"))
    with _canvas(260.0) as (canvas, _):
        for place, (field, words) in enumerate(panels):
            axes = canvas.add_axes((0.105 + 0.49 * place, 0.16, 0.385, 0.64))
            axes.set_title(f"Exposure of {words} over demand", fontsize=9, loc="left")
            _trade_off_panel(axes, points, field)
        canvas.legend(*axes.get_legend_handles_labels(), frameon=False, loc="upper right", ncols=3, title=None)
        return _picture(canvas, picture_id, "What room for suppliers costs in quality", _trade_off_words(points))


@contextmanager
def _canvas(height: float) -> Iterator[tuple[Figure, float]]:
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # the reader's own font draws the text
        yield Figure(figsize=(_WIDTH / _POINTS_PER_INCH, height / _POINTS_PER_INCH)), height


def _block(axes: Axes, measure: Measure, method: MethodEntry | None, row: int) -> int:
    head = (
        f"By {attribute_words(measure.attribute)}: {VERDICT_SYMBOLS[measure.verdict]} {VERDICT_WORDS[measure.verdict]}"
    )
    axes.annotate(_short(head, 60), (0, row), xycoords=("figure fraction", "data"), va="center", fontweight="bold")
    axes.axhline(row - 0.5, color=_INK, linewidth=0.3, clip_on=False, xmin=-_LEFT / (_WIDTH - _LEFT - _RIGHT))
    groups = measure.groups[:MAX_ROWS]
    for place, group in enumerate(groups, start=row + 1):
        _draw_group(axes, measure, group, place)
    end = row + len(groups) + 1
    for line in _margin_lines(measure, method):
        axes.plot([line, line], [row + 0.5, end - 0.5], linestyle=(0, (4, 2)), linewidth=1, color=_INK, zorder=1)
    if method and method.reference == "ideal":
        axes.plot([method.ideal] * 2, [row + 0.5, end - 0.5], linewidth=1.2, color=_INK, zorder=1)
    return end


def _draw_group(axes: Axes, measure: Measure, group: GroupResult, place: int) -> None:
    axes.annotate(_short(group.group), (0.012, place), xycoords=("figure fraction", "data"), va="center")
    if group.value is None or group.suppressed:
        words = "too few people to show" if group.suppressed else "no figure"
        axes.annotate(
            words, (0.02, place), xycoords=("axes fraction", "data"), va="center", style="italic", bbox=_PATCH
        )
        return
    if group.n is not None:
        axes.annotate(f"{group.n:,}", (1, place), xycoords=("figure fraction", "data"), va="center", ha="right")
    if group.bounds:
        axes.plot(group.bounds, [place, place], linestyle=":", linewidth=1, color=_INK, zorder=2)
    if group.interval_95:
        axes.plot(group.interval_95, [place, place], linewidth=1.6, color=_INK, zorder=3)
    if group.pooled is not None:
        axes.plot([group.pooled], [place], marker="x", markersize=5, color=_INK, zorder=5)
    axes.plot([group.value], [place], **_marker(measure, group))


def _marker(measure: Measure, group: GroupResult) -> dict[str, Any]:
    worst = measure.contrast.worst_group if measure.contrast else None
    best = measure.contrast.best_group if measure.contrast else None
    shape, fill = "o", "white"
    if group.group == UNKNOWN:
        shape = "D"
    elif group.group == worst:
        shape, fill = "v", _INK
    elif group.group == best:
        shape, fill = "o", _INK
    return {"marker": shape, "markersize": 6, "color": _INK, "markerfacecolor": fill, "zorder": 4}


def _margin_lines(measure: Measure, method: MethodEntry | None) -> list[float]:
    contrast, margin = measure.contrast, measure.margin
    if contrast is None or margin is None or method is None:
        return []
    if method.reference == "ideal":
        return _ideal_lines(method, margin)
    best = _value_of(measure, contrast.best_group)
    if best is None:
        return []
    if contrast.kind == "ratio":
        lower_is_worse = method.more_is_better
        return [best * margin if lower_is_worse else best / margin] if margin > 0 else []
    return [best - margin if method.more_is_better else best + margin]


def _ideal_lines(method: MethodEntry, margin: float) -> list[float]:
    if method.kind == "ratio":
        return [method.ideal * margin]
    low = [method.ideal - margin] if method.side != "high" else []
    high = [method.ideal + margin] if method.side != "low" else []
    return [*low, *high] if margin else []


def _value_of(measure: Measure, name: str | None) -> float | None:
    return next((group.value for group in measure.groups if group.group == name), None)


def _limits(measures: Sequence[Measure], method: MethodEntry | None) -> tuple[float, float]:
    shown = [group for measure in measures for group in measure.groups if _visible(group)]
    ends = [end for group in shown for end in (group.value, *(group.interval_95 or ()), *(group.bounds or ()))]
    ends += [line for measure in measures for line in _margin_lines(measure, method)]
    ends += [method.ideal] if method and method.reference == "ideal" else []
    known = [end for end in ends if end is not None]
    room = (max(known) - min(known)) * 0.05 or max(abs(max(known)) * 0.1, 0.01)
    return min(known) - room, max(known) + room


def _figure_axis(axes: Axes, unit: str) -> None:
    axes.set_yticks([])
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, unit)))
    axes.set_xlabel(unit, fontsize=9)
    axes.annotate("n", (1, 1), xycoords=("figure fraction", "axes fraction"), ha="right", va="bottom", style="italic")


def _trade_off_panel(axes: Axes, points: Sequence[TradeOffPoint], field: str) -> None:
    styles = (("o", "-", _INK), ("s", "--", "white"), ("^", ":", "white"))
    tasks = list(dict.fromkeys(point.task for point in points))
    for task, (marker, line, fill) in zip(tasks, styles, strict=False):
        shown = [point for point in points if point.task == task and getattr(point, field) is not None]
        _trade_off_line(axes, shown, field, {"marker": marker, "linestyle": line, "markerfacecolor": fill}, task)
    axes.axvline(1, color=_INK, linewidth=0.8, linestyle=(0, (4, 2)))
    axes.axhline(0, color=_INK, linewidth=0.4)
    axes.set_xlabel("1 is an even share", fontsize=9)
    axes.set_ylabel("change of NDCG@10", fontsize=9)
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.margins(x=0.1, y=0.12)


def _trade_off_line(axes: Axes, points: Sequence[TradeOffPoint], field: str, style: dict[str, Any], task: str) -> None:
    across = [getattr(point, field) for point in points]
    for place, point in zip(across, points, strict=True):
        if point.interval:
            axes.plot([place, place], point.interval, color=_INK, linewidth=0.6)
        axes.annotate(
            f"{point.strength:g}", (place, point.ndcg_change), (3, 4), textcoords="offset points", fontsize=7.5
        )
    axes.plot(
        across, [point.ndcg_change for point in points], color=_INK, linewidth=1, markersize=5, label=task, **style
    )


def _trade_off_words(points: Sequence[TradeOffPoint]) -> str:
    said = [
        f"Task {point.task}, strength {point.strength:g}: NDCG@10 changes by {figure(point.ndcg_change, '')}, "
        f"exposure over demand is {figure(point.small_supplier_exposure, '')} for small makers "
        f"and {figure(point.private_label_exposure, '')} for own brands."
        for point in points
    ]
    return " ".join(said)


def _picture(canvas: Figure, picture_id: str, title: str, description: str) -> Picture:
    written = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    canvas.savefig(written, format="svg", transparent=True, metadata=nothing)
    raw = written.getvalue()
    view = _VIEW.search(raw)
    drawing = _TAG.sub(lambda tag: _lean(tag.group(), picture_id), _DROPPED.sub("", raw))
    opening = (
        f'<svg {view.group() if view else ""} role="img" aria-labelledby="{picture_id}-title {picture_id}-desc">'
        f'<title id="{picture_id}-title">{escape(title)}</title>'
        f'<desc id="{picture_id}-desc">{escape(description)}</desc>'
    )
    return Picture(opening + drawing.strip(), title, description)


def _lean(tag: str, picture_id: str) -> str:
    for pattern, replacement in _CLEANING:
        tag = pattern.sub(replacement, tag)
    for pattern, replacement in _REFERENCES:
        tag = pattern.sub(replacement.format(prefix=picture_id), tag)
    return tag


def _tick(value: float, unit: str) -> str:
    return re.sub(r"(\.\d*?)0+(?=%|$)", r"\1", figure(value, unit)).replace(".%", "%").removesuffix(".")


def _visible(group: GroupResult) -> bool:
    return group.value is not None and not group.suppressed


def _short(text: str, limit: int = _MAX_LABEL) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
