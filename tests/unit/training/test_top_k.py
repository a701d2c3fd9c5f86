"""The order of a list never depends on chance."""

import numpy as np

from training.top_k import top_k


def test_best_first_and_ties_by_position() -> None:
    positions, best = top_k(np.array([[0.2, 0.9, 0.2, 0.9]]), 3)
    assert positions.tolist() == [[1, 3, 0]]
    np.testing.assert_allclose(best, [[0.9, 0.9, 0.2]], rtol=1e-6)


def test_what_must_not_be_shown_is_padding() -> None:
    positions, best = top_k(np.array([[-np.inf, 0.5, np.nan], [1.0, 2.0, 3.0]]), 4)
    assert positions.tolist() == [[1, -1, -1, -1], [2, 1, 0, -1]]
    assert np.isneginf(best[0, 1:]).all()


def test_no_customers_and_no_products() -> None:
    assert top_k(np.empty((0, 3)), 2)[0].shape == (0, 2)
    assert top_k(np.empty((2, 0)), 2)[0].tolist() == [[-1, -1], [-1, -1]]
