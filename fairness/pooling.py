"""Cells of an intersection, drawn towards what their two groups alone would predict."""

from typing import Final

import numpy as np
import numpy.typing as npt

from fairness.bootstrap import GroupDraws
from fairness.groups import Grouping

Floats = npt.NDArray[np.float64]
_TOO_EVEN: Final = 0.01  # a variance below this share of what cells of its size have says that too few were seen


def pooled_values(drawn: GroupDraws, grouping: Grouping) -> Floats:
    """Shrink every cell's figure towards the additive main effects of the groups it is made of.

    A cell of few customers says little by itself; its two groups say what to expect of it. Each figure is drawn
    towards that expectation by as much as its own uncertainty outweighs the spread of the cells around the expectation
    (empirical Bayes; the spread by the method of moments). Verdicts rest on the unpooled figures.

    Args:
        drawn: Figures of the cells, with their resamplings.
        grouping: An intersection.

    Returns:
        (G,) pooled figures; NaN for the unknown, and for cells that are empty or undefined.

    Source: Efron and Morris (1975), Data analysis using Stein's estimator; DerSimonian and Laird (1986), equation 8,
    with regressors as in Raudenbush (2009).
    """
    pooled = np.full(len(grouping.labels), np.nan)
    used = np.flatnonzero(np.isfinite(drawn.values[: len(grouping.cells)]))
    if used.size == 0:
        return pooled
    values, noise = drawn.values[used], _noise(drawn, used)
    design = _main_effects([grouping.cells[cell] for cell in used])
    spread = _spread(values, noise, design)
    expected = _fitted(values, 1 / (noise + spread), design)
    own = spread / (spread + noise)  # (cells,) weight of the cell's own figure
    pooled[used] = own * values + (1 - own) * expected
    return pooled


def _noise(drawn: GroupDraws, used: npt.NDArray[np.int64]) -> Floats:
    """(cells,) variance of each figure; a cell of few or equal customers gets at least what cells of its size have."""
    draws = drawn.draws[used]
    variance = np.where(np.isfinite(draws), draws, drawn.values[used, None]).var(axis=1)
    n = np.maximum(drawn.n[used], 1)
    typical = float(np.median((variance * n)[n > 1])) if (n > 1).any() else 0.0
    floor = np.where(variance > _TOO_EVEN * typical / n, variance, typical / n)
    return np.maximum(floor, np.finfo(np.float64).tiny)


def _main_effects(cells: list[tuple[str, str]]) -> Floats:
    """(cells, P) an intercept and an indicator for every group but the first of either attribute."""
    columns = [np.ones(len(cells))]
    for side in (0, 1):
        groups = list(dict.fromkeys(cell[side] for cell in cells))
        columns += [np.array([float(cell[side] == group) for cell in cells]) for group in groups[1:]]
    return np.column_stack(columns)


def _fitted(values: Floats, weights: Floats, design: Floats) -> Floats:
    root = np.sqrt(weights / weights.max())
    effects, *_ = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)
    fitted: Floats = design @ effects
    return fitted


def _spread(values: Floats, noise: Floats, design: Floats) -> float:
    """Variance of the cells around their main effects, beyond noise; 0 where there are no cells to spare."""
    spare = values.size - int(np.linalg.matrix_rank(design))
    if spare <= 0:
        return 0.0
    scale = float(noise.min())
    weights = scale / noise
    residuals = values - _fitted(values, weights, design)
    weighted = design * weights[:, None]
    trace = weights.sum() - float(np.trace(np.linalg.pinv(design.T @ weighted) @ (weighted.T @ weighted)))
    excess = float((weights * residuals**2).sum()) - spare * scale
    return max(0.0, excess / trace) if trace > 0 else 0.0
