"""What the command line shows: results on standard output, progress and complaints on standard error."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

_HIDDEN: Final = 5e-4  # four decimals say less than one digit of what is smaller
_WIDTH = 120  # of tables in a file or pipe; on a terminal its own width counts

_results = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
_progress = Console(stderr=True, highlight=False)


class Steps:
    """Tells each step as it begins, with the seconds since the command began.

    >>> Steps().seconds >= 0
    True
    """

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time since the command began; seconds."""
        return time.monotonic() - self._started

    def __call__(self, text: str) -> None:
        """Show one line."""
        _progress.print(f"[dim]{self.seconds:7.1f} s[/dim]  {_plain(text)}", soft_wrap=True)


def show(facts: Mapping[str, Any], *, as_json: bool, title: str = "") -> None:
    """Show named values as a two-column table, or as one JSON object."""
    if as_json:
        _results.print_json(json.dumps(facts, default=str))
        return
    table = Table(title=title or None, show_header=False, title_justify="left")
    for name, value in facts.items():
        table.add_row(_plain(str(name)), _plain(_short(value)))
    _results.print(table)


def show_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
    """Show rows as a table; numbers to the right."""
    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*(_plain(str(cell)) for cell in row))
    _results.print(table)


def say(text: str) -> None:
    """Print plain text as it is, for people to read or copy."""
    _results.print(_plain(text), soft_wrap=True)


def complain(problem: object, exit_code: int) -> int:
    """Show a problem and hand the exit code back."""
    _progress.print(f"[bold]fairshelf:[/bold] {_plain(str(problem))}", soft_wrap=True)
    return exit_code


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def _short(value: Any) -> str:
    """Write a value for a table: four decimals, two digits for what these would hide."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if value == 0 or abs(value) >= _HIDDEN else f"{value:.1e}"
