"""The simple recommenders every model must beat: popularity, personal frequency, EASE."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from configs.settings import EvaluationSettings
from features.columns import BASKET_ID, CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from training.catalogue import Catalogue
from training.splits import locate
from training.top_k import top_k

Task = Literal["all", "novel"]
Ranked = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]
Scores = npt.NDArray[np.float64]
ScoreRows = Callable[[sparse.csr_array], Scores]

BLOCK_ROWS = 256  # customers scored at a time; bounds memory at BLOCK_ROWS x N floats, changes no result


class Recommender(Protocol):
    """Anything that can rank the catalogue for customers."""

    @property
    def name(self) -> str:
        """Short name under which results are reported."""
        ...

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank products for customers.

        Args:
            customer_ids: Whom to rank for; a customer without history is answered too.
            task: `all` ranks every product, `novel` leaves out what the customer bought before the cut-off.
            k: Length of the lists.

        Returns:
            (B, k) int64 positions in the catalogue and (B, k) float32 scores, best first; -1 and -inf end a row
            only where fewer than k products may be shown.
        """
        ...


class Histories:
    """What each customer bought before a cut-off, as one sparse row per customer.

    Args:
        purchases: Lines as `load_purchases` returns them; those at or after `cutoff` are ignored.
        catalogue: Columns of the rows.
        cutoff: Time at which the rows are taken.
        half_life_days: Every basket that held the product counts 2 ** (-days ago / half-life); None counts each as 1.
    """

    def __init__(
        self, purchases: pd.DataFrame, catalogue: Catalogue, cutoff: datetime, *, half_life_days: float | None = None
    ) -> None:
        self.catalogue = catalogue
        before = purchases.loc[
            purchases[EVENT_TIMESTAMP] < cutoff, [CUSTOMER_ID, PRODUCT_ID, BASKET_ID, EVENT_TIMESTAMP]
        ]
        self.customer_ids = np.sort(before[CUSTOMER_ID].unique().astype(str))
        baskets = before.drop_duplicates([CUSTOMER_ID, PRODUCT_ID, BASKET_ID])
        rows, cols, known = locate(baskets, catalogue, self.customer_ids.tolist())
        weights = _decay(baskets.loc[known, EVENT_TIMESTAMP], cutoff, half_life_days)
        shape = (len(self.customer_ids) + 1, len(catalogue))  # the last row stays empty: the unknown customer
        self.matrix = sparse.csr_array(sparse.coo_array((weights, (rows, cols)), shape=shape))
        self._index = pd.Index(self.customer_ids.astype(object))

    def rows(self, customer_ids: Sequence[str]) -> sparse.csr_array:
        """Take the (B, N) rows of customers; an unknown customer's row is empty."""
        return self.matrix[self._index.get_indexer(pd.Index(customer_ids, dtype=object))]  # -1 takes the empty row


class Popularity:
    """Everyone gets what the most customers bought lately.

    Args:
        training: Lines of people who agreed to model training.
        histories: What each customer bought, to leave out for `novel`.
        cutoff: End of the window.
        days: Length of the window; days.
    """

    name = "popularity"

    def __init__(self, training: pd.DataFrame, histories: Histories, cutoff: datetime, *, days: int) -> None:
        self.counts = buyer_counts(training, histories.catalogue, cutoff - timedelta(days=days), cutoff)  # (N,)
        self._histories = histories

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank by customers in the window."""

        def score(rows: sparse.csr_array) -> Scores:
            return np.tile(self.counts, (rows.shape[0], 1))

        return rank_in_blocks(customer_ids, self._histories, score, task=task, k=k)


class PersonalFrequency:
    """First what the customer buys often and lately, then what everyone buys often and lately.

    Args:
        training: Lines of people who agreed to model training, for the second part.
        histories: Decayed basket counts of each customer; the decay is the histories' own.
        cutoff: Time at which the general counts are taken.
        half_life_days: Decay of the general counts; days.
    """

    name = "personal_frequency"

    def __init__(
        self, training: pd.DataFrame, histories: Histories, cutoff: datetime, *, half_life_days: float
    ) -> None:
        general = Histories(training, histories.catalogue, cutoff, half_life_days=half_life_days).matrix.sum(axis=0)
        self._general = np.asarray(general, dtype=np.float64) / max(float(general.max()), 1e-12) / 2  # in [0, 0.5]
        self._histories = histories

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank own products by their decayed count, ties and the rest by the general one."""

        def score(rows: sparse.csr_array) -> Scores:
            own = rows.toarray()
            return np.where(own > 0, 1 + own + 1e-9 * self._general, self._general)

        return rank_in_blocks(customer_ids, self._histories, score, task=task, k=k)


class Ease:
    """Exact EASE over the whole catalogue, solved on the side of the customers.

    EASE scores x B with B = I - P diag(1 / diag P), P = (X'X + lambda I)^-1 of size N x N. By Woodbury's identity
    lambda P = I - X' (X X' + lambda I)^-1 X, so that an inverse of customers x customers is enough, and a customer's
    scores need only sparse products. X holds log(1 + baskets), which judged better than 0 and 1 where repeats count.

    Args:
        training: Basket counts to learn from: people who agreed to model training.
        histories: Basket counts to score, over the same catalogue.
        regularization: Ridge penalty lambda; above 0.

    Source: Steck (2019), Embarrassingly Shallow Autoencoders for Sparse Data, equation 8.
    """

    name = "ease"

    def __init__(self, training: Histories, histories: Histories, *, regularization: float) -> None:
        self._histories = histories
        self._columns = sparse.csr_array(training.matrix.T.log1p())  # (N, C)
        gram = (self._columns.T @ self._columns).toarray()  # (C, C)
        gram[np.diag_indices_from(gram)] += regularization
        self._inverse = np.linalg.inv(gram)  # (C, C)
        self._diagonal = self._precision_diagonal()  # (N,) lambda * diag P

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank by EASE's scores."""
        return rank_in_blocks(customer_ids, self._histories, self.score, task=task, k=k)

    def score(self, rows: sparse.csr_array) -> Scores:
        """Score every product for rows of basket counts: (B, N) to (B, N)."""
        own = sparse.csr_array(rows.log1p())
        similar = self._inverse @ (self._columns.T @ own.T).toarray()  # (C, B)
        explained = (self._columns @ np.ascontiguousarray(similar)).T  # (B, N)
        dense = own.toarray()
        scores: Scores = dense - (dense - explained) / self._diagonal
        return scores

    def _precision_diagonal(self) -> Scores:
        diagonal = np.empty(self._columns.shape[0])
        for block in blocks(len(diagonal)):
            part = self._columns[block]  # (b, C)
            diagonal[block] = 1 - np.asarray(part.multiply(part @ self._inverse).sum(axis=1)).ravel()
        return diagonal


def standard_baselines(
    training: pd.DataFrame,
    purchases: pd.DataFrame,
    catalogue: Catalogue,
    cutoff: datetime,
    settings: EvaluationSettings,
) -> tuple[Popularity, PersonalFrequency, Ease]:
    """Fit the baselines every model is held against.

    Args:
        training: Lines of people who agreed to model training; all that is learnt across people comes from them.
        purchases: Lines of everyone who is ranked for; those at or after `cutoff` are ignored.
        catalogue: What can be recommended.
        cutoff: Time at which the baselines are fitted.
        settings: Window, half-life and penalty.
    """
    counts = Histories(purchases, catalogue, cutoff)
    half_life_days = settings.frequency_half_life_days
    decayed = Histories(purchases, catalogue, cutoff, half_life_days=half_life_days)
    return (
        Popularity(training, counts, cutoff, days=settings.popularity_days),
        PersonalFrequency(training, decayed, cutoff, half_life_days=half_life_days),
        Ease(Histories(training, catalogue, cutoff), counts, regularization=settings.ease_lambda),
    )


def buyer_counts(purchases: pd.DataFrame, catalogue: Catalogue, start: datetime, end: datetime) -> Scores:
    """Count the customers who bought each product in a window: (N,) float64."""
    within = (purchases[EVENT_TIMESTAMP] >= start) & (purchases[EVENT_TIMESTAMP] < end)
    product_idx = catalogue.index_of(purchases.loc[within, [CUSTOMER_ID, PRODUCT_ID]].drop_duplicates()[PRODUCT_ID])
    return np.bincount(product_idx[product_idx >= 0], minlength=len(catalogue)).astype(np.float64)


def rank_in_blocks(
    customer_ids: Sequence[str],
    histories: Histories,
    score: ScoreRows,
    *,
    task: Task,
    k: int,
) -> Ranked:
    """Score customers a block at a time, leave out what `novel` forbids, and keep the best k.

    Args:
        customer_ids: Whom to rank for.
        histories: What each of them bought.
        score: From (b, N) rows of histories to (b, N) scores.
        task: `novel` leaves out every product of the row.
        k: Length of the lists.
    """
    positions = np.empty((len(customer_ids), k), dtype=np.int64)
    best = np.empty((len(customer_ids), k), dtype=np.float32)
    for block in blocks(len(customer_ids)):
        rows = histories.rows(customer_ids[block])
        scores = score(rows)
        if task == "novel":
            scores[rows.nonzero()] = -np.inf
        positions[block], best[block] = top_k(scores, k)
    return positions, best


def blocks(n: int) -> Iterator[slice]:
    """Cut n rows into slices of at most BLOCK_ROWS."""
    for start in range(0, n, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, n))


def _decay(times: pd.Series, cutoff: datetime, half_life_days: float | None) -> Scores:
    if half_life_days is None:
        return np.ones(len(times))
    days_ago = (pd.Timestamp(cutoff) - times).dt.total_seconds().to_numpy() / 86_400
    return np.asarray(np.exp2(-days_ago / half_life_days))
