"""Templates of the pages."""

import pytest
from jinja2 import UndefinedError

from fairness.pages import environment


def test_values_are_escaped() -> None:
    assert environment().from_string("{{ name }}").render(name="<b>&") == "&lt;b&gt;&amp;"


def test_a_name_nobody_set_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ absent }}").render()
