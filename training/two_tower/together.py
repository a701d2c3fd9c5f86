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
