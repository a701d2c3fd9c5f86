"""What a group's figure could be, wherever the customers of unknown group belong."""

import numpy as np
import numpy.typing as npt

from fairness.bootstrap import Tally
from fairness.groups import Grouping

Floats = npt.NDArray[np.float64]


def worst_case_bounds(tally: Tally, grouping: Grouping) -> Floats:
    """Bound each group's figure over all ways in which the unknown could be shared out.

    For every group the unknown that would lower (or raise) its ratio of sums the most are put into it. The bounds are
    exact: the best set of customers to add is always those whose own ratio lies beyond the one reached, so it is found
    by sorting. For a share it is the count of ones or of zeros that joins; for a mean, the extreme values.

    Args:
        tally: What is summed.
        grouping: Who belongs where; the last group is the unknown.

    Returns:
        (G, 2) lowest and highest figure; the unknown's own row is its figure twice, NaN where undefined.

    Not covered: each group is bounded by itself. Two groups cannot both have the same unknown customers, so a ratio of
    two bounds is wider than what can be true.

    Source: Manski (2003), Partial Identification of Probability Distributions, chapter 1; the sets as in Dinkelbach
    (1967), nonlinear fractional programming.
    """
    unknown = len(grouping.labels) - 1
    adrift = _columns(tally, grouping.codes == unknown)
    own = [_columns(tally, grouping.codes == group).sum(axis=0) for group in range(unknown)]
    rows = [(_lowest(start, adrift), -_lowest(start * [-1, 1], adrift * [-1, 1])) for start in own]
    figure = _lowest(adrift.sum(axis=0), adrift[:0])
    return np.array([*rows, (figure, figure)], dtype=np.float64)


def _columns(tally: Tally, chosen: npt.NDArray[np.bool_]) -> Floats:
    places = chosen & tally.counted
    return np.column_stack([tally.numerator[places], tally.denominator[places]]).astype(np.float64)


def _lowest(start: Floats, adrift: Floats) -> float:
    """Lowest ratio of sums of `start` with any of the rows `adrift` added; NaN if no choice has a denominator."""
    weightless = adrift[:, 1] == 0
    start = start + np.array([np.minimum(adrift[weightless, 0], 0.0).sum(), 0.0])
    rest = adrift[~weightless]
    order = np.argsort(rest[:, 0] / rest[:, 1], kind="stable")
    sums = start + np.vstack([np.zeros((1, 2)), np.cumsum(rest[order], axis=0)])  # (1 + U, 2)
    defined = sums[:, 1] > 0
    return float((sums[defined, 0] / sums[defined, 1]).min()) if defined.any() else float("nan")
