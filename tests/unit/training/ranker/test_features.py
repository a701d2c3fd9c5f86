"""What the trees read, worked out by hand for one customer of the town."""

import numpy as np
import pytest

from training.histories import PROFILE_FIELDS
from training.ranker.candidates import RETRIEVERS, Candidates, interests_of
from training.ranker.content import TYPE
from training.ranker.features import FEATURES, pair_features
from training.ranker.moment import Moment
from training.ranker.product_figures import PRODUCT_FIELDS
from training.ranker.shopper import Shopper

_BEER, _BREAD, _CIDER = 0, 1, 3


@pytest.fixture
def shopper() -> Shopper:
    """Three baskets with beer, one long ago with bread; four baskets in all."""
    pairs = np.array([[3.0, 1.2, 2.0, 4.0, 44.0], [1.0, 0.1, 0.5, 100.0, 100.0]])
    profile = np.array([4.0, 2.0, 1.0, 9.0, 5.0, 4.0, 32.0, 100.0])
    return Shopper(np.array([_BEER, _BREAD]), pairs, profile, np.empty(0, dtype=np.int64), 0)


@pytest.fixture
def table(moment: Moment, shopper: Shopper) -> dict[str, np.ndarray]:
    """Beer (bought) and cider (never bought, of beer's type and maker)."""
    ranks = np.array([[0.0] * len(RETRIEVERS), [1.0] * len(RETRIEVERS)], dtype=np.float32)
    candidates = Candidates(np.array([_BEER, _CIDER]), np.array([0, -1]), ranks)
    values = pair_features(moment, shopper, interests_of(moment, shopper), candidates)
    assert values.shape == (2, len(FEATURES))
    assert len(set(FEATURES)) == len(FEATURES)
    return dict(zip(FEATURES, values.T, strict=True))


def test_own_past(table: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(table["own_times"], [3, 0])
    np.testing.assert_allclose(table["own_days_since_last"], [4, 400])
    np.testing.assert_allclose(table["own_share_of_baskets"], [0.75, 0])
    np.testing.assert_allclose(table["own_interval"], [20, 400])
    np.testing.assert_allclose(table["own_overdue"], [4 / 21, 400 / 401], rtol=1e-6)
    np.testing.assert_allclose(table["own_place"], [0, -1])


def test_group_past(table: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(table["product_type_long"], [2, 2])
    np.testing.assert_allclose(table["product_type_share"], [1, 0])
    np.testing.assert_allclose(table["line_days_since_last"], [4, 4])
    np.testing.assert_allclose(table["product_type_n_products"], [1, 1])
    np.testing.assert_allclose(table["department_n_products"], [2, 2])
    np.testing.assert_allclose(table["product_type_n_new"], [1, 1])
    np.testing.assert_allclose(table["department_long"], [2.5, 2.5])


def test_interest(moment: Moment, shopper: Shopper, table: dict[str, np.ndarray]) -> None:
    interests = interests_of(moment, shopper)
    for place, name in enumerate(RETRIEVERS):
        np.testing.assert_allclose(table[name], interests.scores[place, [_BEER, _CIDER]], rtol=1e-5)
        np.testing.assert_allclose(table[f"rank_{name}"], [0, 1])
    of_type = interests.of_type[moment.content.codes[TYPE][[_BEER, _CIDER]]]
    np.testing.assert_allclose(table["type_interest"], of_type, rtol=1e-5)


def test_customer_and_product(moment: Moment, shopper: Shopper, table: dict[str, np.ndarray]) -> None:
    for name, value in zip(PROFILE_FIELDS, shopper.profile, strict=True):
        np.testing.assert_allclose(table[name], [value, value])
    for place, name in enumerate(PRODUCT_FIELDS):
        np.testing.assert_array_equal(table[name], moment.figures[[_BEER, _CIDER], place])
    np.testing.assert_allclose(table["n_held"], [2, 2])
    np.testing.assert_allclose(table["n_lately"], [1, 1])
    np.testing.assert_allclose(table["baskets_long"], [2.5, 2.5])


def test_a_candidates_features_do_not_depend_on_the_others(moment: Moment, shopper: Shopper) -> None:
    interests = interests_of(moment, shopper)
    ranks = np.arange(3 * len(RETRIEVERS), dtype=np.float32).reshape(3, -1)
    candidates = Candidates(np.array([_BREAD, _CIDER, 6]), np.array([1, -1, -1]), ranks)
    together = pair_features(moment, shopper, interests, candidates)
    alone = pair_features(moment, shopper, interests, candidates.take(np.array([1])))
    np.testing.assert_array_equal(together[1:2], alone)


def test_somebody_without_history_has_finite_features(moment: Moment) -> None:
    pairs = np.empty((0, 5))
    visitor = Shopper(np.empty(0, dtype=np.int64), pairs, np.full(8, np.nan), np.array([_BEER]), -1)
    candidates = Candidates(np.array([_CIDER]), np.array([-1]), np.ones((1, len(RETRIEVERS)), dtype=np.float32))
    values = pair_features(moment, visitor, interests_of(moment, visitor), candidates)[0]
    unknown = {name for name, value in zip(FEATURES, values, strict=True) if not np.isfinite(value)}
    assert unknown == set(PROFILE_FIELDS)
