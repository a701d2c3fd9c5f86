"""What an audit looks at: the lists a bundle would have served at its cut-off, what went in and what came out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy import sparse

from configs.settings import Settings
from fairness.ranking_metrics import sums_by_class
from fairness.recommendations import RecommendationEvidence, require_lists
from fairness.suppliers import PRIVATE_LABEL, SMALL, supplier_classes
from features.columns import STORE_ID
from training.baselines import Task
from training.evaluation import TestSet, rank_as_served
from training.evaluation_results import TASKS
from training.histories import PAIR_FIELDS, PROFILE_FIELDS, Histories
from training.splits import Holdout
from training.two_tower.backtest import ServedFallback
from training.two_tower.recommender import TwoTowerRecommender
from training.two_tower.scorer import Scorer
from training.two_tower.stage import Stage

N_CATEGORIES: Final = 30  # the commonest categories whose shares describe a customer or a list
N_DESCRIBED: Final = 20  # places at the top of a list that describe it
_N_BASKETS: Final = PAIR_FIELDS.index("n_baskets")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AuditLists:
    """Everything that an audit of a recommender reads, apart from who belongs to which group.

    Attributes:
        customer_ids: (C,) everyone with a history before the cut-off, ascending.
        consenting: (C,) who had granted personalisation; the others are shown the popular list.
        holdout: The cut-off and the window whose purchases judge the lists.
        lists: Per task (C, K) positions, -1 padded, as served.
        relevant: Per task (C, N) bool, what was bought in the window; `novel` without what was bought before.
        history: (C, N) bool, what was bought before the cut-off.
        products: N rows in the order of positions.
        inputs: C rows: what the customer's features say, NaN or "" for people whose data may not be used.
        outputs: C rows: what the lists look like.
    """

    customer_ids: npt.NDArray[np.str_]
    consenting: npt.NDArray[np.bool_]
    holdout: Holdout
    lists: Mapping[Task, Ints]
    relevant: Mapping[Task, sparse.csr_array]
    history: sparse.csr_array
    products: pd.DataFrame
    inputs: pd.DataFrame
    outputs: pd.DataFrame

    def evidence(self, trade_off: pd.DataFrame) -> RecommendationEvidence:
        """Hand over what the fairness measures judge, with the measured trade-off of re-ranking."""
        return RecommendationEvidence(
            customer_ids=self.customer_ids,
            lists=dict(self.lists),
            relevant=dict(self.relevant),
            history=self.history,
            products=self.products,
            trade_off=trade_off,
        )


def recommendation_lists(stage: Stage, settings: Settings, progress: Callable[[str], None]) -> AuditLists:
    """Rank for everybody as serving would have at the bundle's cut-off.

    Args:
        stage: The bundle, set up at its cut-off.
        settings: All sections; the length of the lists is `evaluation.list_length`.
        progress: Told each step in words.

    Raises:
        ListsMalformed: If a score is not finite, or a list holds what cannot be recommended.
    """
    scorer, test_set = stage.scorer, stage.test_set
    cutoff = test_set.holdout.train_until
    progress(f"lists: ranking for {len(test_set.customer_ids):,} customers as served on {cutoff:%Y-%m-%d}")
    lists = _rank(stage.model, ServedFallback(scorer, stage.model), test_set, settings.evaluation.list_length)
    products = audited_products(scorer, settings)
    return AuditLists(
        customer_ids=test_set.customer_ids,
        consenting=test_set.consenting,
        holdout=test_set.holdout,
        lists=lists,
        relevant=test_set.relevant,
        history=stage.bought,
        products=products,
        inputs=_inputs(stage.rows, stage.histories, products, test_set.consenting),
        outputs=_outputs(lists, products),
    )


def _rank(
    model: TwoTowerRecommender, fallback: ServedFallback, test_set: TestSet, list_length: int
) -> dict[Task, Ints]:
    lists: dict[Task, Ints] = {}
    for task in TASKS:
        lists[task], scores = rank_as_served(model, fallback, test_set, task=task, k=list_length)
        require_lists(task, lists[task], n_products=len(test_set.catalogue), scores=scores)
    return lists


def audited_products(scorer: Scorer, settings: Settings) -> pd.DataFrame:
    """Describe the catalogue by position; who is small is told by the policy of today, not by the bundle."""
    described = scorer.products
    classes = supplier_classes(
        described["brand"], described["manufacturer_id"], described["popularity"], settings.fairness.suppliers
    )
    columns = {"product_id": scorer.catalogue.product_ids, **described, "supplier_class": classes}
    return pd.DataFrame(columns)


def _inputs(
    rows: pa.Table, histories: Histories, products: pd.DataFrame, consenting: npt.NDArray[np.bool_]
) -> pd.DataFrame:
    """Describe each customer as the features do: the profile, the home store, the shares of the commonest categories.

    The towers do not read the home store, but the features that they are given hold it.
    """
    profile = pd.DataFrame(histories.profiles.astype(np.float64), columns=list(PROFILE_FIELDS))
    stores = pd.Series(rows[STORE_ID].to_pylist(), dtype=object).fillna("")
    cells = sparse.coo_array(
        (histories.pairs[:, _N_BASKETS].astype(np.float64), (histories.customer_of_pair, histories.product_idx)),
        shape=(len(histories), len(products)),
    )
    names, categories = np.unique(products["category"].to_numpy(dtype=str), return_inverse=True)
    members = sparse.csr_array((np.ones(len(categories)), categories, np.arange(len(categories) + 1)))
    shares = _commonest((sparse.csr_array(cells) @ members).toarray(), names, "history")
    inputs = pd.concat([profile, shares], axis=1)
    inputs.loc[~consenting] = np.nan
    inputs["home_store"] = stores.where(consenting, "")
    return inputs


def _outputs(lists: Mapping[Task, Ints], products: pd.DataFrame) -> pd.DataFrame:
    """Describe the top of each list: what it holds, how dear, from whom, how popular."""
    names, categories = np.unique(products["category"].to_numpy(dtype=str), return_inverse=True)
    described = {
        "mean_price_usd": products["price_usd"].to_numpy(dtype=float),
        "private_label_share": (products["supplier_class"] == PRIVATE_LABEL).to_numpy(dtype=float),
        "small_supplier_share": (products["supplier_class"] == SMALL).to_numpy(dtype=float),
        "mean_popularity": products["popularity"].to_numpy(dtype=float),
    }
    frames = []
    for task, positions in lists.items():
        top = positions[:, :N_DESCRIBED]
        counts = sums_by_class(top, categories.astype(np.int64), len(names), np.ones(top.shape[1]))
        means = {f"{task} {name}": _mean(top, values) for name, values in described.items()}
        frames += [pd.DataFrame(means), _commonest(counts, names, str(task))]
    return pd.concat(frames, axis=1)


def _commonest(counts: Floats, names: npt.NDArray[np.str_], of: str) -> pd.DataFrame:
    """Turn (C, G) counts into the shares of the commonest classes; 0 where there is nothing to share."""
    chosen = np.sort(np.argsort(-counts.sum(axis=0), kind="stable")[:N_CATEGORIES])
    shares = counts[:, chosen] / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return pd.DataFrame(shares, columns=[f"{of} share of {name}" for name in names[chosen]])


def _mean(positions: Ints, values: Floats) -> Floats:
    """Average a figure of the products over each list; 0 for an empty one."""
    usable = (positions >= 0) & np.isfinite(values)[positions]
    total = np.where(usable, values[positions], 0).sum(axis=1)
    means: Floats = total / np.maximum(usable.sum(axis=1), 1)
    return means
