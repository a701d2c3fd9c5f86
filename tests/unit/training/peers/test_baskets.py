"""Completing baskets: counts of shared baskets, and peers against slow twins."""

from itertools import combinations

import numpy as np
import pytest
from scipy import sparse

from training.peers.baskets import BasketCosine, BasketFrequency, BasketPopularity, CoOccurrence, shared_baskets
from training.peers.data import PeerData


def held(*baskets: list[int]) -> sparse.csr_array:
    marks = np.zeros((len(baskets), 5), dtype=bool)
    for row, basket in enumerate(baskets):
        marks[row, basket] = True
    return sparse.csr_array(marks)


def baskets_of(data: PeerData) -> list[set[int]]:
    keys = {(who, place) for who, place in zip(data.customer, data.basket, strict=True) if data.trainable[who]}
    return [set(data.product[(data.customer == who) & (data.basket == place)].tolist()) for who, place in keys]


def test_shared_baskets_are_counted_over_those_who_agreed(shopped: PeerData) -> None:
    shared, size = shared_baskets(shopped)
    expected = np.zeros((5, 5))
    for basket in baskets_of(shopped):
        for one, other in combinations(sorted(basket), 2):
            expected[one, other] += 1
            expected[other, one] += 1
    np.testing.assert_array_equal(shared.toarray(), expected)
    assert size.tolist() == [sum(product in basket for basket in baskets_of(shopped)) for product in range(5)]


def test_co_occurrence_adds_shares(shopped: PeerData) -> None:
    shared, size = shared_baskets(shopped)
    expected = shared.toarray()[0] / (size[0] + 3) + shared.toarray()[2] / (size[2] + 3)
    order = [product for product in np.argsort(-expected, kind="stable") if product not in (0, 2)]
    found = CoOccurrence(shopped, shrinkage=3).complete(["p1"], held([0, 2]), k=3)
    assert found[0].tolist() == order


def test_cosine_adds_cosines(shopped: PeerData) -> None:
    shared, size = shared_baskets(shopped)
    cosine = shared.toarray() / np.sqrt((size + 3)[:, None] * (size + 3)[None, :])
    expected = cosine[1] + cosine[4]
    order = [product for product in np.argsort(-expected, kind="stable") if product not in (1, 4)]
    assert BasketCosine(shopped, shrinkage=3).complete(["p1"], held([1, 4]), k=3)[0].tolist() == order


def test_popularity_is_of_the_window(data: PeerData) -> None:
    found = BasketPopularity(data, days=14).complete(["ann", "stranger"], held([0], []), k=4)
    assert found.tolist() == [[2, 3, 4, -1], [0, 2, 3, 4]]  # bread was not sold within 14 days


def test_the_customers_own_products_come_first(data: PeerData) -> None:
    found = BasketFrequency(data, half_life_days=30).complete(["ann", "bob", "stranger"], held([4], [0], []), k=5)
    general = np.asarray(data.counts(30).sum(axis=0)).ravel()
    by_general = np.argsort(-general, kind="stable").tolist()
    own = {"ann": [3, 1], "bob": [2, 4], "stranger": []}
    expected = [
        first + [product for product in by_general if product not in (*first, *basket)]
        for first, basket in zip(own.values(), ([4], [0], []), strict=True)
    ]
    assert [[place for place in row if place >= 0] for row in found.tolist()] == expected


@pytest.mark.parametrize("k", [1, 5])
def test_what_is_held_is_never_recommended(shopped: PeerData, k: int) -> None:
    contexts = held([0, 1, 2], [3], [])
    for peer in (
        BasketPopularity(shopped, days=300),
        BasketFrequency(shopped, half_life_days=30),
        CoOccurrence(shopped, shrinkage=0),
        BasketCosine(shopped, shrinkage=0),
    ):
        found = peer.complete(["p1", "p5", "p7"], contexts, k=k)
        assert found.shape == (3, k)
        for row, basket in zip(found, contexts.toarray(), strict=True):
            assert not basket[row[row >= 0]].any(), peer.name
