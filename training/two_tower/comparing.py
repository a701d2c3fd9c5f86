"""Two versions of the recommender on the same rows: the same weeks, customers and features, paired."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.settings import Settings
from features.lake import Lake
from training.artifact import Bundle
from training.baselines import Ranked, Recommender, Task
from training.catalogue import Catalogue
from training.evaluation import build_test_set, evaluate
from training.evaluation_results import Evaluation
from training.lineage import provenance
from training.purchases import load_purchases
from training.top_k import NO_PRODUCT
from training.two_tower.backtest import ServedFallback
from training.two_tower.stage import Stage, set_up

CHALLENGER: Final = "challenger"
CHAMPION: Final = "champion"


class OnCommonShelf:
    """A recommender whose products are told by their places among those of both versions.

    Args:
        name: Name under which it is reported.
        recommender: Ranks by positions of its own catalogue.
        places: (N,) place of each of its products on the common shelf.
    """

    def __init__(self, name: str, recommender: Recommender, places: npt.NDArray[np.int64]) -> None:
        self.name = name
        self._recommender = recommender
        self._places = places

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank as the recommender does."""
        positions, scores = self._recommender.rank(customer_ids, task=task, k=k)
        return np.where(positions == NO_PRODUCT, NO_PRODUCT, self._places[positions]), scores


def compare_recommenders(
    challenger: Bundle, champion: Bundle, settings: Settings, progress: Callable[[str], None]
) -> Evaluation:
    """Judge both versions by what was bought after the challenger's cut-off, as they would have served then.

    Both see each customer's features as of that cut-off; each recommends the products that it knows, and what a
    version does not know it misses. People without consent get the challenger's popular list from either.

    Args:
        challenger: Its cut-off begins the window.
        champion: Must have learnt from nothing after that cut-off.
        settings: All sections.
        progress: Told each step in words.

    Returns:
        The figures of `challenger` and `champion`, and their paired differences.

    Raises:
        TestWindowUnavailable, HistoryUnavailable, NobodyToJudge: If the window cannot judge them.
        LakeMissing, LakeDamaged, BundleDamaged: If the data or a bundle cannot be read.
    """
    ours = set_up(challenger, settings, progress)
    theirs = set_up(as_of(champion, challenger.manifest.train_until), settings, progress)
    shelf = Catalogue(np.union1d(ours.scorer.catalogue.product_ids, theirs.scorer.catalogue.product_ids))
    lake = Lake.open(settings.storage.lake)
    consenting = ours.test_set.customer_ids[ours.test_set.consenting]
    purchases = load_purchases(lake, until=None, customers=None)
    test_set = build_test_set(purchases, shelf, ours.test_set.holdout, consenting.tolist())
    popular = ServedFallback(ours.scorer, ours.model)
    evaluation, _ = evaluate(
        (_on(shelf, CHALLENGER, ours, ours.model), _on(shelf, CHAMPION, theirs, theirs.model)),
        _on(shelf, popular.name, ours, popular),
        test_set,
        settings.evaluation,
        popularity=_sold(shelf, ours, theirs),
        data_snapshot_digest=lake.manifest.snapshot_digest,
        provenance=provenance(lake.manifest.source),
    )
    return evaluation


def as_of(bundle: Bundle, moment: datetime) -> Bundle:
    """Give a bundle as if its data ended at a moment: the same weights, set up before the features of that day."""
    return Bundle(bundle.directory, bundle.manifest.model_copy(update={"train_until": moment}))


def _on(shelf: Catalogue, name: str, stage: Stage, recommender: Recommender) -> OnCommonShelf:
    return OnCommonShelf(name, recommender, shelf.index_of(stage.scorer.catalogue.product_ids))


def _sold(shelf: Catalogue, *stages: Stage) -> npt.NDArray[np.float64]:
    """Say how much each product sold before its version's cut-off, the first version's word first."""
    sold = np.zeros(len(shelf))
    for stage in reversed(stages):
        sold[shelf.index_of(stage.scorer.catalogue.product_ids)] = stage.scorer.products["popularity"]
    return sold
