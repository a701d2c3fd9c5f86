"""Verdicts in plain words."""

import numpy as np
import pytest

from fairness.contrasts import Compared
from fairness.measures import Definition, Verdict
from fairness.wording import listed, verdict_note

RATIO = Definition("segments", "selection_rate", "t", "m", "share", 1.0, "ratio", "s")
LOW = Definition("prices", "p", "t", "m", "USD", 0.0, "difference", "s", reference="ideal", side="low")
SIZES = np.array([100, 300, 50])


def compared(values: list[float], lows: list[float], highs: list[float], ideal: bool = False) -> Compared:
    pairs = ((0, None), (1, None), (2, None)) if ideal else ((0, 1), (2, 1))
    return Compared(
        pairs=pairs,
        values=np.array(values),
        lows=np.array(lows),
        highs=np.array(highs),
        place=0,
        interval=(min(lows), min(highs)),
        p_value=0.01,
        minimum_detectable=0.7,
    )


def note(verdict: Verdict, found: Compared, definition: Definition = RATIO, margin: float = 0.8) -> str:
    return verdict_note(verdict, definition, found, ["a", "b", "c"], SIZES, margin, 0.8)


def test_a_pass_and_a_failure_give_the_interval_and_the_margin() -> None:
    assert note("PASS", compared([0.9, 0.95], [0.85, 0.9], [0.95, 1.1])) == (
        "The ratio between 0.85 and 0.95 lies within the margin of 0.8 wherever in the interval it truly is."
    )
    failed = note("FAIL", compared([0.6, 0.5], [0.5, 0.3], [0.7, 0.9]))
    assert "wholly beyond the margin of 0.8 (surest: a against b)" in failed


def test_what_is_missing_is_said_in_customers() -> None:
    # a ratio of exp(-.1) with half a width of .4 on the log scale, .123 from the margin: (.4 / .123)^2 times 400
    said = note("INSUFFICIENT", compared([np.exp(-0.1), 1.0], [np.exp(-0.5), 0.9], [np.exp(0.3), 1.1]))
    times = (0.4 / (-0.1 - np.log(0.8))) ** 2
    assert f"about {float(f'{400 * times:.2g}'):,.0f} in the groups compared would settle it (now 400)" in said
    assert "a ratio of 0.7 is told from none 80% of the time" in said
    assert "(a against b)" in said


def test_the_comparison_that_leaves_doubt_is_named_even_if_another_is_worse() -> None:
    said = note("INSUFFICIENT", compared([0.9, 0.95], [0.85, 0.4], [0.95, 1.4]))
    assert "(c against b)" in said
    assert "(now 350)" in said


def test_a_figure_at_the_margin_is_not_settled_by_numbers() -> None:
    said = note("INSUFFICIENT", compared([0.8, 1.0], [0.7, 0.9], [0.9, 1.1]))
    assert "hardly settle it" in said


def test_against_an_ideal_one_group_is_named() -> None:
    found = compared([-0.1, 0.0, 0.1], [-0.3, -0.2, -0.1], [0.1, 0.2, 0.3], ideal=True)
    said = note("INSUFFICIENT", found, LOW, margin=0.2)
    assert "(a)" in said
    assert "about 400 in the groups compared" in said  # .2 wide either way, .1 from the margin: four times the hundred


@pytest.mark.parametrize(("count", "expected"), [(1, "g0"), (6, "g0; g1; g2; g3; g4; g5"), (8, "g5; and 2 more")])
def test_long_lists_are_cut(count: int, expected: str) -> None:
    assert listed([f"g{place}" for place in range(count)]).endswith(expected)
