"""Judge a fitted model beside the baselines on the weeks after its cut-off."""

from collections.abc import Sequence

import numpy as np

from configs.settings import EvaluationSettings
from training.baselines import Ranked, Task, standard_baselines
from training.evaluation import Rankings, TestSet, build_test_set, evaluate
from training.evaluation_results import Evaluation
from training.feature_rows import customer_rows
from training.histories import from_arrow
from training.lineage import provenance
from training.splits import Holdout, bought_before
from training.top_k import top_k
from training.two_tower.recommender import TwoTowerRecommender
from training.two_tower.scorer import Scorer
from training.two_tower.sources import Sources


class ServedFallback:
    """The popular list that serving shows to people without consent; for `novel` without what they bought.

    Args:
        scorer: The fitted model, whose popularity, with room for suppliers, serving uses.
        recommender: Knows what each of them bought.
    """

    name = "served_fallback"

    def __init__(self, scorer: Scorer, recommender: TwoTowerRecommender) -> None:
        self._popularity = scorer.popularity
        self._recommender = recommender

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank by baskets of the recent window."""
        scores = np.tile(self._popularity, (len(customer_ids), 1))
        if task == "novel":
            scores[self._recommender.bought(customer_ids).nonzero()] = -np.inf
        return top_k(scores, k)


def backtest(
    scorer: Scorer, sources: Sources, holdout: Holdout, settings: EvaluationSettings
) -> tuple[Evaluation, Rankings, TestSet]:
    """Rank as serving would have at the cut-off, and judge by the purchases that followed.

    Returns:
        The figures, every method's lists, and whose lists they are.

    Raises:
        HistoryUnavailable: If nobody bought before the cut-off.
        NobodyToJudge: If nobody with a history bought a catalogue product in the window.
    """
    test_set = build_test_set(sources.purchases, scorer.catalogue, holdout, sources.consents.personal)
    customer_ids = test_set.customer_ids.tolist()
    rows = customer_rows(sources.store, customer_ids, [holdout.train_until])
    bought = bought_before(sources.purchases, scorer.catalogue, customer_ids, holdout.train_until)
    model = TwoTowerRecommender(scorer, customer_ids, from_arrow(rows, scorer.catalogue), bought)
    baselines = standard_baselines(
        sources.training_purchases, sources.purchases, scorer.catalogue, holdout.train_until, settings
    )
    evaluation, rankings = evaluate(
        (model, *baselines),
        ServedFallback(scorer, model),
        test_set,
        settings,
        popularity=np.asarray(scorer.products["popularity"], dtype=np.float64),
        data_snapshot_digest=sources.lake.manifest.snapshot_digest,
        provenance=provenance(sources.lake.manifest.source),
    )
    return evaluation, rankings, test_set
