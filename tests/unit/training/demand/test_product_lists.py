"""Lists of products as people hand them over."""

from pathlib import Path

import pandas as pd
import pytest

from training.demand.errors import ListedUnknown, ProductListUnreadable
from training.demand.product_lists import read_products


def write(folder: Path, text: str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_products_and_pairs_come_apart(tmp_path: Path) -> None:
    found = read_products(write(tmp_path, "store_id,product_id,note\n,0042,x\n7,0042,y\n,9,z\n7,0042,again\n"))
    assert found.product_ids.tolist() == ["0042", "9"]
    assert found.pairs.to_dict("records") == [{"product_id": "0042", "store_id": "7"}]
    assert found.all_product_ids.tolist() == ["0042", "9"]


def test_a_byte_order_mark_and_spaces_do_no_harm(tmp_path: Path) -> None:
    found = read_products(write(tmp_path, "\ufeffproduct_id\n 12 \n12\n"))
    assert found.product_ids.tolist() == ["12"]
    assert found.pairs.empty


@pytest.mark.parametrize(
    "rows",
    [
        {"product_id": ["8", "12"], "store_id": [None, "3"]},
        {"product_id": [8, 12], "store_id": [None, 3]},  # pandas stores the gap as a float
    ],
)
def test_parquet_reads_the_same(tmp_path: Path, rows: dict[str, list[object]]) -> None:
    path = tmp_path / "list.parquet"
    pd.DataFrame(rows).to_parquet(path)
    found = read_products(path)
    assert found.product_ids.tolist() == ["8"]
    assert found.pairs.to_dict("records") == [{"product_id": "12", "store_id": "3"}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sku,store_id\n1,2\n", "no column product_id but 'sku', 'store_id'"),
        ("product_id,store_id\n", "holds no rows"),
        ("product_id,store_id\n1,2\n,3\n", "row 2 of the list has no product_id"),
        ("", "neither CSV nor Parquet"),
        ("product_id\n1\n2,3,4\n", "neither CSV nor Parquet"),
    ],
)
def test_a_broken_list_is_refused_with_its_fault(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ProductListUnreadable, match=told):
        read_products(write(tmp_path, text))


def test_what_is_not_there_or_not_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProductListUnreadable, match="no such file"):
        read_products(tmp_path / "absent.csv")
    with pytest.raises(ProductListUnreadable, match="neither CSV nor Parquet"):
        read_products(write(tmp_path, "product_id\n1\n", "list.parquet"))
    with pytest.raises(ProductListUnreadable, match="cannot be used"):
        read_products(tmp_path)


def test_ids_the_lake_does_not_know_are_counted_and_some_named(tmp_path: Path) -> None:
    listed = read_products(write(tmp_path, "product_id,store_id\n1,\n2,a\n" + "".join(f"x{i},\n" for i in range(8))))
    with pytest.raises(ListedUnknown, match=r"8 of the 10 products .*x0, x1, x2, x3, x4\."):
        listed.require_known(["1", "2", "3"])
    with pytest.raises(ListedUnknown, match=r"1 of the 1 stores .*a\."):
        listed.require_known([*map(str, range(9)), *(f"x{i}" for i in range(8))], ["b"])


def test_a_product_that_never_sold_is_known_all_the_same(tmp_path: Path) -> None:
    read_products(write(tmp_path, "product_id\nnever-sold\n")).require_known({"never-sold"}, {"a"})
