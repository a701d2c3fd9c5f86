"""Filters against a slow twin, and stock from an inventory table."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import FieldsInvalid
from serving.filters import EVERYTHING, allow
from serving.schemas_recommend import FilterIn
from serving.shelf import Shelf

DEPARTMENTS = ["GROCERY", "Meat", "produce"]
CATEGORIES = ["MILK", "BEEF", "FRUIT", "BREAD"]
BRANDS = ["National", "Private"]

rows = st.lists(
    st.tuples(
        st.sampled_from(DEPARTMENTS),
        st.sampled_from(CATEGORIES),
        st.sampled_from(BRANDS),
        st.floats(0, 20) | st.just(float("nan")),
    ),
    min_size=1,
    max_size=30,
)
some = st.lists(st.sampled_from([*DEPARTMENTS, *CATEGORIES, *BRANDS, "meat", "milk", "nothing"]), max_size=3)
wanted_filters = st.fixed_dictionaries(
    {},
    optional={
        "departments": some,
        "categories": some,
        "exclude_categories": some,
        "brands": some,
        "exclude_product_ids": st.lists(st.integers(0, 40).map(str), max_size=4),
        "max_price": st.integers(0, 20).map(lambda amount: {"amount": str(amount), "currency": "USD"}),
    },
)


def shelf_of(products: list[tuple[str, str, str, float]]) -> Shelf:
    departments, categories, brands, prices = zip(*products, strict=True)
    columns = {
        "department": departments,
        "category": categories,
        "brand": brands,
        "price_usd": prices,
        "product_type": [""] * len(products),
    }
    return Shelf.of([str(i) for i in range(len(products))], columns)


def slow_allowed(product: tuple[str, str, str, float], product_id: str, wanted: FilterIn) -> bool:
    """Judge one product at a time, as the contract reads."""
    department, category, brand, price = (v.lower() if isinstance(v, str) else v for v in product)
    tests = [
        not wanted.departments or department in [d.lower() for d in wanted.departments],
        not wanted.categories or category in [c.lower() for c in wanted.categories],
        category not in [c.lower() for c in wanted.exclude_categories],
        not wanted.brands or brand in [b.lower() for b in wanted.brands],
        product_id not in wanted.exclude_product_ids,
        wanted.max_price is None or float(price) <= float(wanted.max_price.amount),
    ]
    return all(tests)


@given(products=rows, asked=wanted_filters)
def test_the_mask_equals_the_slow_twin(products: list[tuple[str, str, str, float]], asked: dict[str, Any]) -> None:
    wanted = FilterIn.model_validate(asked)
    allowed = allow(wanted, shelf_of(products), None)
    expected = [slow_allowed(product, str(i), wanted) for i, product in enumerate(products)]
    found = [True] * len(products) if allowed.mask is None else allowed.mask.tolist()
    assert found == expected
    assert set(allowed.missing_ids) == {i for i in wanted.exclude_product_ids if int(i) >= len(products)}


def test_an_empty_filter_costs_nothing() -> None:
    assert allow(FilterIn(), shelf_of([("a", "b", "c", 1.0)]), None) is EVERYTHING


def test_each_filter_is_counted_by_itself() -> None:
    products = [("A", "X", "p", 1.0), ("A", "Y", "q", 9.0), ("B", "Y", "q", float("nan"))]
    wanted = FilterIn.model_validate(
        {"departments": ["a"], "max_price": {"amount": "5", "currency": "USD"}, "exclude_product_ids": ["0", "0"]}
    )
    assert allow(wanted, shelf_of(products), None).filtered_out == {
        "departments": 1,
        "max_price": 2,
        "exclude_product_ids": 1,
    }


def test_stock_that_nobody_knows_is_refused() -> None:
    with pytest.raises(FieldsInvalid) as refused:
        allow(FilterIn(in_stock_only=True), shelf_of([("a", "b", "c", 1.0)]), None)
    assert [e.code for e in refused.value.errors] == ["NO_INVENTORY"]


def test_known_stock_is_honoured() -> None:
    shelf = shelf_of([("a", "b", "c", 1.0)] * 3)
    allowed = allow(FilterIn(in_stock_only=True), shelf, np.array([True, False, True]))
    assert allowed.mask is not None
    assert allowed.mask.tolist() == [True, False, True]
    assert allowed.filtered_out == {"in_stock_only": 1}


def write_inventory(lake: Path, counts: list[tuple[str, str, int, float]]) -> None:
    lake.mkdir(exist_ok=True)
    products, stores, days, on_hand = zip(*counts, strict=True)
    times = [datetime(2025, 3, day, tzinfo=UTC) for day in days]
    columns = {
        "product_id": products,
        "store_id": stores,
        "event_timestamp": pa.array(times, pa.timestamp("us", "UTC")),
        "on_hand": pa.array(on_hand, pa.float64()),
    }
    pq.write_table(pa.table(columns), lake / "inventory.parquet")


def test_only_the_last_count_of_a_store_decides(shop: Any) -> None:
    write_inventory(shop.lake, [("10", "s1", 2, 0), ("10", "s1", 1, 5), ("11", "s1", 1, 3), ("12", "s2", 1, 4)])
    asked = {"filter": {"in_stock_only": True}}
    anywhere = shop.recommend(**asked)
    assert [item["product_id"] for item in anywhere["items"]] == ["11", "12"]
    at_one = shop.recommend(**asked, context={"store_id": "s1"})
    assert [item["product_id"] for item in at_one["items"]] == ["11"]
    assert at_one["filtered_out"]["in_stock_only"] == 7


def test_a_new_inventory_is_noticed(shop: Any) -> None:
    write_inventory(shop.lake, [("10", "s1", 1, 1)])
    assert len(shop.recommend(filter={"in_stock_only": True})["items"]) == 1
    write_inventory(shop.lake, [("10", "s1", 1, 1), ("11", "s1", 1, 1)])
    assert len(shop.recommend(filter={"in_stock_only": True})["items"]) == 2


def test_a_store_without_counts_is_refused(shop: Any) -> None:
    write_inventory(shop.lake, [("10", "s1", 1, 1)])
    answer = shop.call(
        "POST", "/v1/recommendations", json={"filter": {"in_stock_only": True}, "context": {"store_id": "s9"}}
    )
    assert answer.json()["errors"][0]["code"] == "NO_INVENTORY"
