"""Where training starts: product embeddings from a truncated SVD, and the figures that scale every feature."""

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from scipy.sparse.linalg import svds

from training.histories import PAIR_FIELDS
from training.two_tower.snapshots import Snapshot
from training.two_tower.towers import TwoTower

_START_SCALE = 0.1  # standard deviation of the first embeddings: dot products start small beside the log-probability
_MIN_IDF = 0.1


def prepare(model: TwoTower, snapshots: list[Snapshot], seed: int) -> None:
    """Fix scales from the training snapshots and start the product ids from the latest one's histories.

    Args:
        model: Changed in place.
        snapshots: Training snapshots, latest first.
        seed: Seed of the SVD's start vector.
    """
    model.products.scale.fit(torch.from_numpy(np.concatenate([snapshot.numeric for snapshot in snapshots])))
    profiles = np.concatenate([snapshot.histories.profiles for snapshot in snapshots])
    model.customers.scale.fit(torch.log1p(torch.from_numpy(profiles).clamp(min=0)))
    vectors = history_svd(snapshots[0], model.shape.embedding_dim, seed)
    with torch.no_grad():
        model.products.id.weight.copy_(torch.from_numpy(vectors))


def history_svd(snapshot: Snapshot, n_dims: int, seed: int) -> npt.NDArray[np.float32]:
    """Factorise the customers' log counts, weighted by inverse document frequency, rows of length 1.

    Returns:
        (N, D) right singular vectors times the root of their singular values, scaled to a fixed spread;
        columns past the matrix's rank are 0.
    """
    histories = snapshot.histories
    counts = np.log1p(histories.pairs[:, PAIR_FIELDS.index("n_baskets")])
    n_customers, n_products = snapshot.bought.shape
    n_buyers = np.bincount(histories.product_idx, minlength=n_products)
    idf = np.maximum(np.log(n_customers / np.maximum(n_buyers, 1)), _MIN_IDF)
    values = counts * idf[histories.product_idx]
    lengths = np.sqrt(np.bincount(histories.customer_of_pair, values**2, minlength=n_customers))
    values /= np.maximum(lengths, 1e-6)[histories.customer_of_pair]
    matrix = sparse.csr_array(
        (values.astype(np.float32), histories.product_idx, histories.offsets), shape=(n_customers, n_products)
    )
    vectors = np.zeros((n_products, n_dims), dtype=np.float32)
    rank = min(n_dims, min(matrix.shape) - 1)
    if rank > 0 and matrix.nnz:
        _, strength, right = svds(matrix, k=rank, random_state=np.random.default_rng(seed))
        vectors[:, :rank] = right.T * np.sqrt(strength)
        vectors *= _START_SCALE / max(float(vectors.std()), 1e-12)
    return vectors
