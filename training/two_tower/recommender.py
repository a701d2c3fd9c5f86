"""The fitted model in the form that backtests rank with."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from training.baselines import Ranked, Task, blocks
from training.histories import Histories
from training.top_k import NO_PRODUCT
from training.two_tower.pairs import Pairs
from training.two_tower.scorer import Scorer

MODEL_NAME = "two-tower"
SECTIONS = ("features", "two_tower", "ranker", "evaluation")  # the settings a version depends on


class TwoTowerRecommender:
    """Rank customers as serving would: from the same features, by the same scorer.

    Args:
        scorer: The fitted model.
        customer_ids: (C,) whose histories follow.
        histories: C customers as of the cut-off.
        bought: (C, N) bool, everything each of them ever bought, older than the history's cap too.
    """

    name = MODEL_NAME

    def __init__(
        self, scorer: Scorer, customer_ids: Sequence[str], histories: Histories, bought: sparse.csr_array
    ) -> None:
        self._scorer = scorer
        self._index = pd.Index(np.asarray(customer_ids, dtype=object))
        self._histories = histories
        self._bought = bought
        self._kept: dict[Task, tuple[bytes, list[tuple[slice, Pairs]]]] = {}

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank for customers whose histories are known.

        Raises:
            KeyError: If a customer is not among those given at the start.
        """
        return self.rank_by((self._scorer,), customer_ids, task=task, k=k)[0]

    def rank_by(self, scorers: Sequence[Scorer], customer_ids: Sequence[str], *, task: Task, k: int) -> list[Ranked]:
        """Rank the same candidates, judged once, with the room for suppliers of each of several scorers.

        Args:
            scorers: This model, with other room for suppliers each; from `Scorer.with_exposure`.
            customer_ids: Whom to rank for.
            task: `novel` leaves out everything a customer ever bought.
            k: Length of the lists.

        Raises:
            KeyError: If a customer is not among those given at the start.
        """
        rows = self._rows(customer_ids)
        lists = [_empty(len(rows), k) for _ in scorers]
        for block, pairs in self._judged(rows, task):
            chosen = rows[block]
            histories = self._histories.take(chosen)
            for scorer, (positions, scores) in zip(scorers, lists, strict=True):
                _fill(positions[block], scores[block], scorer.ordered(pairs, task=task))
                for row in np.flatnonzero(histories.is_blank):
                    positions[block][row], scores[block][row] = self._popular(scorer, chosen[row], task, k)
        return lists

    def bought(self, customer_ids: Sequence[str]) -> sparse.csr_array:
        """Mark everything that customers ever bought: (B, N) bool."""
        return self._bought[self._rows(customer_ids)]

    def _judged(self, rows: npt.NDArray[np.int64], task: Task) -> list[tuple[slice, Pairs]]:
        """Judge customers block by block; the latest of each task are kept, because audits rank the same ones again."""
        key = rows.tobytes()
        if task not in self._kept or self._kept[task][0] != key:
            found = []
            for block in blocks(len(rows)):
                pairs = self._scorer.judged(self._histories.take(rows[block]), task=task)
                if task == "novel":
                    pairs = _without(pairs, self._bought[rows[block]].toarray())
                found.append((block, pairs))
            self._kept[task] = (key, found)
        return self._kept[task][1]

    def _popular(self, scorer: Scorer, row: int, task: Task, k: int) -> Ranked:
        """Rank for a customer without history as serving does: (k,) positions and scores."""
        allowed = ~self._bought[[row]].toarray()[0] if task == "novel" else None
        ranking = scorer.rank_popular(allowed=allowed, k=k)
        n_missing = k - len(ranking.product_idx)
        positions = np.pad(ranking.product_idx, (0, n_missing), constant_values=NO_PRODUCT)
        return positions, np.pad(ranking.scores, (0, n_missing), constant_values=-np.inf)

    def _rows(self, customer_ids: Sequence[str]) -> npt.NDArray[np.int64]:
        rows = self._index.get_indexer(pd.Index(np.asarray(customer_ids, dtype=object))).astype(np.int64)
        if (rows < 0).any():
            raise KeyError(f"{int((rows < 0).sum())} customers have no history here")
        return rows


def _empty(n: int, k: int) -> Ranked:
    return np.full((n, k), NO_PRODUCT, dtype=np.int64), np.full((n, k), -np.inf, dtype=np.float32)


def _fill(positions: npt.NDArray[np.int64], scores: npt.NDArray[np.float32], pairs: Pairs) -> None:
    """Write ordered pairs into (b, k) lists, as many as fit."""
    place = np.arange(len(pairs.customer)) - np.searchsorted(pairs.customer, pairs.customer)
    kept = place < positions.shape[1]
    positions[pairs.customer[kept], place[kept]] = pairs.product_idx[kept]
    scores[pairs.customer[kept], place[kept]] = pairs.scores[kept]


def _without(pairs: Pairs, excluded: npt.NDArray[np.bool_]) -> Pairs:
    keep = ~excluded[pairs.customer, pairs.product_idx]
    return Pairs(pairs.customer[keep], pairs.product_idx[keep], pairs.scores[keep], pairs.bought[keep])
