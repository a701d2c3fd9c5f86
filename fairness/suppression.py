"""Small cells hidden so that totals do not give them away."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fairness.groups import Grouping

Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
_DETERMINED = 1e-8  # distance of a cell from what totals span, below which totals give it away


def suppressed_cells(n: Counts, totals: Sequence[Sequence[int]], min_cell: int) -> Bools:
    """Choose the cells to hide: every small one, and others until no total reveals one.

    A total that is known, less the cells that are shown, must never leave a single small cell, nor a sum of hidden
    cells that is itself small. While it does, the smallest cell of that total still shown is hidden too. Empty cells
    hold nobody and are neither hidden nor of any help.

    Args:
        n: (G,) people in each cell.
        totals: The cells that add up to each known total.
        min_cell: Fewest people that may be shown.

    Returns:
        (G,) whether hidden.

    Source: Cox (1980), Suppression methodology and statistical disclosure control.

    >>> suppressed_cells(np.array([4, 60, 35, 0]), [[0, 1, 2, 3]], min_cell=10).tolist()
    [True, False, True, False]
    """
    small = (n > 0) & (n < min_cell)
    hidden = small.copy()
    while (cell := _next_cover(n, totals, small, hidden, min_cell)) is not None:
        hidden[cell] = True
    return hidden


def totals_of(grouping: Grouping | None, labels: Sequence[str]) -> list[list[int]]:
    """List the totals that a reader knows: of everybody and, for an intersection, of each group it is made of.

    Args:
        grouping: Who belongs where; None when groups are not of people's attributes.
        labels: (G,) groups that a measure shows.
    """
    totals = [list(range(len(labels)))]
    if grouping is None or not grouping.cells:
        return totals
    parts = dict(zip(grouping.labels, grouping.cells, strict=False))
    for side in (0, 1):
        for group in dict.fromkeys(cell[side] for cell in grouping.cells):
            totals.append([place for place, label in enumerate(labels) if parts.get(label, ("", ""))[side] == group])
    return totals


def _next_cover(n: Counts, totals: Sequence[Sequence[int]], small: Bools, hidden: Bools, min_cell: int) -> int | None:
    """Choose the next cell to hide: the smallest shown one of the totals that give most away."""
    given_away = set(np.flatnonzero(small & _determined(totals, hidden)).tolist())
    sums = [sum(int(n[cell]) for cell in total if hidden[cell]) for total in totals]
    alone = [bool(given_away) and sum(bool(hidden[cell]) for cell in total) == 1 for total in totals]
    urgent = [alone[row] or 0 < sums[row] < min_cell for row in range(len(totals))]
    touched = [bool(given_away.intersection(total)) for total in totals]
    for chosen in (urgent, touched):
        shown = [
            cell
            for total, wanted in zip(totals, chosen, strict=True)
            for cell in total
            if wanted and n[cell] > 0 and not hidden[cell]
        ]
        if shown:
            return min(shown, key=lambda cell: (n[cell], cell))
    return None


def _determined(totals: Sequence[Sequence[int]], hidden: Bools) -> Bools:
    """(G,) whether a hidden cell follows from the totals and the shown cells by linear algebra."""
    places = np.flatnonzero(hidden)
    sums = np.zeros((len(totals), hidden.size))
    for row, total in enumerate(totals):
        sums[row, list(total)] = 1.0
    found = np.zeros(hidden.size, dtype=np.bool_)
    if places.size:
        seen = sums[:, places]
        spanned = np.linalg.pinv(seen) @ seen  # projects on what the totals span
        found[places] = np.abs(spanned - np.eye(places.size)).max(axis=1) < _DETERMINED
    return found
