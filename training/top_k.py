"""The best k products of each row of a score matrix, in an order that never depends on the machine."""

import numpy as np
import numpy.typing as npt

NO_PRODUCT = -1


def top_k(scores: npt.NDArray[np.float64], k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Pick the k highest scores of each row; equal scores go by product position.

    Args:
        scores: (B, N); -inf or NaN marks what must not be shown.
        k: Length of the lists.

    Returns:
        (B, k) int64 positions and (B, k) float32 scores, best first; short rows end in -1 and -inf.

    >>> top_k(np.array([[0.1, 0.5, 0.5]]), 2)[0]
    array([[1, 2]])
    """
    n_rows, n_products = scores.shape
    scores = np.where(np.isnan(scores), -np.inf, scores)
    positions = np.full((n_rows, k), NO_PRODUCT, dtype=np.int64)
    best = np.full((n_rows, k), -np.inf, dtype=np.float32)
    if n_products == 0 or n_rows == 0:
        return positions, best
    n_best = min(k, n_products)
    threshold = np.partition(scores, n_products - n_best, axis=1)[:, n_products - n_best]  # (B,)
    rows, cols = np.nonzero((scores >= threshold[:, None]) & np.isfinite(scores))
    values = scores[rows, cols]
    order = np.lexsort((cols, -values, rows))
    rows, cols, values = rows[order], cols[order], values[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)  # place within the own row
    kept = rank < k
    positions[rows[kept], rank[kept]] = cols[kept]
    best[rows[kept], rank[kept]] = values[kept]
    return positions, best
