"""Where training starts."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import sparse

from training.histories import Histories
from training.two_tower.products import NUMERIC_FIELDS
from training.two_tower.snapshots import Snapshot
from training.two_tower.start import history_svd, prepare
from training.two_tower.towers import Shape, TwoTower

MakeHistories = Callable[..., Histories]


def snapshot_of(histories: Histories, n_products: int = 8) -> Snapshot:
    bought = sparse.csr_array(
        (np.ones(len(histories.product_idx), dtype=bool), histories.product_idx, histories.offsets),
        shape=(len(histories), n_products),
    )
    numeric = np.random.default_rng(len(histories)).normal(size=(n_products, len(NUMERIC_FIELDS))).astype(np.float32)
    moment = datetime(2025, 5, 1, tzinfo=UTC)
    return Snapshot(moment, histories, numeric, bought, sparse.csr_array(bought.shape))


@pytest.fixture
def three(histories_of: MakeHistories) -> Snapshot:
    """Two who buy alike, one who does not."""
    return snapshot_of(histories_of(["milk", "bread", "eggs"], ["bread", "milk"], ["beer", "chips"]))


def test_three_customers_give_two_dimensions_and_zeros_after_them(three: Snapshot) -> None:
    vectors = history_svd(three, n_dims=5, seed=1)
    assert vectors.shape == (8, 5)
    assert vectors.dtype == np.float32
    assert vectors[:, :2].any(axis=0).all()
    assert not vectors[:, 2:].any()
    assert vectors.std() == pytest.approx(0.1)
    assert not vectors[[4, 6, 7]].any()  # jam, salt and tea were never bought


def test_products_of_the_same_buyers_point_the_same_way(three: Snapshot) -> None:
    vectors = history_svd(three, n_dims=2, seed=1)

    def cosine(left: int, right: int) -> float:
        return float(vectors[left] @ vectors[right] / np.linalg.norm(vectors[left]) / np.linalg.norm(vectors[right]))

    assert cosine(1, 5) > 0.99  # bread and milk
    assert cosine(0, 2) > 0.99  # beer and chips
    assert abs(cosine(0, 5)) < 1e-4


def test_the_seed_decides(three: Snapshot) -> None:
    assert (history_svd(three, 3, seed=4) == history_svd(three, 3, seed=4)).all()


def test_the_factors_are_those_of_the_weighted_matrix(histories_of: MakeHistories) -> None:
    """Dense twin: rows of log count times idf, at length 1; V S V' is the same whatever the signs."""
    snapshot = snapshot_of(
        histories_of(["milk", "bread", "eggs"], ["bread", "milk"], ["beer", "chips"], ["tea"], ["tea", "jam", "milk"])
    )
    histories = snapshot.histories
    rows = np.zeros((5, 8))
    for customer in range(5):
        for pair in range(*histories.offsets[customer : customer + 2]):
            product = histories.product_idx[pair]
            n_buyers = (histories.product_idx == product).sum()
            rows[customer, product] = np.log1p(histories.pairs[pair, 0]) * max(np.log(5 / n_buyers), 0.1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    _, strength, right = np.linalg.svd(rows)
    expected = right[:3].T * strength[:3] @ right[:3]
    vectors = history_svd(snapshot, n_dims=3, seed=0)
    scale = np.linalg.norm(expected) / np.linalg.norm(vectors @ vectors.T)
    np.testing.assert_allclose(vectors @ vectors.T * scale, expected, atol=1e-5)


@pytest.mark.parametrize("bought", [[None, None, None], [["milk"]]])
def test_no_history_or_one_customer_starts_at_zero(histories_of: MakeHistories, bought: list[list[str] | None]) -> None:
    assert not history_svd(snapshot_of(histories_of(*bought)), 4, seed=0).any()


def test_prepare_fixes_scales_from_all_snapshots_and_embeddings_from_the_latest(histories_of: MakeHistories) -> None:
    latest = snapshot_of(histories_of(["milk", "bread"], ["bread", "milk", "tea"], ["beer"]))
    earlier = snapshot_of(histories_of(["milk"], None))
    model = TwoTower(Shape(8, [3, 4, 2, 3, 5], 4, 6))
    prepare(model, [latest, earlier], seed=2)
    numeric = np.concatenate([latest.numeric, earlier.numeric])
    np.testing.assert_allclose(model.products.scale.mean.numpy(), numeric.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(model.products.scale.std.numpy(), numeric.std(axis=0), rtol=1e-4)
    logs: npt.NDArray[np.float32] = np.log1p(latest.histories.profiles[0])  # all known profiles are the same
    np.testing.assert_allclose(model.customers.scale.mean.numpy(), logs, rtol=1e-5)
    vectors = torch.from_numpy(history_svd(latest, 4, seed=2))
    assert torch.equal(model.products.id.weight.data, vectors)
