"""Kernel ridge regression from what kinds of products a customer buys to what people like him buy now."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tastes:
    """A regression of low rank.

    Attributes:
        inputs: (F, R) float32, from what is known of a customer to directions.
        outputs: (W, R, N) float32, from directions to each kind of purchase of each product.
    """

    inputs: npt.NDArray[np.float32]
    outputs: npt.NDArray[np.float32]

    def interest(self, fields: Ints, values: Floats) -> npt.NDArray[np.float32]:
        """Score every product for one customer from his non-zero inputs, of any length: (W, N)."""
        n_wanted, _, n_products = self.outputs.shape
        length = float(np.sqrt(values @ values))
        scores = np.zeros((n_wanted, n_products), dtype=np.float32)
        if length > 0:
            unit = torch.from_numpy((values / length).astype(np.float32))
            directions = unit @ torch.from_numpy(self.inputs[fields])  # (R,)
            for wanted, outputs in zip(scores, self._outputs, strict=True):
                torch.mv(outputs, directions, out=torch.from_numpy(wanted))
        return scores

    @cached_property
    def _outputs(self) -> list[Tensor]:
        """W views (N, R): torch keeps to the threads that a server gives it, numpy takes every core for 2 N R sums."""
        return [torch.from_numpy(outputs).T for outputs in self.outputs]


def fit_tastes(
    known: sparse.csr_array, wanted: Sequence[sparse.csr_array], *, regularization: float, rank: int
) -> Tastes:
    """Regress with the cosine kernel, within its `rank` strongest directions.

    Args:
        known: (C, F) what is known of each customer.
        wanted: Each (C, N), one kind of purchases of his.
        regularization: Ridge penalty; above 0.
        rank: Directions kept.
    """
    lengths = np.sqrt(np.asarray(known.multiply(known).sum(axis=1)).ravel())
    unit = sparse.csr_array(sparse.diags_array(1 / np.maximum(lengths, 1e-12)) @ known)
    spread, directions = np.linalg.eigh((unit @ unit.T).toarray().astype(np.float64))
    kept = slice(max(len(spread) - rank, 0), None)
    towards = directions[:, kept]  # (C, R)
    inputs = (unit.T @ towards) / (spread[kept] + regularization)
    outputs = np.stack([np.ascontiguousarray((purchases.T @ towards).T) for purchases in wanted])
    return Tastes(inputs.astype(np.float32), outputs.astype(np.float32))
