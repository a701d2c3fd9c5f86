"""Where a group's discount comes from: what it buys, where, when, and what is left when all that is the same."""

from typing import Final

import numpy as np

from fairness.price_metrics import Floats, Ints, Lines, cell_codes, others_rate, per_customer

STEPS: Final = ("category", "product", "store", "week")  # each splits the cells of the one before
REST: Final = "rest"


def mix_effects(lines: Lines, amount: Floats, n_customers: int) -> dict[str, Floats]:
    """Split what each customer got beyond the average rate into mix effects that add up exactly.

    The rate (amount over shelf amount) that would be expected of a line is that of other customers in ever finer
    cells: everything, its category, its product, its product in its store, and there in its week. Each step's effect is
    the change of the expected amount; the rest is the actual amount less what the finest cell leads to expect. Where
    nobody else bought in a cell, the expectation of the step before stands, so the step explains nothing. Each effect
    is the distance from everyone's.

    Args:
        lines: All lines.
        amount: (L,) loyalty discount or out of pocket, USD.
        n_customers: C.

    Returns:
        By step, and for the rest: (C,) USD. Over any group, their sum divided by the group's shelf amount is the
        group's rate less everyone's. Range: any share of shelf; ideal 0. Do not read an effect as a cause, and do not
        reorder the steps between reports: a later step explains only what earlier ones left.

    Source: Kitagawa (1955), components of a difference between two rates; nested as in Oaxaca (1973), with everyone's
    rates as reference.
    """
    rate = np.full(len(amount), overall_rate(lines, amount))
    effects = {}
    for step, cell in _nested_cells(lines).items():
        finer = others_rate(amount, lines.shelf, cell, lines.customer, rate)
        effects[step] = _apart(lines, lines.shelf * (finer - rate), n_customers)
        rate = finer
    effects[REST] = _apart(lines, amount - lines.shelf * rate, n_customers)
    return effects


def _apart(lines: Lines, effect: Floats, n_customers: int) -> Floats:
    """(C,) effects less what everyone has of them on average, since others' rates leave an effect on all together."""
    return per_customer(effect - lines.shelf * overall_rate(lines, effect), lines.customer, n_customers)


def adjusted_amounts(lines: Lines, amount: Floats, n_customers: int) -> Floats:
    """Give the amounts that would leave each customer its distance from others in the same category, store and week.

    Args:
        lines: All lines.
        amount: (L,) loyalty discount or out of pocket, USD.
        n_customers: C.

    Returns:
        (C,) USD. Over a group, divided by its shelf amount: everyone's rate plus the group's mean distance from what
        other customers got in the same category, store and week. Range: around everyone's rate; ideal: the same for
        all groups. Not for a figure of what a group got: that is the rate itself.

    Source: Kitagawa (1955), direct standardisation.
    """
    overall = np.full(len(amount), overall_rate(lines, amount))
    cell = cell_codes(lines.category, lines.store, lines.week)
    expected = others_rate(amount, lines.shelf, cell, lines.customer, overall)
    distance = _apart(lines, amount - lines.shelf * expected, n_customers)
    return distance + per_customer(lines.shelf * overall, lines.customer, n_customers)


def overall_rate(lines: Lines, amount: Floats) -> float:
    """Give everyone's rate: the amount over the shelf amount."""
    shelf = float(lines.shelf.sum())
    return float(amount.sum()) / shelf if shelf > 0 else 0.0


def _nested_cells(lines: Lines) -> dict[str, Ints]:
    cells = cell_codes(lines.category)
    nested = {STEPS[0]: cells}
    for step, key in zip(STEPS[1:], (lines.product, lines.store, lines.week), strict=True):
        cells = cell_codes(cells, key)
        nested[step] = cells
    return nested
