"""EASE with popularity: what is added, and that EASE stays what it was."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from training.baselines import Ease, Histories
from training.catalogue import Catalogue
from training.peers.data import PeerData
from training.peers.ease_popularity import EasePopularity, fit_ease

CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)


def test_ease_is_the_baseline_learnt_from_those_who_agreed(
    shopping: pd.DataFrame, shelf: Catalogue, shopped: PeerData
) -> None:
    everyone = Histories(shopping, shelf, CUTOFF, half_life_days=20)
    agreed = Histories(shopping[shopping["customer_id"] != "p6"], shelf, CUTOFF, half_life_days=20)
    expected = Ease(agreed, everyone, regularization=2.0).rank(["p6", "p2"], task="all", k=5)
    found = fit_ease(shopped, half_life_days=20, regularization=2.0).rank(["p6", "p2"], task="all", k=5)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5)


def test_the_share_of_recent_buyers_is_added(data: PeerData) -> None:
    rows = data.counts(None)
    ease = fit_ease(data, half_life_days=None, regularization=1.0).score(rows)
    peer = EasePopularity(data, half_life_days=None, regularization=1.0, popularity_days=14, popularity_weight=2.0)
    expected = 2.0 * np.array([2, 0, 2, 1, 1]) / 4  # buyers of 14 days among four people
    np.testing.assert_allclose(peer.score(rows) - ease, np.tile(expected, (5, 1)))


def test_a_stranger_gets_what_is_popular(data: PeerData) -> None:
    peer = EasePopularity(data, half_life_days=None, regularization=1.0, popularity_days=14, popularity_weight=2.0)
    assert peer.rank(["stranger"], task="novel", k=2)[0].tolist() == [[0, 2]]
