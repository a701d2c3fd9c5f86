"""A contest as tables: for the terminal and for Markdown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from training.benchmarks import BenchmarkRow
from training.contest.result import Contest, Method
from training.errors import ScoreUnknown

TASK_TITLES: Final = {"all": "All products", "novel": "Products the customer never bought"}
TITLES: Final = {"lists": "Recommendations", "basket": "Completing baskets", "cold": "Where there is no past"}
GAINS: Final = ("ndcg@10", "ndcg@20", "recall@100")
HEATS: Final = {
    "Products first sold in the window": (
        "new_products.recall@10", "new_products.ndcg@20", "new_products.recall@100"
    ),
    "Customers known by one to three baskets: all products": (
        "beginners.all.ndcg@10", "beginners.all.ndcg@20", "beginners.all.recall@100"
    ),
    "Customers known by one to three baskets: products these do not hold": (
        "beginners.novel.ndcg@10", "beginners.novel.ndcg@20", "beginners.novel.recall@100"
    ),
    "Visitors known by three products of a basket": ("session.recall@10", "session.ndcg@10", "session.ndcg@20"),
}  # fmt: skip

_NOTHING: Final = "–"


@dataclass(frozen=True)
class Table:
    """Rows of text under a title; a row is as long as the columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(contest: Contest) -> list[Table]:
    """Lay a contest out, method by method in the order of the run."""
    return [*_FIGURES[contest.discipline](contest), _cost_table(contest), *_left_out_table(contest)]


def _lists_tables(contest: Contest) -> list[Table]:
    return [*(_task_table(contest, task) for task in TASK_TITLES), *_gain_table(contest), _cold_table(contest)]


def _heat_tables(contest: Contest) -> list[Table]:
    """Lay the three heats out, each with those who took part in it."""
    return [_heat_table(contest, title, figures) for title, figures in HEATS.items()]


def _heat_table(contest: Contest, title: str, figures: Sequence[str]) -> Table:
    columns = ("method", *(_short(figure) for figure in figures), "95%", "over the best peer")
    rows = tuple(
        (
            _name(method),
            *(_value(contest, method, figure) for figure in figures),
            _interval(contest, method, figures[0]),
            "; ".join(f"{_short(figure)} {_gain(contest, method, figure)}" for figure in figures)
            if method.ours
            else _NOTHING,
        )
        for method in contest.ranked
        if _row(contest, method, figures[0]) is not None
    )
    return Table(title, columns, rows)


def _short(figure: str) -> str:
    return figure.partition(".")[2].replace("ndcg", "NDCG").replace(".", " ")


def markdown(contest: Contest, picture: str) -> str:
    """Write a contest as one Markdown page.

    Args:
        contest: What was found.
        picture: File of the picture beside the page.
    """
    words = TITLES[contest.discipline]
    days = f"{contest.train_until:%Y-%m-%d}, judged to {contest.test_end:%Y-%m-%d}"
    parts = [f"# {words}, cut-off {days}", "", *(f"- {note}" for note in contest.notes), "", f"![Figures]({picture})"]
    for table in tables(contest):
        parts += ["", f"## {table.title}", "", *_markdown_rows(table)]
    machine = contest.machine
    versions = ", ".join(f"{name} {version}" for name, version in contest.versions.items())
    parts += ["", f"{machine['processor']}, {machine['n_cpus']} processors, {machine['memory_gb']} GB; {versions}."]
    parts += ["", f"Data: {contest.provenance}", ""]
    return "\n".join(parts)


def _markdown_rows(table: Table) -> Iterator[str]:
    yield _line(table.columns)
    yield _line(["---"] * len(table.columns))
    for row in table.rows:
        yield _line(row)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _task_table(contest: Contest, task: str) -> Table:
    columns = (
        "method", "NDCG@10", "recall@100", "NDCG@20", "95%", "over the best peer", "coverage@10", "popularity"
    )  # fmt: skip
    rows = tuple(
        (
            _name(method),
            _value(contest, method, f"{task}.ndcg@10"),
            _value(contest, method, f"{task}.recall@100"),
            _value(contest, method, f"{task}.ndcg@20"),
            _interval(contest, method, f"{task}.ndcg@20"),
            _gain(contest, method, f"{task}.ndcg@20"),
            _value(contest, method, f"{task}.coverage@10"),
            _value(contest, method, f"{task}.popularity_percentile@10"),
        )
        for method in contest.ranked
    )
    return Table(TASK_TITLES[task], columns, rows)


def _gain_table(contest: Contest) -> list[Table]:
    """Tell ours over the best peer of each figure, with the interval of the ratio."""
    ours = [method for method in contest.ranked if method.ours]
    columns = ("method", "task", *(_short(f".{metric}") for metric in GAINS))
    rows = tuple(
        (_name(method), task, *(_gain(contest, method, f"{task}.{metric}") for metric in GAINS))
        for method in ours
        for task in TASK_TITLES
    )
    return [Table("Ours over the best peer, 95% intervals", columns, rows)] if rows else []


def _cold_table(contest: Contest) -> Table:
    figures = {
        "cold customers, all NDCG@20": "cold_customers.all.ndcg@20",
        "novel NDCG@20": "cold_customers.novel.ndcg@20",
        "cold products, all recall@100": "cold_products.all.recall@100",
        "novel recall@100": "cold_products.novel.recall@100",
    }
    rows = tuple(
        (_name(method), *(_value(contest, method, figure) for figure in figures.values())) for method in contest.ranked
    )
    return Table("Cold customers and cold products", ("method", *figures), rows)


def _basket_tables(contest: Contest) -> list[Table]:
    figure = "basket.recall@10"
    rows = tuple(
        (
            _name(method),
            _value(contest, method, figure),
            _interval(contest, method, figure),
            _gain(contest, method, figure),
        )
        for method in contest.ranked
    )
    return [Table("One product hidden in each basket", ("method", "recall@10", "95%", "over the best peer"), rows)]


def _cost_table(contest: Contest) -> Table:
    columns = ("method", "tried", "on", "tuning s", "fit s", "rank s", "peak GB", "chosen on validation")
    rows = tuple(
        (
            _name(method),
            str(method.n_tried) if method.n_tried else _NOTHING,
            _days(method),
            *(_value(contest, method, figure, 1) for figure in ("tuning_cpu_s", "fit_cpu_s", "rank_cpu_s")),
            _value(contest, method, "peak_memory_gb", 1),
            _chosen(method),
        )
        for method in contest.ranked
    )
    return Table("Tuning, time and memory", columns, rows)


def _left_out_table(contest: Contest) -> list[Table]:
    rows = tuple((method.title, method.left_out) for method in contest.methods if method.left_out is not None)
    return [Table("Left out", ("method", "why"), rows)] if rows else []


def _name(method: Method) -> str:
    return f"{method.title} (ours)" if method.ours else method.title


def _days(method: Method) -> str:
    """Tell the days that chose, and whether an earlier run looked at them."""
    if method.validated_from is None or method.validated_until is None:
        return _NOTHING
    days = f"{method.validated_from:%Y-%m-%d} to {method.validated_until:%Y-%m-%d}"
    return f"{days}, on record" if method.recorded else days


def _chosen(method: Method) -> str:
    """Write the points of both tasks, once where they are the same."""
    points = {task: _point(point) for task, point in method.chosen.items() if point}
    if not points:
        return _NOTHING
    if len(set(points.values())) == 1:
        return next(iter(points.values()))
    return "; ".join(f"{task}: {words}" for task, words in points.items())


def _point(point: dict[str, Any]) -> str:
    return ", ".join(f"{name} {'none' if value is None else value}" for name, value in point.items())


def _value(contest: Contest, method: Method, figure: str, digits: int = 4) -> str:
    row = _row(contest, method, figure)
    return _NOTHING if row is None else f"{row.value:.{digits}f}"


def _interval(contest: Contest, method: Method, figure: str) -> str:
    row = _row(contest, method, figure)
    return _NOTHING if row is None or row.interval_95 is None else "{:.4f} to {:.4f}".format(*row.interval_95)


def _gain(contest: Contest, method: Method, figure: str) -> str:
    """Write a gain over the best peer with its interval, and who that is."""
    try:
        row = contest.against_best_peer(method.name, figure)
    except ScoreUnknown:
        return _NOTHING
    if row.ratio is None or row.interval_95 is None:
        return _NOTHING
    low, high = row.interval_95
    titles = {one.name: one.title for one in contest.methods}
    return f"{row.ratio - 1:+.1%} [{low - 1:+.1%}, {high - 1:+.1%}] {titles.get(str(row.ratio_to), row.ratio_to)}"


def _row(contest: Contest, method: Method, figure: str) -> BenchmarkRow | None:
    try:
        return contest.value(method.name, figure)
    except ScoreUnknown:
        return None


_FIGURES: Final[Mapping[str, Callable[[Contest], list[Table]]]] = {
    "lists": _lists_tables,
    "basket": _basket_tables,
    "cold": _heat_tables,
}
