"""UP-CF against a twin that compares sets."""

import numpy as np
import pytest

from training.peers.data import PeerData
from training.peers.up_cf import UpCf


def slow_score(data: PeerData, who: int, n_recent: int, asymmetry: float, locality: float) -> np.ndarray:
    held = {
        other: [set(data.product[(data.customer == other) & (data.basket == b)]) for b in range(data.n_baskets[other])]
        for other in range(data.n)
    }
    own = set().union(*held[who])
    score = np.zeros(5)
    for other, baskets in held.items():
        if other != who and not data.trainable[other]:
            continue
        theirs = set().union(*baskets)
        alike = len(own & theirs) / (len(own) ** asymmetry * len(theirs) ** (1 - asymmetry))
        recent = baskets[-n_recent:]
        for product in range(5):
            share = sum(product in basket for basket in recent) / len(recent)
            score[product] += (1.0 if other == who else alike**locality) * share
    return score


@pytest.mark.parametrize(("n_recent", "asymmetry", "locality"), [(1, 0.25, 5), (4, 0.5, 1), (99, 1.0, 2.5)])
def test_scores_are_those_of_sets(shopped: PeerData, n_recent: int, asymmetry: float, locality: float) -> None:
    peer = UpCf(shopped, n_recent_baskets=n_recent, asymmetry=asymmetry, locality=locality)
    found = peer.score(np.arange(shopped.n))
    for who in range(shopped.n):
        np.testing.assert_allclose(found[who], slow_score(shopped, who, n_recent, asymmetry, locality))


def test_none_counts_all_baskets(shopped: PeerData) -> None:
    every = UpCf(shopped, n_recent_baskets=None, asymmetry=0.25, locality=2).score(np.arange(8))
    many = UpCf(shopped, n_recent_baskets=99, asymmetry=0.25, locality=2).score(np.arange(8))
    np.testing.assert_array_equal(every, many)


def test_bob_by_hand(data: PeerData) -> None:
    peer = UpCf(data, n_recent_baskets=1, asymmetry=0.5, locality=2)
    # bob's last basket: beer, chips. ann shares 1 of his 3 and her 3 products, cyd 2 of her 2, dee none.
    ann, cyd = (1 / 3) ** 2, (2 / np.sqrt(6)) ** 2
    np.testing.assert_allclose(peer.score(np.array([1]))[0], [1 + cyd, 0, 1 + cyd, ann, ann])
    assert peer.rank(["bob"], task="novel", k=1)[0].tolist() == [[3]]


def test_a_stranger_is_like_nobody(data: PeerData) -> None:
    peer = UpCf(data, n_recent_baskets=1, asymmetry=0.5, locality=2)
    assert peer.score(np.array([4])).tolist() == [[0] * 5]
