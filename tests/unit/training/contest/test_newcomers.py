"""New products: which they are, how lists of them are judged, and how towers see what they never learnt."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import torch

from training.catalogue import Catalogue
from training.contest.errors import TowersHidden
from training.contest.newcomers import FirstDay, find_newcomers, kin_popularity
from training.errors import NobodyToJudge
from training.histories import from_products
from training.splits import Holdout
from training.two_tower.products import CONTENT_FIELDS
from training.two_tower.towers import Shape, TwoTower

CUTOFF = datetime(2025, 1, 8, tzinfo=UTC)
WINDOW = Holdout(CUTOFF, CUTOFF + timedelta(days=7))
PRODUCTS = pd.DataFrame(
    [
        ("a", "food", "dairy", "milk", "x", "m1"),
        ("b", "food", "dairy", "milk", "y", "m2"),
        ("c", "food", "snacks", "chips", "x", "m3"),
        ("n1", "food", "dairy", "milk", "x", "m1"),
        ("n2", "food", "snacks", "nuts", "z", ""),
        ("n3", "garden", "tools", "rake", "z", "m9"),
    ],
    columns=["product_id", *CONTENT_FIELDS],
)


def lines(*bought: tuple[str, str, int]) -> pd.DataFrame:
    rows = [(who, product, CUTOFF + timedelta(days=day)) for who, product, day in bought]
    return pd.DataFrame(rows, columns=["customer_id", "product_id", "event_timestamp"])


SALES = lines(
    ("ann", "a", -3), ("bob", "a", -2), ("bob", "b", -20), ("cyd", "c", -1), ("bob", "c", -1), ("ann", "c", -2),
    ("ann", "n1", 0), ("ann", "n1", 3), ("bob", "n2", 6), ("eve", "n3", 2), ("bob", "a", 2), ("cyd", "n3", 7),
)  # fmt: skip


def test_newcomers_are_what_nobody_bought_before_and_somebody_did_within() -> None:
    new = find_newcomers(SALES, WINDOW, ["ann", "bob", "cyd"], seed=1)
    assert new.catalogue.product_ids.tolist() == ["n1", "n2", "n3"]  # eve's is new too, though she is not judged
    assert new.customer_ids.tolist() == ["ann", "bob"]
    assert new.relevant.toarray().tolist() == [[True, False, False], [False, True, False]]
    with pytest.raises(NobodyToJudge):
        find_newcomers(SALES, WINDOW, ["cyd"], seed=1)


def test_lists_are_judged_by_place_and_equals_by_lot() -> None:
    new = find_newcomers(SALES, WINDOW, ["ann", "bob"], seed=1)
    values = new.judge(np.array([[3.0, 2, 1], [3.0, 2, 1]]))
    assert values["new_products.ndcg@20"].tolist() == pytest.approx([1, 1 / np.log2(3)])
    assert values["new_products.recall@10"].tolist() == [1, 1]
    ties = new.judge(np.zeros((2, 3)))["new_products.ndcg@20"]
    order = new.lots.tolist()
    assert ties.tolist() == pytest.approx([1 / np.log2(order.index(0) + 2), 1 / np.log2(order.index(1) + 2)])


def test_kin_is_worth_its_buyers_per_product() -> None:
    new = Catalogue(np.array(["n1", "n2", "n3"]))

    def scores(level: str, days: int) -> list[float]:
        found = kin_popularity(PRODUCTS, SALES, new, CUTOFF, level=level, days=days)
        return [float(one) for one in found]

    assert scores("product_type", 14) == [2, 0, 0]  # ann and bob bought a; b is too long ago; nuts and rakes never sold
    assert scores("product_type", 30) == [1.5, 0, 0]
    assert scores("category", 14) == [2, 3, 0]
    assert scores("department", 14) == [2.5, 2.5, 0]


class PaperScorer:
    """Three known products whose towers were never trained."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        known = PRODUCTS.iloc[:3]
        self.catalogue = Catalogue(known["product_id"].to_numpy(dtype=str))
        self.products = {field: known[field].to_numpy(dtype=str) for field in CONTENT_FIELDS}
        self.content = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 2, 2], [1, 2, 2, 1, 3]])
        self.model = TwoTower(Shape(3, [2, 3, 3, 3, 4], 6, 4)).eval()
        with torch.no_grad():
            self.history_vectors = self.model.products.history_vectors(torch.from_numpy(self.content))


def test_a_newcomer_is_its_content_with_the_mean_id_of_its_kin() -> None:
    scorer = PaperScorer()
    new = Catalogue(np.array(["n1", "n2", "n3"]))
    tables, ids = scorer.model.products.content, scorer.model.products.id.weight
    with torch.no_grad():
        first = sum(table(torch.tensor(code)) for table, code in zip(tables, (1, 1, 1, 1, 1), strict=True))
        second = sum(table(torch.tensor(code)) for table, code in zip(tables, (1, 2, 0, 0, 0), strict=True))
        third = sum(table(torch.tensor(0)) for table in tables)
        wanted = torch.stack([first + ids[:2].mean(0), second + ids[2], third + ids.mean(0)])
        wanted = wanted - scorer.history_vectors.mean(0)
        wanted = wanted / wanted.norm(dim=1, keepdim=True)
    everyone = from_products(np.array([0]))
    day = FirstDay(scorer, PRODUCTS, new, everyone)  # type: ignore[arg-type]
    buyer = from_products(np.array([2]))
    with torch.no_grad():
        unit = scorer.history_vectors / scorer.history_vectors.norm(dim=1, keepdim=True)
        taste = unit[2] - unit[0]
        expected = wanted @ (taste / taste.norm())
    assert day.score(buyer)[0].tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_private_towers_are_left_out() -> None:
    scorer = PaperScorer()
    scorer.model = torch.nn.Identity()  # type: ignore[assignment]
    with pytest.raises(TowersHidden, match="private"):
        FirstDay(scorer, PRODUCTS, Catalogue(np.array(["n1"])), from_products(np.array([0])))  # type: ignore[arg-type]
