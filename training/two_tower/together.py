"""Which products share baskets."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from features.columns import BASKET_ID, CUSTOMER_ID, PRODUCT_ID
from training.catalogue import Catalogue

N_COMPANIONS = 30
_MIN_BASKETS = 3  # fewer shared baskets are coincidence
_SHRINKAGE = 20.0  # baskets added to each product's own count, against high scores from small counts
_NONE = -1
_BLOCK = 2048

Ints = npt.NDArray[np.int64]


def basket_companions(
    purchases: pd.DataFrame, catalogue: Catalogue
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Find each product's companions by shrunken cosine of basket counts.

    Args:
        purchases: Lines to count baskets in.
        catalogue: The products.

    Returns:
        (N, 30) int64 positions and (N, 30) float32 scores in (0, 1), best first; -1 and 0 where there are fewer.
    """
    lines = purchases[[CUSTOMER_ID, BASKET_ID, PRODUCT_ID]].drop_duplicates()
    product_idx = catalogue.index_of(lines[PRODUCT_ID])
    known = product_idx >= 0
    baskets = lines.loc[known].groupby([CUSTOMER_ID, BASKET_ID], sort=False).ngroup().to_numpy()
    ones = np.ones(int(known.sum()), dtype=np.float32)
    shape = (int(baskets.max(initial=-1)) + 1, len(catalogue))
    held = sparse.csr_array((ones, (baskets, product_idx[known])), shape=shape)
    size = np.sqrt(np.asarray(held.sum(axis=0)) + _SHRINKAGE)  # (N,)
    found = np.full((len(catalogue), N_COMPANIONS), _NONE, dtype=np.int64)
    scores = np.zeros((len(catalogue), N_COMPANIONS), dtype=np.float32)
    by_product = sparse.csr_array(held.T)
    for start in range(0, len(catalogue), _BLOCK):
        shared = sparse.csr_array(by_product[start : start + _BLOCK] @ held)
        for row in range(shared.shape[0]):
            within = slice(shared.indptr[row], shared.indptr[row + 1])
            others, counts = shared.indices[within], shared.data[within]
            keep = (counts >= _MIN_BASKETS) & (others != start + row)
            others, cosine = others[keep], counts[keep] / (size[others[keep]] * size[start + row])
            order = np.lexsort((others, -cosine))[:N_COMPANIONS]
            found[start + row, : len(order)] = others[order]
            scores[start + row, : len(order)] = cosine[order]
    return found, scores


def goes_with_all(
    basket_idx: Ints, companions: Ints, scores: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], Ints]:
    """Add up how well each product goes with those of a basket.

    Args:
        basket_idx: (b,) positions.
        companions: (N, J) positions of each product's companions, -1 where there are fewer.
        scores: (N, J) how well each goes with it.

    Returns:
        (N,) the sums, 0 for no companion, and (N,) the product of the basket that each goes with best, -1 for none.
    """
    found, strength = companions[basket_idx], scores[basket_idx]  # (b, J)
    known = found != _NONE
    n = len(companions)
    best = np.full(n, _NONE, dtype=np.int64)
    rising = np.argsort(strength[known], kind="stable")  # the last one written is the strongest
    owners = np.broadcast_to(basket_idx[:, None], found.shape)[known]
    best[found[known][rising]] = owners[rising]
    return np.bincount(found[known], strength[known], n).astype(np.float64), best
