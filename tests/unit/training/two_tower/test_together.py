"""Products that share baskets, against counting by hand."""

from itertools import product as pairs_of
from math import sqrt

import numpy as np
import pandas as pd
import pytest

from training.catalogue import Catalogue
from training.two_tower import together
from training.two_tower.together import N_COMPANIONS, basket_companions, goes_with_all

_LINES = (
    ("ann", "1", "bread"),
    ("ann", "1", "butter"),
    ("ann", "1", "butter"),  # a second line of the same basket
    ("ann", "2", "bread"),
    ("ann", "2", "butter"),
    ("ann", "2", "milk"),
    ("bob", "1", "bread"),  # the till's number again, another basket
    ("bob", "1", "butter"),
    ("bob", "3", "bread"),
    ("bob", "3", "milk"),
    ("bob", "4", "bread"),
    ("bob", "4", "milk"),
    ("bob", "4", "truffles"),  # not in the catalogue
    ("cyd", "5", "milk"),
    ("cyd", "5", "tea"),
    ("cyd", "6", "milk"),
    ("cyd", "6", "tea"),
    ("cyd", "7", "tea"),
    ("cyd", "8", "bread"),
    ("cyd", "8", "butter"),
)
CATALOGUE = Catalogue(np.array(["bread", "butter", "milk", "salt", "tea"]))


@pytest.fixture
def baskets() -> pd.DataFrame:
    return pd.DataFrame(_LINES, columns=["customer_id", "basket_id", "product_id"])


def brute_force(lines: pd.DataFrame, catalogue: Catalogue) -> list[list[tuple[int, float]]]:
    held: dict[tuple[str, str], set[int]] = {}
    for customer, basket, product in lines.itertuples(index=False):
        if product in catalogue.product_ids:
            held.setdefault((customer, basket), set()).add(int(np.flatnonzero(catalogue.product_ids == product)[0]))
    n = len(catalogue)
    shared = [[sum({a, b} <= basket for basket in held.values()) for b in range(n)] for a in range(n)]
    found: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    for a, b in pairs_of(range(n), repeat=2):
        if a != b and shared[a][b] >= 3:
            found[a].append((b, shared[a][b] / sqrt((shared[a][a] + 20) * (shared[b][b] + 20))))
    return [sorted(companions, key=lambda companion: (-companion[1], companion[0])) for companions in found]


def test_the_twenty_lines_by_hand(baskets: pd.DataFrame) -> None:
    found, scores = basket_companions(baskets, CATALOGUE)
    assert found.shape == scores.shape == (5, N_COMPANIONS)
    assert found[0, :3].tolist() == [1, 2, -1]  # bread: with butter 4 times, with milk 3 times
    assert scores[0, 0] == pytest.approx(4 / sqrt(26 * 24))  # bread is in 6 baskets, butter in 4
    assert scores[0, 1] == pytest.approx(3 / sqrt(26 * 25))  # milk is in 5
    assert found[1, :2].tolist() == [0, -1]
    assert found[2, :2].tolist() == [0, -1]  # milk and tea share two baskets only: coincidence
    assert (found[3:] == -1).all()
    assert not scores[3:].any()


def test_it_equals_counting_every_pair(baskets: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    catalogue = Catalogue(np.array([f"p{i:02d}" for i in range(45)]))
    many = pd.DataFrame(
        [
            (f"c{basket % 7}", str(basket // 7), f"p{product:02d}")
            for basket in range(120)
            for product in rng.integers(0, 50, 14)  # five of them are not in the catalogue
        ],
        columns=["customer_id", "basket_id", "product_id"],
    )
    monkeypatch.setattr(together, "_BLOCK", 16)
    for lines, known in ((baskets, CATALOGUE), (many, catalogue)):
        found, scores = basket_companions(lines, known)
        for product, expected in enumerate(brute_force(lines, known)):
            best = expected[:N_COMPANIONS]
            assert found[product].tolist() == [other for other, _ in best] + [-1] * (N_COMPANIONS - len(best))
            np.testing.assert_allclose(scores[product, : len(best)], [score for _, score in best], rtol=1e-5)
    assert max(len(companions) for companions in brute_force(many, catalogue)) > N_COMPANIONS


def test_lines_outside_the_catalogue_alone_give_no_companions(baskets: pd.DataFrame) -> None:
    found, scores = basket_companions(baskets, Catalogue(np.array(["ink", "paper"])))
    assert (found == -1).all()
    assert not scores.any()


def test_a_basket_adds_up_what_goes_with_each_of_its_products() -> None:
    companions = np.array([[2, 3, -1], [3, 2, 4], [0, -1, -1], [1, -1, -1], [-1, -1, -1]])
    scores = np.array([[0.5, 0.1, 0.0], [0.4, 0.3, 0.2], [0.5, 0, 0], [0.4, 0, 0], [0, 0, 0]], dtype=np.float32)
    sums, best = goes_with_all(np.array([0, 1]), companions, scores)
    assert sums.tolist() == pytest.approx([0, 0, 0.8, 0.5, 0.2])
    assert best.tolist() == [-1, -1, 0, 1, 1]
    alone, owner = goes_with_all(np.array([4]), companions, scores)
    assert not alone.any()
    assert set(owner) == {-1}
