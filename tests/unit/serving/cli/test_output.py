"""Values in tables."""

import pytest

from serving.cli.output import show


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.1235"), (0.0, "0.0000"), (1e-5, "1.0e-05"), (-2e-7, "-2.0e-07"), (3, "3"), ("[on]", "[on]")],
)
def test_small_numbers_are_not_hidden(capsys: pytest.CaptureFixture[str], value: object, text: str) -> None:
    show({"figure": value}, as_json=False)
    assert f"│ {text} " in capsys.readouterr().out
