"""EASE kept as each product's strongest neighbours, so that one customer costs a gather and a sum."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_BLOCK: Final = 512  # products solved at a time; bounds memory at _BLOCK x N floats, changes no result


@dataclass(frozen=True, eq=False)
class Neighbours:
    """What each of N things says about others.

    Attributes:
        idx: (N, K) int32, whom it speaks for; strongest first.
        weights: (N, K) float32, how much; 0 where there are fewer.
    """

    idx: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]

    def interest(self, held: Ints, amounts: Floats) -> Floats:
        """Score everything for one customer.

        Args:
            held: (n,) what he holds.
            amounts: (n,) how much of it, or (n, W) by W ways of counting.

        Returns:
            (N,) or (N, W) scores; a thing never speaks for itself.
        """
        n, n_kept = len(held), self.idx.shape[1]
        parts = (self.weights[held].ravel(), self.idx[held].ravel(), np.arange(n + 1, dtype=np.int32) * n_kept)
        scores: Floats = sparse.csc_array(parts, shape=(len(self.idx), n)) @ amounts
        return scores


def fit_neighbours(held: sparse.csr_array, *, regularization: float, n_kept: int) -> Neighbours:
    """Solve EASE on the side of the customers and keep each row's strongest weights.

    With P = (X'X + lambda I)^-1, EASE's weight of i for j is -P_ij / P_jj; by Woodbury's identity lambda P = I - X'MX
    with M = (XX' + lambda I)^-1, so that an inverse of customers x customers is enough.

    Args:
        held: (C, N) amounts of people who agreed to model training.
        regularization: Ridge penalty lambda; above 0.
        n_kept: Weights kept per row; on validation 100 of 24,000 score like all of them.

    Source: Steck (2019), Embarrassingly Shallow Autoencoders for Sparse Data, equation 8.
    """
    n, n_kept = held.shape[1], min(n_kept, held.shape[1])
    columns = sparse.csr_array(held.T, dtype=np.float32)  # (N, C)
    gram = (held @ columns).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularization
    solved = columns @ np.linalg.inv(gram).astype(np.float32)  # (N, C), X'M
    diagonal = 1 - np.asarray(columns.multiply(solved).sum(axis=1)).ravel()  # (N,), lambda P_jj
    solved = np.ascontiguousarray(solved.T)  # (C, N)
    idx = np.empty((n, n_kept), dtype=np.int32)
    weights = np.empty((n, n_kept), dtype=np.float32)
    for start in range(0, n, _BLOCK):
        rows = slice(start, min(start + _BLOCK, n))
        block = (columns[rows] @ solved) / diagonal
        block[np.arange(rows.stop - start), np.arange(start, rows.stop)] = 0.0
        strength = np.abs(block)
        chosen = np.argpartition(strength, n - n_kept, axis=1)[:, n - n_kept :]
        order = np.argsort(-np.take_along_axis(strength, chosen, 1), axis=1, kind="stable")
        idx[rows] = np.take_along_axis(chosen, order, 1)
        weights[rows] = np.take_along_axis(block, idx[rows], 1)
    return Neighbours(idx, weights)
