"""What the repeat head is told of a pair, by hand."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from training.catalogue import Catalogue
from training.histories import PAIR_FIELDS, PROFILE_FIELDS, Histories
from training.two_tower.products import NUMERIC_FIELDS
from training.two_tower.repeat_head import PAIR_FEATURES, RepeatHead, bought_features, new_features, pair_features


def one_pair(*, n_baskets_total: float, **past: float) -> Histories:
    profiles = np.full((1, len(PROFILE_FIELDS)), np.nan, dtype=np.float32)
    profiles[0, PROFILE_FIELDS.index("n_baskets_total")] = n_baskets_total
    return Histories(
        offsets=np.array([0, 1]),
        product_idx=np.array([3]),
        pairs=np.array([[past[field] for field in PAIR_FIELDS]], dtype=np.float32),
        profiles=profiles,
        session_offsets=np.array([0, 0]),
        session_idx=np.empty(0, dtype=np.int64),
        stores=np.array([""]),
    )


def test_a_regular_purchase_by_hand() -> None:
    """Four baskets of twelve, first 70 days ago, last 10: one each 20 days, and half of that has passed."""
    past = {"n_baskets": 4, "decayed_short": 1.5, "decayed_long": 2.5, "days_since_last": 10, "days_since_first": 70}
    row = bought_features(one_pair(n_baskets_total=12, **past))[0].tolist()
    assert row == pytest.approx(
        [
            math.log(5),
            math.log(1.501),
            math.log(2.501),
            math.log(11),
            4 / 12,
            math.log(1 + 10 / 21),
            math.log(21),
            1,
        ],
        rel=1e-5,
    )


def test_a_single_purchase_has_no_interval_of_its_own() -> None:
    past = {"n_baskets": 1, "decayed_short": 0.5, "decayed_long": 0.8, "days_since_last": 30, "days_since_first": 30}
    row = bought_features(one_pair(n_baskets_total=math.nan, **past))[0].tolist()
    assert row[4] == 1  # of unknown baskets, at least the one that held it
    assert row[5] == pytest.approx(math.log(1 + 30 / 401))
    assert row[6] == pytest.approx(math.log(401))


def test_baskets_counted_after_the_profile_was_made_keep_the_share_at_most_one() -> None:
    past = {"n_baskets": 5, "decayed_short": 4, "decayed_long": 4.5, "days_since_last": 0, "days_since_first": 8}
    assert bought_features(one_pair(n_baskets_total=3, **past))[0, 4] == 1


def test_never_bought_candidates_are_all_alike_and_unlike_bought_ones() -> None:
    features = new_features(3)
    assert features.shape == (3, 8)
    assert (features == features[0]).all()
    assert features[0].tolist() == pytest.approx(
        [0, math.log(1e-3), math.log(1e-3), math.log(401), 0, 0, math.log(401), 0]
    )
    assert new_features(0).shape == (0, 8)


def test_a_pair_has_every_feature_in_its_place(histories_of: Callable[..., Histories], shelf: Catalogue) -> None:
    histories = histories_of(["milk", "tea"])
    own = bought_features(histories)
    numeric = torch.arange(2.0 * len(NUMERIC_FIELDS)).view(2, -1)
    profiles = torch.from_numpy(histories.profiles).expand(2, -1)
    features = pair_features(own, torch.tensor([-3.0, -4.0]), numeric, profiles)
    places = {name: i for i, name in enumerate(PAIR_FEATURES)}
    assert features.shape == (2, len(PAIR_FEATURES))
    assert features[:, places["known"]].tolist() == [1, 1]
    assert features[:, places["tower_log_p"]].tolist() == [-3, -4]
    assert features[1, places["youth"]] == numeric[1, -1]
    assert features[0, places["tenure_days"]] == pytest.approx(math.log(91))


def test_the_head_gives_one_finite_number_a_pair_even_where_the_profile_is_unknown() -> None:
    torch.manual_seed(2)
    head = RepeatHead(5).eval()
    features = torch.randn(4, len(PAIR_FEATURES))
    head.scale.fit(features)
    features[2, -len(PROFILE_FIELDS) :] = math.nan
    with torch.no_grad():
        log_odds = head(features)
    assert log_odds.shape == (4,)
    assert log_odds.isfinite().all()
    assert len(set(log_odds.tolist())) == 4
