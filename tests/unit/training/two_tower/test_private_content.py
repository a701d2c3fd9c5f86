"""Content vectors: public attributes alone, the same every time, alike products close together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.lake import Lake
from training.errors import PublicProductsMissing
from training.two_tower.private_content import (
    LEVELS,
    PUBLIC_FIELDS,
    PublicContent,
    content_groups,
    content_vectors,
    public_catalogue,
    public_products,
)


def make_products(*rows: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame([(f"p{i}", *row) for i, row in enumerate(rows)], columns=["product_id", *PUBLIC_FIELDS])


SHELF = make_products(
    ("GROCERY", "COLD CEREAL", "KIDS CEREAL", "Own", "1", "14 OZ"),
    ("GROCERY", "COLD CEREAL", "KIDS CEREAL", "National", "2", "20 OZ"),
    ("GROCERY", "HOT CEREAL", "OATMEAL", "National", "2", "20 OZ"),
    ("GARDEN", "SOIL", "POTTING SOIL", "National", "3", "5 KG"),
    ("GARDEN", "SOIL", "PEAT", "National", "3", "5 KG"),
    ("", "", "", "", "", ""),
)


def test_alike_products_point_the_same_way() -> None:
    vectors = content_vectors(SHELF, 4)
    cosine = vectors @ vectors.T
    np.testing.assert_allclose(np.linalg.norm(vectors[:5], axis=1), 1, atol=1e-6)
    assert cosine[0, 1] > cosine[0, 2] > cosine[0, 3]  # the same type, a shared word, nothing
    assert cosine[3, 4] > 0.8
    assert not vectors[5].any()  # nothing known, nothing said
    assert vectors.dtype == np.float32


def test_the_same_table_gives_the_same_vectors_to_the_bit() -> None:
    assert content_vectors(SHELF, 4).tobytes() == content_vectors(SHELF.copy(), 4).tobytes()


def test_the_order_of_the_table_changes_nothing_but_the_order() -> None:
    turned = content_vectors(SHELF.iloc[::-1].reset_index(drop=True), 4)[::-1]
    ours = content_vectors(SHELF, 4)
    np.testing.assert_allclose(turned @ turned.T, ours @ ours.T, atol=1e-5)


def test_more_dimensions_than_there_is_content_are_empty() -> None:
    vectors = content_vectors(SHELF, 32)
    assert vectors.shape == (6, 32)
    assert not vectors[:, 5:].any()


def test_what_one_product_has_alone_says_nothing() -> None:
    lonely = make_products(("A", "B", "C", "Own", "1", "1"), ("A", "B", "D", "Own", "9", "2"))
    assert not content_vectors(lonely, 3).any()  # all they share, every product has


def test_the_public_table_is_the_lake_s_merchandise_sold_or_not(town: Any) -> None:
    products = public_products(town.sources.lake)
    assert products["product_id"].tolist() == [f"item{i:03d}" for i in range(120)]
    assert products["manufacturer_id"].iloc[8] == "M1"
    assert (products["package_size"] == "").all()
    assert public_catalogue(products).index_of(["item007"]).tolist() == [7]


def test_who_bought_what_does_not_reach_the_table(town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    lake = town.sources.lake
    original = Lake.read

    def watched(self: Lake, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        read.append(table)
        return original(self, table, columns)

    monkeypatch.setattr(Lake, "read", watched)
    public_products(lake)
    assert read == ["products"]


def test_a_lake_without_products_is_refused(monkeypatch: pytest.MonkeyPatch, town: Any) -> None:
    original = Lake.read
    monkeypatch.setattr(Lake, "read", lambda self, table, columns=None: original(self, table, columns).iloc[:0])
    with pytest.raises(PublicProductsMissing, match="ingest a products table"):
        public_products(town.sources.lake)


def test_groups_are_numbered_as_one_level_after_level() -> None:
    groups = content_groups(SHELF)
    assert groups.shape == (6, len(LEVELS))
    assert groups[:, 0].tolist() == [1, 1, 2, 3, 3, 0]  # "", cold cereal, hot cereal, soil
    assert groups[:, 2].tolist() == [11, 10, 12, 13, 13, 9]  # category and brand, after 4 categories and 5 types
    assert groups[1, 4] == groups[:, 4].min() + 2  # "", cold cereal of 1, cold cereal of 2
    starts = [groups[:, level].min() for level in range(len(LEVELS))]
    assert starts == sorted(starts)
    assert len(np.unique(groups)) == groups.max() + 1  # none is empty


def test_content_is_all_of_it_together() -> None:
    content = PublicContent.of(SHELF, 4)
    assert content.vectors.tobytes() == content_vectors(SHELF, 4).tobytes()
    assert content.groups.tolist() == content_groups(SHELF).tolist()
