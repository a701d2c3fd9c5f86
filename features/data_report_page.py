"""The data report as one self-contained page: no script, no outside request, readable without colour."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from html import escape
from typing import Final

from features.data_report import ColumnReport, DataReport, ReferenceReport, TableReport, Value

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1f2933; --soft: #52606d; --line: #d9dee3; --paper: #fff; --note: #f4f6f8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7eb; --soft: #a7b3bf; --line: #3a4551; --paper: #161b20; --note: #1f262d; }
}
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); } code { font-size: .9em; overflow-wrap: anywhere; }
.note { background: var(--note); border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0; }
.note ul { margin: .25rem 0; padding-left: 1.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
meter { width: 5rem; height: .7rem; vertical-align: middle; }
a { color: inherit; }
.skip { position: absolute; left: -100rem; } .skip:focus { position: static; }
"""


def render(report: DataReport) -> str:
    """Write the whole report as one HTML page."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Data report: {escape(report.source)}</title><style>{_STYLE}</style></head>",
            '<body><a class="skip" href="#tables">Skip to the tables</a>',
            "<header><h1>Data report</h1>",
            f'<p class="soft">Source {escape(report.source)}, read {report.created_at:%Y-%m-%d %H:%M} UTC. '
            f"Snapshot <code>{report.snapshot_digest[:12]}</code>.</p></header>",
            "<main>",
            _box("Good to know", report.notes),
            _box("Worth a look", report.warnings) or '<p class="note">Nothing stands out.</p>',
            _overview(report.tables),
            _references(report.references),
            *(_table(table) for table in report.tables),
            "</main></body></html>",
        ]
    )


def _box(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        f'<section class="note" aria-label="{escape(title)}"><strong>{escape(title)}</strong><ul>{items}</ul></section>'
    )


def _overview(tables: Sequence[TableReport]) -> str:
    rows = (
        (
            f'<a href="#{escape(table.table)}">{escape(table.table)}</a>',
            _count(table.n_rows),
            _count(table.n_accepted),
            _count(table.n_rejected),
            _share(table.n_rejected, table.n_rows),
            _count(table.n_merged),
            _count(table.n_added),
            _count(table.n_written),
            _age(table),
        )
        for table in tables
    )
    heads = ("Table", "Rows read", "Accepted", "Refused", "Share", "Merged", "Added", "Kept", "Newest row")
    return (
        f'<h2 id="tables">Tables</h2>{_grid("What came in and what was kept", heads, rows, n_left=1, right_last=False)}'
    )


def _references(references: Sequence[ReferenceReport]) -> str:
    rows = (
        (
            f"<code>{escape(part.table)}.{escape(part.column)}</code>",
            escape(part.known_from),
            _count(part.n_rows),
            _count(part.n_ids),
        )
        for part in references
    )
    heads = ("Column", "Should be known to", "Rows with unknown ids", "Unknown ids")
    return f"<h2>References</h2>{_grid('Ids that another table does not hold', heads, rows, n_left=2)}"


def _table(table: TableReport) -> str:
    title = f'<section id="{escape(table.table)}"><h2>{escape(table.table)}</h2>'
    origin = f'<p class="soft">From {escape(table.origin)}.{_span(table)}{_repeated(table)}</p>'
    columns = _grid(
        "Columns of the accepted rows",
        ("Column", "Filled", "Smallest", "Greatest"),
        (_column(column) for column in table.columns),
        n_left=1,
    )
    return f"{title}{origin}{columns}{_reasons(table)}</section>"


def _reasons(table: TableReport) -> str:
    if not table.reject_reasons:
        return ""
    rows = ((escape(reason), _count(n), _share(n, table.n_rows)) for reason, n in table.reject_reasons.items())
    caption = "Why rows were refused; a row counts once for each of its reasons"
    return _grid(caption, ("Reason", "Rows", "Share"), rows, n_left=1)


def _column(column: ColumnReport) -> tuple[str, ...]:
    name = f"<code>{escape(column.name)}</code>"
    if not column.supplied:
        return name, '<span class="soft">not supplied</span>', "", ""
    percent = f"{column.completeness:.1%}"
    meter = f'<meter min="0" max="1" value="{column.completeness:.4f}" aria-hidden="true"></meter> {percent}'
    return name, meter, _value(column.minimum), _value(column.maximum)


def _span(table: TableReport) -> str:
    if table.oldest is None or table.newest is None:
        return ""
    return f" Times from {table.oldest:%Y-%m-%d} to {table.newest:%Y-%m-%d}."


def _repeated(table: TableReport) -> str:
    if not table.n_repeated:
        return ""
    return f" {_count(table.n_repeated)} rows equal another in every column and were kept: each is an event."


def _age(table: TableReport) -> str:
    if table.newest is None:
        return '<span class="soft">no time</span>'
    mark = " (stale)" if table.stale else ""
    return f"{table.newest:%Y-%m-%d}{mark}"


def _grid(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, n_left: int, right_last: bool = True
) -> str:
    def style(place: int) -> str:
        right = place >= n_left and (right_last or place < len(heads) - 1)
        return ' class="n"' if right else ""

    head = "".join(f'<th scope="col"{style(place)}>{escape(text)}</th>' for place, text in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{style(place)}>{cell}</td>" for place, cell in enumerate(cells)) + "</tr>"
        for cells in rows
    )
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _count(n: int) -> str:
    return f"{n:,}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"


def _value(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return value.isoformat() if isinstance(value, date) else f"{value:,.2f}"
