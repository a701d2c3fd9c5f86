"""Who gets into the second stage."""

import numpy as np
import pytest

from configs.ranker import RankerSettings
from training.histories import PAIR_FIELDS, PROFILE_FIELDS, Histories
from training.ranker.candidates import NEVER_BOUGHT, RETRIEVERS, Candidates, Interests, choose_candidates, interests_of
from training.ranker.moment import Moment
from training.ranker.shopper import Shopper


def _shopper(held: list[int], session: list[int] | None = None) -> Shopper:
    pairs = np.tile([2.0, 1.0, 1.5, 3.0, 30.0], (len(held), 1)) + np.arange(float(len(held)))[:, None]
    assert pairs.shape[1] == len(PAIR_FIELDS)
    return Shopper(
        np.array(held, dtype=np.int64),
        pairs,
        np.ones(len(PROFILE_FIELDS)),
        np.array(session or [], dtype=np.int64),
        0,
    )


@pytest.fixture
def interests(moment: Moment) -> Interests:
    """Every retriever wants another order of the eight products."""
    scores = np.stack([np.roll(np.arange(8, dtype=np.float32), shift) for shift in range(len(RETRIEVERS))])
    return Interests(scores, np.zeros(8, dtype=np.float32), np.zeros(moment.content.n_codes("product_type")))


def _choose(
    moment: Moment, interests: Interests, settings: RankerSettings, shopper: Shopper, **changes: object
) -> Candidates:
    asked = {"n_bought": 10, "share_new": 1.0, "allowed": None} | changes
    return choose_candidates(moment, shopper, interests, settings.candidates, **asked)  # type: ignore[arg-type]


def _only(settings: RankerSettings, retriever: str, n: int) -> RankerSettings:
    plans = {name: getattr(settings.candidates, name).model_copy(update={"n": 0}) for name in RETRIEVERS}
    plans[retriever] = plans[retriever].model_copy(update={"n": n, "popularity": 0.0})
    return settings.model_copy(update={"candidates": settings.candidates.model_copy(update=plans)})


@pytest.mark.parametrize("place", range(len(RETRIEVERS)))
def test_each_retriever_brings_its_best_open_products(
    moment: Moment, interests: Interests, ranker_settings: RankerSettings, place: int
) -> None:
    found = _choose(moment, interests, _only(ranker_settings, RETRIEVERS[place], 3), _shopper([2, 5]))
    open_products = [p for p in np.argsort(-interests.scores[place]) if p not in (2, 5)]
    assert sorted(found.product_idx[~found.is_bought]) == sorted(open_products[:3])
    new = found.product_idx[~found.is_bought]
    by_rank = new[np.argsort(found.ranks[~found.is_bought, place])]
    assert by_rank.tolist() == [int(p) for p in open_products[:3]]


def test_bought_products_come_first_and_keep_their_place(
    moment: Moment, interests: Interests, ranker_settings: RankerSettings
) -> None:
    found = _choose(moment, interests, ranker_settings, _shopper([6, 1, 4]), n_bought=2)
    assert found.product_idx[found.is_bought].tolist() == [1, 4]  # the two with the largest decayed counts
    assert found.place[found.is_bought].tolist() == [1, 2]
    assert (found.place[~found.is_bought] == NEVER_BOUGHT).all()
    assert not found.ranks[found.is_bought].any()


def test_what_may_not_be_shown_is_no_candidate(
    moment: Moment, interests: Interests, ranker_settings: RankerSettings
) -> None:
    allowed = np.array([True, False, True, False, True, True, False, True])
    found = _choose(moment, interests, ranker_settings, _shopper([0, 1], [2]), allowed=allowed)
    assert sorted(found.product_idx) == [0, 2, 4, 5, 7]  # what the session saw may be shown


def test_no_new_products_where_none_are_asked_for(
    moment: Moment, interests: Interests, ranker_settings: RankerSettings
) -> None:
    assert _choose(moment, interests, ranker_settings, _shopper([3]), share_new=0.0).product_idx.tolist() == [3]


def test_interests_follow_taste(moment: Moment, histories: Histories, home_stores: list[str]) -> None:
    """Somebody with one drink is thought to want drinks and snacks rather than bakery and dairy."""
    store = moment.stores.place_of(home_stores[0])
    scores = interests_of(moment, Shopper.of(histories, 0, store)).scores
    liked = histories.product_idx[histories.offsets[0] : histories.offsets[1]]
    other = np.setdiff1d(np.arange(8), liked)
    for place, name in enumerate(RETRIEVERS):
        assert scores[place, liked].mean() > scores[place, other].mean(), name


def test_a_session_alone_is_enough(moment: Moment) -> None:
    scores = interests_of(moment, _shopper([], [0])).scores
    drinks, bakery = [2, 3, 7], [1, 4, 5, 6]
    assert scores[0, drinks].min() > scores[0, bakery].max()
