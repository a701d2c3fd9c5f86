"""A bundle set up as it stood at its own cut-off: everybody's histories, and the purchases that followed."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
from scipy import sparse

from configs.settings import Settings
from training.artifact import Bundle
from training.evaluation import TestSet, build_test_set
from training.feature_rows import customer_rows
from training.histories import Histories, from_arrow
from training.splits import Holdout, bought_before
from training.two_tower.recommender import TwoTowerRecommender
from training.two_tower.scorer import Scorer
from training.two_tower.sources import prepare_sources


@dataclass(frozen=True, eq=False)
class Stage:
    """What audits of one bundle start from.

    Attributes:
        scorer: The fitted model.
        test_set: Who is ranked for, and what they bought in the `evaluation.test_weeks` after the cut-off.
        rows: (C,) customer features at the cut-off.
        histories: The same, as the model reads them.
        bought: (C, N) bool, everything bought before the cut-off.
        model: Ready to rank the test set's customers.
    """

    scorer: Scorer
    test_set: TestSet
    rows: pa.Table
    histories: Histories
    bought: sparse.csr_array
    model: TwoTowerRecommender


def set_up(bundle: Bundle, settings: Settings, progress: Callable[[str], None]) -> Stage:
    """Load a bundle and everything that serving would have known at its cut-off.

    Args:
        bundle: The version to look at.
        settings: All sections.
        progress: Told each step in words.

    Raises:
        TestWindowUnavailable: If the data ends before the window does.
        HistoryUnavailable, NobodyToJudge: If nobody bought before the cut-off, or in the window.
        LakeMissing, LakeDamaged, BundleDamaged: If the data or the bundle cannot be read.
    """
    scorer = Scorer.load(bundle)
    cutoff = bundle.manifest.train_until
    sources = prepare_sources(settings.storage, settings.features, cutoff, [cutoff], progress)
    span = sources.lake.manifest
    weeks = settings.evaluation.test_weeks
    holdout = Holdout.of_weeks(cutoff, weeks, data_start=span.data_start, data_end=span.data_end)
    test_set = build_test_set(sources.purchases, scorer.catalogue, holdout, sources.consents.personal)
    customer_ids = test_set.customer_ids.tolist()
    rows = customer_rows(sources.store, customer_ids, [cutoff])
    histories = from_arrow(rows, scorer.catalogue)
    bought = bought_before(sources.purchases, scorer.catalogue, customer_ids, cutoff)
    model = TwoTowerRecommender(scorer, customer_ids, histories, bought)
    return Stage(scorer, test_set, rows, histories, bought, model)
