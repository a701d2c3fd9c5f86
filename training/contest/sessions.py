"""Visitors of whom nothing is known but what they put into the basket so far."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from features.columns import BASKET_ID, CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from training.catalogue import Catalogue
from training.errors import NobodyToJudge
from training.evaluation import mark_hits
from training.metrics import ndcg_at_k, recall_at_k
from training.peers.baskets import BasketCompleter
from training.peers.data import Floats
from training.splits import Holdout

PREFIX: Final = "session."
N_SEEN: Final = 3  # products of a session
_K: Final = 20


@dataclass(frozen=True)
class Sessions:
    """One basket of each customer, cut in two.

    Attributes:
        customer_ids: (C,) whose they are; nobody who recommends is told anything but the id.
        seen: (C, N) bool, three products of each.
        rest: (C, N) bool, the others, one at least.
    """

    customer_ids: npt.NDArray[np.str_]
    seen: sparse.csr_array
    rest: sparse.csr_array

    def judge(self, completer: BasketCompleter) -> dict[str, Floats]:
        """Judge what a method adds to the sessions: by figure, (C,) of each customer."""
        found = completer.complete(self.customer_ids.tolist(), self.seen, k=_K)
        hits = mark_hits(found, self.rest)
        n_relevant = np.asarray(self.rest.sum(axis=1), dtype=np.int64)
        return {
            f"{PREFIX}recall@10": recall_at_k(hits, n_relevant, 10),
            f"{PREFIX}ndcg@10": ndcg_at_k(hits, n_relevant, 10),
            f"{PREFIX}ndcg@20": ndcg_at_k(hits, n_relevant, _K),
        }


def cut_baskets(
    purchases: pd.DataFrame, catalogue: Catalogue, holdout: Holdout, customers: Collection[str], *, seed: int
) -> Sessions:
    """Take each customer's first basket of a window that holds four products or more, and show three by chance.

    Args:
        purchases: Lines up to the end of the window.
        catalogue: Products outside it are left out.
        holdout: The window.
        customers: Whose baskets count.
        seed: Equal seeds show alike, whatever the order of lines.

    Raises:
        NobodyToJudge: If there is no such basket.
    """
    times = purchases[EVENT_TIMESTAMP]
    within = (times >= holdout.train_until) & (times < holdout.test_end) & purchases[CUSTOMER_ID].isin(list(customers))
    lines = purchases[within]
    lines = lines[catalogue.index_of(lines[PRODUCT_ID]) >= 0]
    began = lines.groupby([CUSTOMER_ID, BASKET_ID])[EVENT_TIMESTAMP].transform("min")
    pairs = lines.assign(began=began).drop_duplicates([CUSTOMER_ID, BASKET_ID, PRODUCT_ID])
    pairs = pairs[pairs.groupby([CUSTOMER_ID, BASKET_ID])[PRODUCT_ID].transform("size") > N_SEEN]
    if pairs.empty:
        raise NobodyToJudge(train_until=holdout.train_until, test_end=holdout.test_end, n_customers=len(customers))
    pairs = pairs.sort_values([CUSTOMER_ID, "began", BASKET_ID, PRODUCT_ID])
    pairs = pairs[pairs[BASKET_ID] == pairs.groupby(CUSTOMER_ID)[BASKET_ID].transform("first")]
    chance = pd.Series(np.random.default_rng(seed).random(len(pairs)), index=pairs.index)
    is_seen = (chance.groupby(pairs[CUSTOMER_ID]).rank(method="first") <= N_SEEN).to_numpy()
    customer_ids, rows = np.unique(pairs[CUSTOMER_ID].to_numpy(dtype=str), return_inverse=True)
    columns = catalogue.index_of(pairs[PRODUCT_ID])
    seen, rest = (
        _marks(rows[part], columns[part], (len(customer_ids), len(catalogue))) for part in (is_seen, ~is_seen)
    )
    return Sessions(customer_ids, seen, rest)


def _marks(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array(sparse.coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=shape))
