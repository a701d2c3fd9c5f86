"""Small cells stay hidden, whatever is subtracted."""

import numpy as np
import pytest

from fairness.groups import Grouping, intersection
from fairness.suppression import suppressed_cells, totals_of


def hidden(n: list[int], totals: list[list[int]] | None = None) -> list[int]:
    return np.flatnonzero(suppressed_cells(np.array(n), totals or [list(range(len(n)))], 10)).tolist()


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        ([50, 60, 70], []),
        ([4, 60, 35, 200], [0, 2]),  # with the smallest other
        ([4, 60, 35, 0], [0, 2]),  # the empty cell is no cover
        ([4, 7, 35, 200], [0, 1]),  # eleven are hidden together, in two cells
        ([4, 5, 35, 200], [0, 1, 2]),  # nine hidden would still be a small sum
        ([1, 1, 10, 10], [0, 1, 2]),
        ([4, 0, 0], [0]),  # nothing to hide it with, and nothing shown to subtract
        ([9, 10], [0, 1]),
        ([0, 0], []),
    ],
)
def test_a_single_total(n: list[int], expected: list[int]) -> None:
    assert hidden(n) == expected


def rank_of(rows: list[list[int]], n_cells: int) -> int:
    table = np.zeros((len(rows), n_cells))
    for row, cells in enumerate(rows):
        table[row, cells] = 1
    return int(np.linalg.matrix_rank(table))


@pytest.mark.parametrize("seed", range(40))
def test_no_small_cell_of_a_two_way_table_follows_from_totals_and_shown_cells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    n = rng.choice([0, 3, 8, 12, 40, 90], size=rows * columns)
    totals = [list(range(n.size))]
    totals += [[r * columns + c for c in range(columns)] for r in range(rows)]
    totals += [[r * columns + c for r in range(rows)] for c in range(columns)]
    hide = suppressed_cells(n, totals, 10)
    assert hide[(n > 0) & (n < 10)].all()
    known = totals + [[cell] for cell in range(n.size) if not hide[cell]]
    for cell in np.flatnonzero((n > 0) & (n < 10)):
        helpless = all(hide[other] or n[other] == 0 for total in totals if cell in total for other in total)
        # known exactly if adding the cell to what is known teaches nothing new
        learnt = rank_of([*known, [int(cell)]], n.size) > rank_of(known, n.size)
        assert learnt or helpless


def test_the_totals_of_an_intersection_are_its_margins() -> None:
    first = Grouping("a", ("x", "y", "unknown"), np.array([0]))
    second = Grouping("b", ("u", "v", "unknown"), np.array([0]))
    both = intersection(first, second)
    assert totals_of(both, both.labels) == [[0, 1, 2, 3, 4], [0, 1], [2, 3], [0, 2], [1, 3]]


def test_the_total_of_a_single_attribute_is_that_of_everybody() -> None:
    assert totals_of(None, ("small", "large")) == [[0, 1]]


def test_an_intersection_hides_a_rectangle_at_least() -> None:
    first = Grouping("a", ("x", "y", "z", "unknown"), np.array([0]))
    both = intersection(first, Grouping("b", ("u", "v", "w", "unknown"), np.array([0])))
    n = [5, 40, 50, 45, 60, 70, 80, 90, 95, 200]
    assert hidden(n, totals_of(both, both.labels)) == [0, 1, 3, 4]
