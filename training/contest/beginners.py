"""Customers as if they had only just come: known by their last one to three baskets before a cut-off."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from configs.settings import FeatureSettings
from features.columns import (
    BASKET_ID,
    CUSTOMER_ID,
    EVENT_TIMESTAMP,
    IS_MERCHANDISE,
    PAID_AMOUNT,
    PRODUCT_ID,
    PRODUCTS,
    STORE_ID,
    TRANSACTIONS,
)
from features.lake import Lake
from features.pipelines.customers import customer_histories, customer_profiles
from features.pipelines.purchases import basket_purchases, basket_visits
from training.baselines import Ranked, Recommender, Task
from training.catalogue import Catalogue
from training.evaluation import METRICS, mark_hits
from training.evaluation_results import TASKS
from training.peers.data import Floats, Ints, PeerData
from training.splits import Holdout, bought_before, targets
from training.top_k import NO_PRODUCT
from training.two_tower.scorer import Scorer

PREFIX: Final = "beginners."
FIGURES: Final = ("ndcg@10", "ndcg@20", "recall@100")
MOST_BASKETS: Final = 3
N_FOLDS: Final = 5
_K: Final = 100
_MARK: Final = "beginner "  # before an id, so that a beginner is nobody's past self
_COLUMNS: Final = (CUSTOMER_ID, PRODUCT_ID, BASKET_ID, STORE_ID, EVENT_TIMESTAMP, PAID_AMOUNT)


def alias(customer_id: str) -> str:
    """Name the beginner that a customer is made."""
    return f"{_MARK}{customer_id}"


def beginners(lake: Lake, customer_ids: Sequence[str], cutoff: datetime) -> pd.DataFrame:
    """Keep of customers' lines those of their last baskets: one, two, three, one and so on by the order given.

    Args:
        lake: Where the lines lie.
        customer_ids: Whom to make beginners; each with a purchase before the cut-off.
        cutoff: Only lines before it count.

    Returns:
        Their lines under their aliases, merchandise alone, with what was paid.
    """
    lines = lake.read(TRANSACTIONS, list(_COLUMNS))
    products = lake.read(PRODUCTS, [PRODUCT_ID, IS_MERCHANDISE])
    outside = products.loc[~products[IS_MERCHANDISE].astype(bool), PRODUCT_ID]
    wanted = (lines[EVENT_TIMESTAMP] < cutoff) & lines[CUSTOMER_ID].isin(list(customer_ids))
    lines = lines[wanted & ~lines[PRODUCT_ID].isin(outside)]
    kept = pd.Series(np.arange(len(customer_ids)) % MOST_BASKETS + 1, index=list(customer_ids))
    return _last(lines, kept).assign(**{CUSTOMER_ID: lambda frame: _MARK + frame[CUSTOMER_ID].astype(str)})


def _last(lines: pd.DataFrame, n_baskets: pd.Series) -> pd.DataFrame:
    """Keep each customer's latest baskets, as many as he has in `n_baskets`; of equal times the higher id is later."""
    visits = lines.groupby([CUSTOMER_ID, BASKET_ID])[EVENT_TIMESTAMP].min().reset_index()
    visits = visits.sort_values([EVENT_TIMESTAMP, BASKET_ID], ascending=False)
    rank = visits.groupby(CUSTOMER_ID).cumcount() + 1
    visits = visits[rank <= visits[CUSTOMER_ID].map(n_baskets)]
    return lines.merge(visits[[CUSTOMER_ID, BASKET_ID]], on=[CUSTOMER_ID, BASKET_ID])


def beginner_rows(lines: pd.DataFrame, cutoff: datetime, settings: FeatureSettings) -> dict[str, dict[str, Any]]:
    """Compute the customer features of beginners by the very expressions that the feature store is built with.

    Args:
        lines: From `beginners`.
        cutoff: As of when.
        settings: Half-lives and cap.

    Returns:
        By alias, the fields of the customer feature service.
    """
    table = ibis.memtable(pa.Table.from_pandas(lines[list(_COLUMNS)], preserve_index=False))
    histories = customer_histories(basket_purchases(table), cutoff, settings)
    profiles = customer_profiles(table, basket_visits(table), cutoff)
    found: dict[str, dict[str, Any]] = {}
    engine = ibis.duckdb.connect()
    for view in (histories, profiles):
        for row in engine.to_pyarrow(view).to_pylist():
            found.setdefault(row[CUSTOMER_ID], {}).update(row)
    engine.disconnect()
    return found


class BeginnerGround:
    """Beginners, who knows what of them, and what they bought next.

    Args:
        lines: From `beginners`.
        customer_ids: Whose beginners they are.
        training: Lines of people who agreed to model training: what peers learn from.
        purchases: Everyone's lines, to the end of the window.
        catalogue: What can be recommended.
        holdout: The window.

    Attributes:
        aliases: (C,) names of the beginners, in the order of `customer_ids`.
        folds: Positions of a fifth of the beginners each, with what peers see for them: those of the fold as far as
            they are known, everybody else in full, and nobody's whole self, which neighbours and EASE would find.
        relevant: Per task (C, N) bool; `novel` without what the kept baskets hold.
    """

    def __init__(
        self,
        lines: pd.DataFrame,
        customer_ids: Sequence[str],
        training: pd.DataFrame,
        purchases: pd.DataFrame,
        catalogue: Catalogue,
        holdout: Holdout,
    ) -> None:
        self.aliases = [alias(one) for one in customer_ids]
        places = np.arange(len(self.aliases))
        ids = np.asarray(customer_ids, dtype=object)
        self.folds: list[tuple[Ints, PeerData]] = []
        for members in np.array_split(np.random.default_rng(N_FOLDS).permutation(places), N_FOLDS):
            teachers = training[~training[CUSTOMER_ID].isin(ids[members])]
            pupils = lines[lines[CUSTOMER_ID].isin([self.aliases[place] for place in members])]
            known = pd.concat([teachers, pupils])
            self.folds.append((members, PeerData(teachers, known, catalogue, holdout.train_until)))
        bought = targets(purchases, catalogue, customer_ids, holdout.train_until, holdout.test_end)
        known = bought_before(lines, catalogue, self.aliases, holdout.train_until)
        self.relevant: dict[Task, sparse.csr_array] = {"all": bought, "novel": sparse.csr_array(bought > known)}

    def judge_peer(self, fit: Callable[[PeerData], Recommender]) -> dict[str, Floats]:
        """Judge a peer that is fitted anew for every fold."""
        return self.judge(_Folded(self, fit))

    def judge(self, recommender: Recommender) -> dict[str, Floats]:
        """Judge lists for all beginners: by figure, (C,) of each."""
        found: dict[str, Floats] = {}
        for task in TASKS:
            relevant = self.relevant[task]
            n_relevant = np.asarray(relevant.sum(axis=1), dtype=np.int64)
            hits = mark_hits(recommender.rank(self.aliases, task=task, k=_K)[0], relevant)
            found |= {
                f"{PREFIX}{task}.{name}": METRICS[name][0](hits, n_relevant, METRICS[name][1]) for name in FIGURES
            }
        return found


class _Folded:
    """Lists of everybody, each from the fit of his own fold."""

    name = "folded"

    def __init__(self, ground: BeginnerGround, fit: Callable[[PeerData], Recommender]) -> None:
        self._ground = ground
        self._fits = [fit(data) for _, data in ground.folds]

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank for all beginners, in their order."""
        positions = np.full((len(customer_ids), k), NO_PRODUCT, dtype=np.int64)
        scores = np.full((len(customer_ids), k), -np.inf, dtype=np.float32)
        for (members, _), recommender in zip(self._ground.folds, self._fits, strict=True):
            own = [customer_ids[place] for place in members]
            positions[members], scores[members] = recommender.rank(own, task=task, k=k)
        return positions, scores


class ScorerBeginners:
    """Ours asked for beginners one by one, as serving would ask.

    Args:
        scorer: Fitted before the cut-off.
        catalogue: What the contest judges by.
        rows: From `beginner_rows`.
    """

    name = "two-tower"

    def __init__(self, scorer: Scorer, catalogue: Catalogue, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self._scorer, self._rows = scorer, rows
        self._place = catalogue.index_of(scorer.catalogue.product_ids)

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank from each one's row alone."""
        positions = np.full((len(customer_ids), k), NO_PRODUCT, dtype=np.int64)
        scores = np.full((len(customer_ids), k), -np.inf, dtype=np.float32)
        nothing = np.empty(0, dtype=np.int64)
        for place, customer_id in enumerate(customer_ids):
            row = self._rows[customer_id]
            ranking = self._scorer.rank(row, basket_idx=nothing, allowed=None, task=task, k=k)
            chosen = self._place[ranking.product_idx]
            kept = chosen != NO_PRODUCT
            positions[place, : kept.sum()] = chosen[kept]
            scores[place, : kept.sum()] = ranking.scores[kept]
        return positions, scores
