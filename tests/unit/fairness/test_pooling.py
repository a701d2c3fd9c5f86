"""Cells of an intersection borrow from their groups as much as they need to, and no more."""

import numpy as np
import numpy.typing as npt
import pytest

from fairness.bootstrap import GroupDraws
from fairness.groups import Grouping, intersection
from fairness.pooling import pooled_values

Floats = npt.NDArray[np.float64]


def crossed(n_first: int, n_second: int) -> Grouping:
    first = Grouping("a", (*(f"a{i}" for i in range(n_first)), "unknown"), np.array([0]))
    second = Grouping("b", (*(f"b{i}" for i in range(n_second)), "unknown"), np.array([0]))
    return intersection(first, second)


def drawn(values: Floats, errors: Floats, n: npt.NDArray[np.int64] | None = None) -> GroupDraws:
    """Figures with standard errors as given; the unknown, who come last, are added."""
    noise = np.random.default_rng(1).standard_normal((values.size, 4000))
    noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, keepdims=True)
    draws = np.vstack([values[:, None] + errors[:, None] * noise, np.ones((1, 4000))])
    sizes = np.append(np.full(values.size, 40) if n is None else n, 7)
    labels = (*(str(place) for place in range(values.size)), "unknown")
    return GroupDraws(labels, sizes, sizes, np.append(values, 1.0), draws)


ADDITIVE = np.add.outer([0.1, 0.2, 0.4], [0.0, 0.05, 0.1]).ravel()


def test_cells_that_are_the_sum_of_their_groups_stay_put() -> None:
    pooled = pooled_values(drawn(ADDITIVE, np.full(9, 0.02)), crossed(3, 3))
    assert pooled[:9] == pytest.approx(ADDITIVE)
    assert np.isnan(pooled[9])


def test_noise_around_the_main_effects_is_taken_away() -> None:
    errors = np.full(9, 0.05)
    rng = np.random.default_rng(7)
    raw, shrunk = 0.0, 0.0
    for _ in range(40):
        values = ADDITIVE + errors * rng.standard_normal(9)
        raw += float(((values - ADDITIVE) ** 2).sum())
        shrunk += float(((pooled_values(drawn(values, errors), crossed(3, 3))[:9] - ADDITIVE) ** 2).sum())
    assert shrunk < 0.75 * raw


def test_a_true_interaction_survives_where_the_cells_are_large() -> None:
    values = ADDITIVE.copy()
    values[4] += 0.3
    pooled = pooled_values(drawn(values, np.full(9, 0.005)), crossed(3, 3))
    assert pooled[4] == pytest.approx(values[4], abs=0.01)


def test_small_cells_are_drawn_further_than_large_ones() -> None:
    values = ADDITIVE + np.array([0.1, -0.1, 0, -0.1, 0.1, 0, 0, 0, 0])
    errors = np.array([0.01, 0.01, 0.01, 0.01, 0.2, 0.01, 0.01, 0.01, 0.01])
    pooled = pooled_values(drawn(values, errors), crossed(3, 3))
    moved = np.abs(pooled[:9] - values)
    assert moved[4] > 3 * np.delete(moved, 4).max()


def test_by_hand_two_by_two() -> None:
    # equal errors e: the additive fit leaves residuals of +-d, and the spread is max(0, 4 d^2 - e^2) (one to spare)
    values, error, gap = np.array([0.5, 0.3, 0.3, 0.5]), 0.1, 0.1
    spread = 4 * gap**2 - error**2
    own = spread / (spread + error**2)
    expected = own * values + (1 - own) * 0.4
    assert pooled_values(drawn(values, np.full(4, error)), crossed(2, 2))[:4] == pytest.approx(expected, rel=1e-6)


def test_a_cell_whose_few_customers_agree_is_not_taken_for_certain() -> None:
    values = ADDITIVE.copy()
    values[0] = 1.0
    errors = np.full(9, 0.05)
    errors[0] = 0.0
    sizes = np.full(9, 40)
    sizes[0] = 1
    assert pooled_values(drawn(values, errors, sizes), crossed(3, 3))[0] < 0.9


def test_empty_cells_have_no_figure_and_do_no_harm() -> None:
    values = ADDITIVE.copy()
    values[2] = np.nan
    pooled = pooled_values(drawn(values, np.full(9, 0.02)), crossed(3, 3))
    assert np.isnan(pooled[2])
    assert np.isfinite(np.delete(pooled[:9], 2)).all()
    assert np.isnan(pooled_values(drawn(np.full(9, np.nan), np.zeros(9)), crossed(3, 3))).all()
