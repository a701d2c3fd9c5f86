"""Products first sold after the cut-off: nobody has bought one yet, so only what they are can tell whom they suit."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

from features.columns import CATEGORY, CUSTOMER_ID, DEPARTMENT, EVENT_TIMESTAMP, PRODUCT_ID, PRODUCT_TYPE
from training.catalogue import Catalogue
from training.contest.errors import TowersHidden
from training.errors import NobodyToJudge
from training.evaluation import mark_hits
from training.histories import Histories
from training.metrics import ndcg_at_k, recall_at_k
from training.peers.data import Floats
from training.splits import Holdout, mark_pairs
from training.top_k import top_k
from training.two_tower.products import CONTENT_FIELDS
from training.two_tower.scorer import Scorer
from training.two_tower.towers import N_POOLS, TwoTower, pool

PREFIX: Final = "new_products."
_LEVELS: Final = (PRODUCT_TYPE, CATEGORY, DEPARTMENT)  # the finest that has a known product stands in


@dataclass(frozen=True)
class Newcomers:
    """Products nobody had bought before a window, and who bought them in it.

    Attributes:
        catalogue: (M,) products, ascending.
        customer_ids: (C,) who bought any of them, ascending.
        relevant: (C, M) bool.
        lots: (M,) a random order, the same for every method: products of equal scores stand in it.
    """

    catalogue: Catalogue
    customer_ids: npt.NDArray[np.str_]
    relevant: sparse.csr_array
    lots: npt.NDArray[np.int64]

    def judge(self, scores: Floats) -> dict[str, Floats]:
        """Judge (C, M) scores: by figure, (C,) of each customer."""
        relevant = self.relevant[:, self.lots]
        n_relevant = np.asarray(relevant.sum(axis=1), dtype=np.int64)
        k = min(100, len(self.catalogue))
        hits = mark_hits(top_k(scores[:, self.lots], k)[0], sparse.csr_array(relevant))
        hits = np.pad(hits, ((0, 0), (0, 100 - k)))
        return {
            f"{PREFIX}recall@10": recall_at_k(hits, n_relevant, 10),
            f"{PREFIX}recall@100": recall_at_k(hits, n_relevant, 100),
            f"{PREFIX}ndcg@20": ndcg_at_k(hits, n_relevant, 20),
        }


def find_newcomers(purchases: pd.DataFrame, holdout: Holdout, customers: Collection[str], *, seed: int) -> Newcomers:
    """Collect the products that were first sold in a window.

    Args:
        purchases: Everyone's lines, before the window too.
        holdout: The window.
        customers: Who may be judged.
        seed: Of the order of equals.

    Raises:
        NobodyToJudge: If none of them bought such a product.
    """
    first = purchases.groupby(PRODUCT_ID)[EVENT_TIMESTAMP].min()
    new = first.index[(first >= holdout.train_until) & (first < holdout.test_end)].to_numpy(dtype=str)
    lines = purchases[(purchases[EVENT_TIMESTAMP] < holdout.test_end) & purchases[CUSTOMER_ID].isin(list(customers))]
    bought = lines[lines[PRODUCT_ID].isin(new)]
    if bought.empty:
        raise NobodyToJudge(train_until=holdout.train_until, test_end=holdout.test_end, n_customers=len(customers))
    catalogue = Catalogue(np.sort(new))
    customer_ids = np.sort(bought[CUSTOMER_ID].unique().astype(str))
    relevant = mark_pairs(bought[[CUSTOMER_ID, PRODUCT_ID]], catalogue, customer_ids.tolist())
    return Newcomers(catalogue, customer_ids, relevant, np.random.default_rng(seed).permutation(len(catalogue)))


def kin_popularity(
    products: pd.DataFrame, training: pd.DataFrame, newcomers: Catalogue, cutoff: datetime, *, level: str, days: int
) -> Floats:
    """Score products by how the products of their kind sell: (M,) buyers per product of the kind.

    Args:
        products: The product table.
        training: Lines of people who agreed to model training.
        newcomers: Products to score.
        cutoff: End of the window.
        level: What a kind is: a column of the product table.
        days: Length of the window; days.
    """
    kinds = products.set_index(PRODUCT_ID)[level]
    times = training[EVENT_TIMESTAMP]
    recent = training[(times >= cutoff - timedelta(days=days)) & (times < cutoff)]
    pairs = recent[[CUSTOMER_ID, PRODUCT_ID]].drop_duplicates()
    per_product = pairs.groupby(PRODUCT_ID).size()
    per_kind = per_product.groupby(kinds.reindex(per_product.index).to_numpy()).mean()
    scores = per_kind.reindex(kinds.reindex(newcomers.product_ids).to_numpy())
    return np.asarray(np.nan_to_num(scores.to_numpy(dtype=np.float64)))


class FirstDay:
    """The towers on products that they have never seen: what a purchase of one would say of its buyer, from content.

    A newcomer's vector is its content's, and for want of an id of its own the mean id vector of the known products of
    its type, or of its category or department where the type is unknown. A customer's is the mean of his pooled
    history. The score is the cosine of the two after both lost what is common to all, because with that left in,
    everybody gets the newcomers of the kinds that sell best. How well a newcomer sells nobody knows on its first day.

    Args:
        scorer: Fitted before the cut-off, not private.
        products: The product table.
        newcomers: Products to score.
        everyone: All customers, whose mean is common to all.

    Raises:
        TowersHidden: If the version is private: its product vectors are public and hold no such encoder.
    """

    def __init__(self, scorer: Scorer, products: pd.DataFrame, newcomers: Catalogue, everyone: Histories) -> None:
        if not isinstance(scorer.model, TwoTower):
            raise TowersHidden()
        self._history_vectors = scorer.history_vectors
        rows = products.set_index(PRODUCT_ID).reindex(newcomers.product_ids)
        with torch.inference_mode():
            vectors = _content_vectors(scorer, scorer.model, rows)
            vectors = vectors + torch.from_numpy(_means_of_kin(scorer, rows, scorer.model.products.id.weight.numpy()))
            self._vectors = functional.normalize(vectors - scorer.history_vectors.mean(0), dim=1)  # (M, D)
        self._common = self._tastes(everyone).mean(0)

    def score(self, histories: Histories) -> Floats:
        """Score newcomers for a batch of customers: (B, M) cosines."""
        with torch.inference_mode():
            tastes = functional.normalize(self._tastes(histories) - self._common, dim=1)
            return np.asarray((tastes @ self._vectors.T).numpy(), dtype=np.float64)

    @torch.inference_mode()
    def _tastes(self, histories: Histories) -> Tensor:
        return pool(self._history_vectors, histories).view(len(histories), N_POOLS, -1).mean(1)  # (B, D)


def _content_vectors(scorer: Scorer, model: TwoTower, rows: pd.DataFrame) -> Tensor:
    """Embed what products are: (M, D); a value that no known product has counts as unknown."""
    total = torch.zeros(len(rows), model.shape.embedding_dim)
    for place, (field, table) in enumerate(zip(CONTENT_FIELDS, model.products.content, strict=True)):
        codes = dict(zip(scorer.products[field].tolist(), scorer.content[:, place].tolist(), strict=True))
        total = total + table(torch.tensor([codes.get(value, 0) for value in rows[field].tolist()]))
    return total


def _means_of_kin(scorer: Scorer, rows: pd.DataFrame, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Average known products' (N, D) values over each newcomer's kind: (M, D)."""
    found = np.tile(values.mean(axis=0), (len(rows), 1))
    for level in reversed(_LEVELS):
        kinds, names = pd.factorize(np.asarray(scorer.products[level], dtype=object))
        member = sparse.csr_array((np.ones(len(kinds)), (kinds, np.arange(len(kinds)))))
        means = (member @ values) / member.sum(axis=1)[:, None]
        wanted = rows[level].fillna("").to_numpy(dtype=object)
        place = pd.Index(names).get_indexer(pd.Index(wanted))
        known = (place >= 0) & (wanted != "")
        found[known] = means[place[known]]
    return found.astype(np.float32)
