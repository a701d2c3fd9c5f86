"""EASE on the side of the customers against the textbook formula."""

import numpy as np
from scipy import sparse

from training.ranker.neighbours import Neighbours, fit_neighbours

_HELD = np.array(
    [[2.0, 1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.5, 0.0], [0.0, 0.0, 3.0, 1.0, 0.0], [0.0, 0.0, 1.0, 2.0, 1.0]]
)


def _textbook(held: np.ndarray, regularization: float) -> np.ndarray:
    precision = np.linalg.inv(held.T @ held + regularization * np.eye(held.shape[1]))
    weights: np.ndarray = precision / -np.diag(precision)
    np.fill_diagonal(weights, 0.0)
    return weights


def test_all_weights_kept_are_the_textbooks() -> None:
    fitted = fit_neighbours(sparse.csr_array(_HELD), regularization=0.7, n_kept=5)
    dense = np.zeros((5, 5))
    np.put_along_axis(dense, fitted.idx.astype(np.int64), fitted.weights, axis=1)
    np.testing.assert_allclose(dense, _textbook(_HELD, 0.7), atol=1e-5)


def test_only_the_strongest_weights_stay() -> None:
    fitted = fit_neighbours(sparse.csr_array(_HELD), regularization=0.7, n_kept=2)
    strongest = np.sort(np.abs(_textbook(_HELD, 0.7)), axis=1)[:, ::-1][:, :2]
    np.testing.assert_allclose(np.abs(fitted.weights), strongest, atol=1e-5)


def test_interest_is_a_weighted_sum_of_rows() -> None:
    neighbours = Neighbours(
        np.array([[1, 2], [0, 2], [0, 1]], dtype=np.int32),
        np.array([[0.5, 0.25], [1.0, -1.0], [0.0, 2.0]], dtype=np.float32),
    )
    scores = neighbours.interest(np.array([0, 1]), np.array([2.0, 3.0]))
    np.testing.assert_allclose(scores, [3.0, 1.0, 0.5 - 3.0])


def test_several_ways_of_counting_at_once_are_each_alone() -> None:
    fitted = fit_neighbours(sparse.csr_array(_HELD), regularization=0.7, n_kept=3)
    held, amounts = np.array([4, 0, 2]), np.array([[1.0, 0.5], [2.0, 0.0], [0.25, 3.0]])
    together = fitted.interest(held, amounts)
    assert together.shape == (5, 2)
    for way in range(2):
        np.testing.assert_array_equal(together[:, way], fitted.interest(held, amounts[:, way]))


def test_nothing_held_says_nothing() -> None:
    fitted = fit_neighbours(sparse.csr_array(_HELD), regularization=0.7, n_kept=2)
    assert not fitted.interest(np.empty(0, dtype=np.int64), np.empty(0)).any()
