"""Examples of the town."""

from datetime import UTC, datetime

import numpy as np
from scipy import sparse

from configs.ranker import RankerSettings
from training.histories import Histories
from training.ranker.features import FEATURES
from training.ranker.moment import Moment
from training.ranker.windows import Examples, draw_examples, window_moments

from .conftest import N_CUSTOMERS


def test_no_window_passes_the_cutoff(ranker_settings: RankerSettings) -> None:
    heads = {"novel": ranker_settings.novel.model_copy(update={"n_windows": 3})}
    settings = ranker_settings.model_copy(update={"target_days": 28, "step_days": 14, **heads})
    moments = window_moments(datetime(2025, 5, 12, tzinfo=UTC), settings)
    assert [f"{moment:%m-%d}" for moment in moments] == ["04-14", "03-31", "03-17"]


def test_every_candidate_is_labelled_by_what_was_bought(
    moment: Moment, histories: Histories, bought_next: sparse.csr_array, examples: Examples
) -> None:
    assert examples.features.shape == (len(histories) * len(moment.catalogue), len(FEATURES))
    assert examples.label.sum() == bought_next.sum()  # the town is small enough for every product to be a candidate
    assert examples.is_bought.sum() == len(histories.product_idx)
    assert examples.label[~examples.is_bought].sum() == N_CUSTOMERS  # everybody tries one product
    assert (examples.weight == 1).all()


def test_drawn_negatives_stand_for_the_rest(
    moment: Moment,
    histories: Histories,
    bought_next: sparse.csr_array,
    ranker_settings: RankerSettings,
) -> None:
    few = {
        name: getattr(ranker_settings, name).model_copy(update={"negative_share": 0.5}) for name in ("repeat", "novel")
    }
    settings = ranker_settings.model_copy(update=few)
    drawn = draw_examples(moment, histories, bought_next, settings, seed=3)
    assert drawn.label.sum() == bought_next.sum()
    assert (drawn.weight[drawn.label] == 1).all()
    assert (drawn.weight[~drawn.label] == 2).all()
    n_pairs = len(histories) * len(moment.catalogue)
    assert 0.6 * n_pairs < drawn.weight.sum() < 1.4 * n_pairs
    again = draw_examples(moment, histories, bought_next, settings, seed=3)
    np.testing.assert_array_equal(again.features, drawn.features)


def test_people_without_history_teach_nothing(
    moment: Moment, histories: Histories, ranker_settings: RankerSettings
) -> None:
    nobody = histories.take(np.array([0, 1]))
    blank = Histories(
        np.zeros(3, dtype=np.int64),
        nobody.product_idx[:0],
        nobody.pairs[:0],
        nobody.profiles,
        nobody.session_offsets,
        nobody.session_idx,
        nobody.stores,
    )
    targets = sparse.csr_array((2, len(moment.catalogue)), dtype=bool)
    drawn = draw_examples(moment, blank, targets, ranker_settings, seed=1)
    assert drawn.features.shape == (0, len(FEATURES))
