"""TIFU-KNN against a twin that walks basket by basket."""

import numpy as np
import pandas as pd
import pytest

from training.peers.data import PeerData
from training.peers.tifu_knn import TifuKnn, entry_weights


def slow_vector(baskets: list[list[int]], n_groups: int, within: float, between: float) -> np.ndarray:
    """Cut a history as evenly as can be, the longer groups last, and decay twice."""
    n_groups = min(n_groups, len(baskets))
    base, n_long = divmod(len(baskets), n_groups)
    vector, start = np.zeros(5), 0
    for group in range(n_groups):
        size = base + (group >= n_groups - n_long)
        for place, basket in enumerate(baskets[start : start + size]):
            for product in basket:
                vector[product] += within ** (size - 1 - place) / size * between ** (n_groups - 1 - group) / n_groups
        start += size
    return vector


def slow_vectors(data: PeerData, n_groups: int, within: float, between: float) -> np.ndarray:
    vectors = np.zeros((data.n, 5))
    for who in range(data.n):
        mine = data.customer == who
        baskets = [data.product[mine & (data.basket == place)].tolist() for place in range(data.n_baskets[who])]
        vectors[who] = slow_vector(baskets, n_groups, within, between)
    return vectors


@pytest.mark.parametrize("n_groups", [1, 3, 4, 20])
def test_the_weights_are_those_of_the_walk(shopped: PeerData, n_groups: int) -> None:
    found = shopped.matrix(entry_weights(shopped, n_groups, 0.9, 0.6)).toarray()
    np.testing.assert_allclose(found[:-1], slow_vectors(shopped, n_groups, 0.9, 0.6))


def test_one_history_by_hand(data: PeerData) -> None:
    weights = data.matrix(entry_weights(data, 1, 0.5, 1.0)).toarray()
    assert weights[0].tolist() == [0, 0.25, 0, 0.5, 0.75]  # ann: bread, then eggs, milk in both


def test_scores_mix_the_own_vector_with_the_nearest_others(shopped: PeerData) -> None:
    peer = TifuKnn(shopped, n_groups=3, within_decay=0.9, group_decay=0.6, n_neighbours=2, own_share=0.7)
    vectors = slow_vectors(shopped, 3, 0.9, 0.6)
    for who in range(shopped.n):
        others = [other for other in range(shopped.n) if other != who and shopped.trainable[other]]
        nearest = sorted(others, key=lambda other: float(((vectors[who] - vectors[other]) ** 2).sum()))[:2]
        expected = 0.7 * vectors[who] + 0.3 * vectors[nearest].mean(axis=0)
        np.testing.assert_allclose(peer.score(np.array([who]))[0], expected, err_msg=str(who))


def test_a_stranger_gets_what_the_lightest_customers_buy(shopped: PeerData) -> None:
    peer = TifuKnn(shopped, n_groups=3, within_decay=0.9, group_decay=0.6, n_neighbours=300, own_share=0.7)
    others = slow_vectors(shopped, 3, 0.9, 0.6)[shopped.trainable]
    weights = (others**2).sum(axis=1)
    k = int(shopped.trainable.sum()) - 1  # as many neighbours as anybody can have
    expected = 0.3 * others[np.argsort(weights)[:k]].mean(axis=0)
    np.testing.assert_allclose(peer.score(np.array([shopped.n]))[0], expected)


def test_it_ranks_as_it_scores(shopped: PeerData) -> None:
    peer = TifuKnn(shopped, n_groups=3, within_decay=0.9, group_decay=0.6, n_neighbours=2, own_share=0.7)
    assert peer.name == "tifu_knn"
    positions, _ = peer.rank(["p3"], task="all", k=5)
    assert positions[0].tolist() == pd.Series(-peer.score(np.array([3]))[0]).sort_values(kind="stable").index.tolist()
