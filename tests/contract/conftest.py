"""Errors with plausible facts, for every test that wants to see what they say."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, get_type_hints

import numpy as np
import pytest

from serving.errors import FieldError

Example = Callable[..., Exception]

# Two plausible facts of each type that an error may take.
FACTS: Final[Mapping[Any, tuple[Any, Any]]] = {
    str: ("alpha", "omega"),
    int: (3, 14),
    float: (0.25, 0.75),
    bool: (True, False),
    object: ("thing", "gadget"),
    Path: (Path("/data/one"), Path("/data/two")),
    date: (date(2017, 3, 6), date(2018, 4, 7)),
    datetime: (datetime(2017, 3, 6, tzinfo=UTC), datetime(2018, 4, 7, tzinfo=UTC)),
    np.datetime64 | None: (np.datetime64("2017-03-06"), np.datetime64("2018-04-09")),
    np.datetime64: (np.datetime64("2017-03-06"), np.datetime64("2018-04-09")),
    Sequence[str]: (["red", "green"], ["blue"]),
    Sequence[int]: ([1, 2], [5]),
    Sequence[float]: ([0.5, 0.5], [0.2, 0.3]),
    Sequence[datetime]: ([datetime(2017, 3, 6, tzinfo=UTC)], []),
    Iterable[str]: (["red", "green"], ["blue"]),
    Iterable[FieldError]: ([FieldError("limit", "too_large", "give 100 or less")], [FieldError("a", "b", "c")] * 2),
    Mapping[str, tuple[int, int]]: ({"sales": (3, 10)}, {"sales": (4, 10)}),
    Mapping[str, Mapping[str, int]]: ({"sales": {"no date": 3}}, {"sales": {"no price": 3}}),
    str | None: ("alpha", None),
    datetime | None: (datetime(2017, 3, 6, tzinfo=UTC), None),
}


def parameters(leaf: type[Exception]) -> dict[str, inspect.Parameter]:
    """The facts an error takes, by name."""
    return {name: p for name, p in inspect.signature(leaf.__init__).parameters.items() if name != "self"}


def build(leaf: type[Exception], *, changed: str | None = None) -> Exception:
    """Raise nothing, but build an error as the code that raises it would.

    Args:
        leaf: Class of the error.
        changed: Name of the one fact that shall differ from the usual example.
    """
    hints = get_type_hints(leaf.__init__)
    return leaf(**{name: FACTS[hints[name]][name == changed] for name in parameters(leaf)})


@pytest.fixture(scope="session")
def example() -> Example:
    """Builds an error of a class from plausible facts."""
    return build
