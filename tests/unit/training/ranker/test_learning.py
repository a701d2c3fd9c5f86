"""From a lake to a ranker."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from configs.loading import load_settings
from configs.ranker import RankerSettings
from features.columns import EVENT_TIMESTAMP
from training.catalogue import Catalogue
from training.feature_rows import customer_rows
from training.histories import from_arrow
from training.ranker.errors import NothingToLearn
from training.ranker.learning import RankerData, fit_ranker
from training.ranker.sales import SalesLog
from training.ranker.windows import window_moments
from training.two_tower.sources import Sources, prepare_sources

from .conftest import MOMENT

TRAIN_UNTIL = MOMENT + timedelta(days=14)


@pytest.fixture(scope="module")
def one_window(ranker_settings: RankerSettings) -> RankerSettings:
    """One window of fourteen days."""
    few = {name: getattr(ranker_settings, name).model_copy(update={"n_windows": 1}) for name in ("repeat", "novel")}
    return ranker_settings.model_copy(update=few)


@pytest.fixture(scope="module")
def sources(town_root: Path, one_window: RankerSettings) -> Sources:
    """The town's features as of every moment that is read."""
    settings = load_settings("test", [f"storage.root={town_root}"])
    moments = [TRAIN_UNTIL, *window_moments(TRAIN_UNTIL, one_window)]
    return prepare_sources(settings.storage, settings.features, TRAIN_UNTIL, moments, lambda _: None)


def _data(sources: Sources, purchases: pd.DataFrame) -> RankerData:
    people = sorted(purchases["customer_id"].unique())
    log = SalesLog(sources.lake, people, TRAIN_UNTIL)
    return RankerData(sources.store, log, purchases, people, TRAIN_UNTIL, min_buyers=2)


def test_a_fit_reads_nothing_past_its_cutoff(sources: Sources, shelf: Catalogue, one_window: RankerSettings) -> None:
    known = sources.purchases[sources.purchases[EVENT_TIMESTAMP] < TRAIN_UNTIL]
    later = known.assign(**{EVENT_TIMESTAMP: known[EVENT_TIMESTAMP] + timedelta(days=200)})
    first = fit_ranker(_data(sources, known), shelf, one_window)
    second = fit_ranker(_data(sources, pd.concat([known, later], ignore_index=True)), shelf, one_window)
    assert first.heads.novel.model_to_string() == second.heads.novel.model_to_string()
    np.testing.assert_array_equal(first.moment.figures, second.moment.figures)


def test_what_it_learnt_ranks_the_town(sources: Sources, shelf: Catalogue, one_window: RankerSettings) -> None:
    data = _data(sources, sources.purchases)
    ranker = fit_ranker(data, shelf, one_window)
    rows = customer_rows(sources.store, data.customer_ids, [TRAIN_UNTIL])
    histories = from_arrow(rows, shelf)
    usual = []
    for row in range(len(histories)):
        shopper = ranker.moment.shopper(histories, row)
        judged = ranker.judge(shopper, task="all")
        best = judged.candidates.product_idx[np.argsort(-judged.scores, kind="stable")[:4]]
        usual.append(np.isin(best, shopper.held).mean())
    assert np.mean(usual) > 0.9


def test_windows_before_the_data_are_left_out_and_none_at_all_is_refused(
    sources: Sources, shelf: Catalogue, one_window: RankerSettings
) -> None:
    known = sources.purchases[sources.purchases[EVENT_TIMESTAMP] < TRAIN_UNTIL]
    data = _data(sources, known)
    early = {name: getattr(one_window, name).model_copy(update={"n_windows": 3}) for name in ("repeat", "novel")}
    reached = one_window.model_copy(update={"step_days": 300, **early})
    expected = fit_ranker(data, shelf, one_window).heads.novel.model_to_string()
    assert fit_ranker(data, shelf, reached).heads.novel.model_to_string() == expected
    with pytest.raises(NothingToLearn, match="0 bought candidates"):
        fit_ranker(data, shelf, one_window.model_copy(update={"target_days": 400}))
