"""Content neighbours: what is like what was bought, rare likenesses more."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from training.peers.content import FIELDS, ContentNeighbours, content_matrix
from training.peers.data import PeerData

PRODUCTS = pd.DataFrame(
    [
        ("a", "food", "dairy", "milk", "x", "m1"),
        ("b", "food", "dairy", "milk", "y", "m2"),
        ("c", "food", "snacks", "chips", "x", "m3"),
        ("d", "food", "snacks", "chips", "y", "m3"),
        ("e", "home", "lamps", "lamp", "z", ""),
        ("new", "home", "lamps", "lamp", "x", "m4"),
    ],
    columns=["product_id", *FIELDS],
)


def slow_vector(product: str, universe: list[str]) -> dict[tuple[str, str], float]:
    """Weights of one product's labels by hand."""
    rows = PRODUCTS.set_index("product_id").loc[universe]
    weights = {}
    for field in FIELDS:
        value = rows.loc[product, field]
        if value:
            weights[field, str(value)] = float(np.log(len(rows) / (rows[field] == value).sum()))
    length = np.sqrt(sum(one**2 for one in weights.values()))
    return {label: one / length for label, one in weights.items()}


def test_cosines_are_those_of_a_slow_walk() -> None:
    universe = list("abcde")
    labels = content_matrix(PRODUCTS, np.array(universe))
    cosine = (labels @ labels.T).toarray()
    for i, one in enumerate(universe):
        for j, other in enumerate(universe):
            mine, theirs = slow_vector(one, universe), slow_vector(other, universe)
            assert cosine[i, j] == pytest.approx(sum(value * theirs.get(label, 0) for label, value in mine.items()))


def test_unknown_products_are_like_nothing() -> None:
    labels = content_matrix(PRODUCTS, np.array(["a", "stranger"]))
    assert labels[[1]].nnz == 0


def test_a_product_without_sales_is_scored_by_what_it_is(shopped: PeerData) -> None:
    peer = ContentNeighbours(PRODUCTS, shopped, half_life_days=None, wanted=np.array(["new"]))
    lamp, milk = np.zeros((1, 5)), np.zeros((1, 5))
    lamp[0, 4], milk[0, 1] = 1, 1
    assert peer.score_rows(sparse.csr_array(lamp))[0, 0] > peer.score_rows(sparse.csr_array(milk))[0, 0]


def test_lists_are_of_the_catalogue_and_novel_ones_new(shopped: PeerData) -> None:
    peer = ContentNeighbours(PRODUCTS, shopped, half_life_days=90)
    bought = set(shopped.counts(None)[[shopped.positions_of(["p0"])[0]]].nonzero()[1])
    everything = peer.rank(["p0"], task="all", k=5)[0][0]
    new = peer.rank(["p0"], task="novel", k=5)[0][0]
    assert everything[0] in bought
    assert not bought & set(new.tolist())
