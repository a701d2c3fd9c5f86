"""The fitted ranker in the form that backtests rank with."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from training.baselines import Ranked, Task
from training.histories import Histories
from training.ranker.model import Ranker
from training.ranker.product_figures import PRODUCT_FIELDS
from training.ranker.shopper import Shopper
from training.top_k import NO_PRODUCT

RECOMMENDER_NAME = "ranker"
_LOG_BUYERS = PRODUCT_FIELDS.index("log_buyers_14d")


class RankerRecommender:
    """Rank customers as serving would: from the same features, by the same ranker.

    Args:
        ranker: The fitted model.
        customer_ids: (C,) whose histories follow.
        histories: C customers as of the cut-off.
        stores: (C,) home store of each, "" where unknown.
        bought: (C, N) bool, everything each of them ever bought, older than the history's cap too.
    """

    name = RECOMMENDER_NAME

    def __init__(
        self,
        ranker: Ranker,
        customer_ids: Sequence[str],
        histories: Histories,
        stores: Sequence[str],
        bought: sparse.csr_array,
    ) -> None:
        self._ranker = ranker
        self._index = pd.Index(np.asarray(customer_ids, dtype=object))
        self._histories = histories
        self._stores = stores
        self._bought = bought
        buyers = ranker.moment.figures[:, _LOG_BUYERS]
        self._by_popularity = np.lexsort((np.arange(len(buyers)), -buyers))

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank for customers whose histories are known.

        Raises:
            KeyError: If a customer is not among those given at the start.
        """
        rows = self._index.get_indexer(pd.Index(np.asarray(customer_ids, dtype=object)))
        if (rows < 0).any():
            raise KeyError(f"{int((rows < 0).sum())} customers have no history here")
        positions = np.full((len(rows), k), NO_PRODUCT, dtype=np.int64)
        scores = np.full((len(rows), k), -np.inf, dtype=np.float32)
        for place, row in enumerate(rows):
            chosen, judged = self._list(int(row), task, k)
            positions[place, : len(chosen)], scores[place, : len(chosen)] = chosen, judged
        return positions, scores

    def _list(self, row: int, task: Task, k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Judge one customer's candidates, then fill up with what sells, below every judged score."""
        moment = self._ranker.moment
        allowed = np.ones(len(moment.catalogue), dtype=bool)
        if task == "novel":
            allowed[self._bought.indices[self._bought.indptr[row] : self._bought.indptr[row + 1]]] = False
        shopper = Shopper.of(self._histories, row, moment.stores.place_of(self._stores[row]))
        judged = self._ranker.judge(shopper, task=task, allowed=allowed)
        chosen, scores = judged.product_idx[:k], judged.scores[:k]
        if len(chosen) < k:
            allowed[chosen] = False
            popular = self._by_popularity[allowed[self._by_popularity]][: k - len(chosen)]
            chosen = np.concatenate([chosen, popular])
            scores = np.concatenate([scores, -np.arange(1, len(popular) + 1, dtype=np.float32)])
        return chosen, scores
