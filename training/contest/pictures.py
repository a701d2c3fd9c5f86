"""A contest as a picture: every method's figure with its interval, the best above; shapes, not colours, tell ours."""

import io
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.benchmarks import BenchmarkRow
from training.contest.result import Contest, Method

PANELS: Final = {
    "lists": {"all.ndcg@20": "All products, NDCG@20", "novel.ndcg@20": "Never bought before, NDCG@20"},
    "cold": {
        "new_products.recall@100": "New products, recall@100",
        "beginners.novel.ndcg@20": "One to three baskets known, novel NDCG@20",
        "session.recall@10": "Three products known, recall@10",
    },
    "basket": {"basket.recall@10": "One product hidden in each basket, recall@10"},
}

_STYLE: Final[dict[str, object]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fairshelf",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.unicode_minus": False,
}
_PANEL_WIDTH: Final = 4.2  # inches
_ROW: Final = 0.28
_FRAME: Final = 1.0
_INK: Final = "#222222"


def picture(contest: Contest) -> str:
    """Draw the figures of a contest as SVG; the same contest gives the same text."""
    panels = PANELS[contest.discipline]
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        height = _FRAME + _ROW * len(contest.ranked)
        canvas = Figure(figsize=(_PANEL_WIDTH * len(panels), height), layout="constrained")
        for axes, (figure, title) in zip(
            canvas.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            _panel(axes, contest, figure)
            axes.set_title(title, fontsize=9, loc="left")
        written = io.StringIO()
        canvas.savefig(written, format="svg", metadata=dict.fromkeys(("Date", "Creator")))
    return written.getvalue()


def _panel(axes: Axes, contest: Contest, figure: str) -> None:
    shown = {one.name: one for one in contest.ranked}
    rows = [row for row in contest.rows if row.figure == figure and row.ratio_to is None]
    drawn = sorted(((row, shown[row.name]) for row in rows), key=lambda pair: -pair[0].value)
    for place, (row, method) in enumerate(drawn):
        _draw(axes, place, row, method)
    axes.set_yticks(
        range(len(drawn)), [f"{method.title} (ours)" if method.ours else method.title for _, method in drawn]
    )
    axes.set_ylim(max(len(drawn), 1) - 0.5, -0.5)
    axes.margins(x=0.16)
    axes.grid(axis="x", linewidth=0.3)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw(axes: Axes, place: int, row: BenchmarkRow, method: Method) -> None:
    if row.interval_95 is not None:
        axes.plot(row.interval_95, [place, place], color=_INK, linewidth=1.4)
    axes.plot(
        [row.value],
        [place],
        marker="D" if method.ours else "o",
        markersize=6,
        color=_INK,
        markerfacecolor=_INK if method.ours else "white",
    )
    edge = row.value if row.interval_95 is None else row.interval_95[1]
    axes.annotate(f"{row.value:.4f}", (edge, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
