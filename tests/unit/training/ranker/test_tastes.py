"""The regression of low rank against kernel ridge in full."""

import numpy as np
import pytest
from scipy import sparse

from training.ranker.tastes import fit_tastes

_KNOWN = np.array([[3.0, 0.0, 1.0], [2.0, 1.0, 0.0], [0.0, 4.0, 1.0], [0.0, 1.0, 1.0]])
_WANTED = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def test_full_rank_is_kernel_ridge() -> None:
    tastes = fit_tastes(sparse.csr_array(_KNOWN), [sparse.csr_array(_WANTED)], regularization=0.5, rank=4)
    unit = _KNOWN / np.linalg.norm(_KNOWN, axis=1, keepdims=True)
    customer = np.array([1.0, 2.0, 0.0])
    kernel = unit @ (customer / np.linalg.norm(customer))
    expected = kernel @ np.linalg.inv(unit @ unit.T + 0.5 * np.eye(4)) @ _WANTED
    np.testing.assert_allclose(tastes.interest(np.array([0, 1]), np.array([1.0, 2.0])), expected[None], atol=1e-5)


def test_the_length_of_a_history_does_not_matter() -> None:
    tastes = fit_tastes(sparse.csr_array(_KNOWN), [sparse.csr_array(_WANTED)], regularization=0.5, rank=2)
    once = tastes.interest(np.array([0, 2]), np.array([1.0, 1.0]))
    np.testing.assert_allclose(tastes.interest(np.array([0, 2]), np.array([5.0, 5.0])), once, atol=1e-6)


@pytest.mark.parametrize("rank", [1, 3])
def test_rank_bounds_the_size(rank: int) -> None:
    tastes = fit_tastes(sparse.csr_array(_KNOWN), [sparse.csr_array(_WANTED)], regularization=0.5, rank=rank)
    assert tastes.inputs.shape == (3, rank)
    assert tastes.outputs.shape == (1, rank, 2)


def test_nothing_known_says_nothing() -> None:
    tastes = fit_tastes(sparse.csr_array(_KNOWN), [sparse.csr_array(_WANTED)], regularization=0.5, rank=2)
    said = tastes.interest(np.empty(0, dtype=np.int64), np.empty(0))
    assert said.shape == (1, 2)
    assert not said.any()


def test_kinds_of_purchases_do_not_mix() -> None:
    known, wanted = sparse.csr_array(_KNOWN), sparse.csr_array(_WANTED)
    other = sparse.csr_array(1 - _WANTED)
    both = fit_tastes(known, [wanted, other], regularization=0.5, rank=3)
    asked = (np.array([1]), np.array([2.0]))
    for place, purchases in enumerate((wanted, other)):
        alone = fit_tastes(known, [purchases], regularization=0.5, rank=3)
        np.testing.assert_allclose(both.interest(*asked)[place], alone.interest(*asked)[0], atol=1e-6)
