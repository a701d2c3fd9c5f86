"""Content neighbours: products like those bought, told by what stands on the shelf label alone."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from features.columns import BRAND, CATEGORY, DEPARTMENT, MANUFACTURER_ID, PRODUCT_ID, PRODUCT_TYPE
from training.baselines import Ranked, Scores, Task
from training.peers.data import Ints, PeerData

FIELDS: Final = (DEPARTMENT, CATEGORY, PRODUCT_TYPE, BRAND, MANUFACTURER_ID)


class ContentNeighbours:
    """Cosine between what a customer's products are and what a product is.

    A product is its department, category, type, brand and maker, each weighted by the log of how rare it is among the
    products given; nothing is learnt from who buys what, so that a product without sales can be scored.

    Args:
        products: The product table, with `FIELDS`.
        data: Baskets before the cut-off.
        half_life_days: Decay of the basket counts; None for none.
        wanted: Products to score; None scores the catalogue.
    """

    name = "content_neighbours"

    def __init__(
        self,
        products: pd.DataFrame,
        data: PeerData,
        *,
        half_life_days: float | None,
        wanted: npt.NDArray[np.str_] | None = None,
    ) -> None:
        self._data = data
        known = data.catalogue.product_ids
        labels = content_matrix(products, known if wanted is None else np.concatenate([known, wanted]))
        self._known = labels[: len(known)]  # (N, L)
        scored = self._known if wanted is None else labels[len(known) :]
        self._scored = sparse.csr_array(scored.T)  # (L, M)
        self._counts = data.counts(half_life_days)

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank by cosine."""
        return self._data.rank(customer_ids, self.score, task=task, k=k)

    def score(self, customers: Ints) -> Scores:
        """Score every product: (b,) positions of customers to (b, M)."""
        return self.score_rows(self._counts[customers])

    def score_rows(self, rows: sparse.csr_array) -> Scores:
        """Score every product for (b, N) rows of counts; the order within a row is that of the cosine."""
        scores: Scores = (sparse.csr_array(rows.log1p()) @ self._known @ self._scored).toarray()
        return scores


def content_matrix(products: pd.DataFrame, product_ids: npt.NDArray[np.str_]) -> sparse.csr_array:
    """Mark what products are: (n, L) rows of length 1, one column per value of a field; unknown products are empty."""
    rows = products.set_index(PRODUCT_ID)[list(FIELDS)].reindex(product_ids)
    parts = [_marks(rows[field]) for field in FIELDS]
    marks = sparse.csr_array(sparse.hstack(parts))
    rarity = np.log(len(product_ids) / np.maximum(marks.sum(axis=0), 1))
    weighted = sparse.csr_array(marks.multiply(rarity[None, :]))
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return sparse.csr_array(weighted.multiply(1 / np.maximum(lengths, 1e-12)[:, None]))


def _marks(values: pd.Series) -> sparse.csr_array:
    code, found = pd.factorize(values.replace("", None))
    place = np.flatnonzero(code >= 0)
    cells = (np.ones(len(place)), (place, code[place]))
    return sparse.csr_array(sparse.coo_array(cells, shape=(len(values), max(len(found), 1))))
