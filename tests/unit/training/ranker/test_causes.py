"""What can be said of the ranker's features: real ones, each said once."""

import lightgbm
import numpy as np
import pytest

from training.causes import Causes
from training.ranker.candidates import NEVER_BOUGHT, RETRIEVERS, Candidates
from training.ranker.causes import CAUSES, UNSAID, why
from training.ranker.features import CUSTOMER_FIELDS, FEATURES
from training.ranker.model import Heads, Judged


def test_every_cause_names_features_that_the_trees_read() -> None:
    assert len(Causes(CAUSES, FEATURES).codes) == len(CAUSES)


def test_no_feature_stands_for_two_causes() -> None:
    named = [name for cause in CAUSES for name in cause.absent]
    assert len(named) == len(set(named))
    assert all(cause.absent for cause in CAUSES)
    assert set(named) | set(UNSAID) == set(FEATURES)


def test_what_is_the_same_for_a_whole_list_is_no_reason() -> None:
    assert set(CUSTOMER_FIELDS) <= set(UNSAID)


N = 1500


def head_of(feature: str, table: np.ndarray) -> lightgbm.Booster:
    """Trees that learnt to go by one feature alone: the others told them nothing."""
    column = FEATURES.index(feature)
    label = table[:, column] > 1.0
    alone = np.zeros_like(table)
    alone[:, column] = table[:, column]
    parameters = {"objective": "binary", "num_leaves": 4, "num_threads": 1, "verbosity": -1, "seed": 1}
    return lightgbm.train(parameters, lightgbm.Dataset(alone, label), num_boost_round=20)


def candidates_of(is_bought: np.ndarray) -> Candidates:
    """Products in order, the bought ones each in a place of the history."""
    place = np.where(is_bought, np.arange(len(is_bought)), NEVER_BOUGHT)
    return Candidates(np.arange(len(is_bought)), place, np.zeros((len(is_bought), len(RETRIEVERS)), dtype=np.float32))


@pytest.mark.parametrize(
    ("by_repeat", "by_novel", "codes"),
    [
        ("own_times", "ease", ("BOUGHT_REGULARLY", "FITS_YOUR_PURCHASES")),
        ("own_overdue", "type_interest", ("DUE_AGAIN", "KIND_YOU_BUY")),
        ("discount_7d", "store_long", ("ON_OFFER", "POPULAR_AT_YOUR_STORE")),
        ("tenure_days", "log_buyers_14d", (None, "SELLS_WELL")),
    ],
)
def test_each_head_s_own_reason_is_named_and_taking_it_away_lowers_the_place(
    by_repeat: str, by_novel: str, codes: tuple[str | None, str | None]
) -> None:
    table = np.random.default_rng(7).gamma(1, 1, (N, len(FEATURES))).astype(np.float32)
    heads = Heads(head_of(by_repeat, table), head_of(by_novel, table))
    is_bought = np.arange(N) % 2 == 0
    scores = heads.judge(table, is_bought)
    best = np.argsort(-scores)
    shown = np.concatenate([best[is_bought[best]][:20], best[~is_bought[best]][:20]])
    judged = Judged(candidates_of(is_bought), table, scores)
    named = why(heads, judged, np.ones(N), shown)
    assert {code for code, bought in zip(named, is_bought[shown], strict=True) if bought} == {codes[0]}
    assert {code for code, bought in zip(named, is_bought[shown], strict=True) if not bought} == {codes[1]}
    for row, code in zip(shown[::4], named[::4], strict=True):
        for cause in CAUSES:
            if cause.code == code:
                changed = table.copy()
                for name, value in cause.absent.items():
                    changed[row, FEATURES.index(name)] = value
                again = heads.judge(changed, is_bought)
                assert (again > again[row]).sum() > (scores > scores[row]).sum()
