"""Price views as dense arrays, hand-worked, and from a lake through Feast."""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from configs.settings import Settings
from features.errors import OnlineStoreUnready, PriceTableMissing
from features.ingest import ingest_files
from features.lake import Lake
from features.preparation import ensure_price_tables
from features.store import Store
from features.tables import PRICE_VIEWS, price_tables
from training.demand.panel_reader import panel_of, read_panel, read_store_panel, store_panel_of

W1, W2, W3 = date(2017, 1, 2), date(2017, 1, 9), date(2017, 1, 16)

WEEKS = pa.table(
    {
        "product_id": ["b", "b", "a", "a", "a"],
        "week_start": [W3, W2, W1, W3, W2],
        "units": [4.0, 2.0, 1.0, 0.0, 0.0],
        "shelf_price": [5.0, 5.0, 2.0, 2.0, 2.0],
        "paid_price": [4.0, 5.0, 1.5, 2.0, 2.0],
        "imputed": [False, False, False, True, True],
        "display": [0.5, 0.0, 0.0, 0.0, 1.0],
        "mailer": [0.0, 0.25, 0.0, 0.0, 0.0],
        "stocked_out": [False, False, False, True, False],
    }
)
PRODUCTS = pa.table(
    {
        "product_id": ["c", "a", "b"],
        **{name: ["z", "x", "y"] for name in ("department", "category", "product_type", "brand", "manufacturer_id")},
        "package_size": ["", "1 L", "2 L"],
        "unit_cost": [None, 1.0, None],
        "list_price": [9.0, None, 6.0],
        "sold_by_weight": [False, True, False],
    }
)
STORE_WEEKS = pa.table(
    {
        "product_id": ["b", "a", "b", "a", "b", "q"],
        "store_id": ["s2", "s1", "s1", "s1", "s2", "s1"],
        "store_week_start": [W2, W1, W3, W2, W3, W1],
        "store_units": [2.0, 1.0, 3.0, 0.0, 1.0, 8.0],
    }
)


def test_rows_fall_into_products_by_weeks() -> None:
    panel = panel_of(WEEKS, PRODUCTS)
    assert panel.product_ids.tolist() == ["a", "b"]
    assert panel.weeks.tolist() == [W1, W2, W3]
    assert panel.units.tolist() == [[1, 0, 0], [0, 2, 4]]
    nan = np.nan
    assert np.array_equal(panel.shelf_price, np.array([[2, 2, 2], [nan, 5, 5]]), equal_nan=True)
    assert np.array_equal(panel.paid_price, np.array([[1.5, 2, 2], [nan, 5, 4]]), equal_nan=True)
    assert panel.imputed.tolist() == [[False, True, True], [True, False, False]]
    assert panel.display.tolist() == [[0, 1, 0], [0, 0, 0.5]]
    assert panel.mailer.tolist() == [[0, 0, 0], [0, 0.25, 0]]
    assert panel.stocked_out.tolist() == [[False, False, True], [False, False, False]]
    assert panel.attributes["package_size"].tolist() == ["1 L", "2 L"]
    assert np.array_equal(panel.attributes["unit_cost"], np.array([1.0, nan]), equal_nan=True)
    assert panel.sold_by_weight.tolist() == [True, False]


def test_products_asked_for_have_a_row_though_they_never_sold_or_are_unknown() -> None:
    panel = panel_of(WEEKS, PRODUCTS, ["nobody", "c", "b"])
    assert panel.product_ids.tolist() == ["b", "c", "nobody"]
    assert panel.units.tolist() == [[0, 2, 4], [0, 0, 0], [0, 0, 0]]
    assert np.isnan(panel.shelf_price[1:]).all()
    assert panel.attributes["category"].tolist() == ["y", "z", ""]
    assert panel.first_sale.tolist() == [1, 3, 3]


def test_pairs_fall_into_the_panel_s_weeks() -> None:
    panel = panel_of(WEEKS, PRODUCTS)
    pairs = store_panel_of(STORE_WEEKS, panel)
    assert list(zip(pairs.product_ids, pairs.store_ids, strict=True)) == [("a", "s1"), ("b", "s1"), ("b", "s2")]
    assert pairs.units.tolist() == [[1, 0, 0], [0, 0, 3], [0, 2, 1]]
    early = store_panel_of(STORE_WEEKS, panel.until(np.datetime64(W3)))
    assert list(zip(early.product_ids, early.store_ids, strict=True)) == [("a", "s1"), ("b", "s2")]
    assert early.units.tolist() == [[1, 0], [0, 2]]


def test_pairs_asked_for_have_a_row_though_they_never_sold() -> None:
    wanted = pd.DataFrame({"product_id": ["b", "a", "q", "b"], "store_id": ["s2", "s9", "s1", "s2"]})
    pairs = store_panel_of(STORE_WEEKS, panel_of(WEEKS, PRODUCTS), wanted)
    assert list(zip(pairs.product_ids, pairs.store_ids, strict=True)) == [("a", "s9"), ("b", "s2"), ("q", "s1")]
    assert pairs.units.tolist() == [[0, 0, 0], [0, 2, 1], [0, 0, 0]]  # q is no product of the panel


def test_nothing_sold_is_an_empty_panel() -> None:
    panel = panel_of(WEEKS.slice(0, 0), PRODUCTS)
    assert panel.units.shape == (0, 0)
    assert store_panel_of(STORE_WEEKS, panel).units.shape == (0, 0)


def test_a_lake_with_required_columns_alone_makes_a_panel(shop: Path, settings: Settings) -> None:
    for path in shop.iterdir():
        if path.name != "transactions.csv":
            path.unlink()
    sales = pd.read_csv(shop / "transactions.csv", dtype=str)
    kept = ["customer_id", "product_id", "store_id", "basket_id", "event_timestamp", "quantity", "paid_amount"]
    sales[kept].to_csv(shop / "transactions.csv", index=False)
    panel = read_panel(ensure_price_tables(settings.storage, _ingest(shop, settings)))
    assert len(panel) == sales["product_id"].nunique()
    seen = ~panel.imputed
    assert np.array_equal(panel.shelf_price[seen], panel.paid_price[seen])
    assert not panel.display.any()
    assert not panel.stocked_out.any()


def test_the_shop_s_panel_adds_up_and_tables_are_built_once_per_lake(shop: Path, settings: Settings) -> None:
    store = ensure_price_tables(settings.storage, _ingest(shop, settings))
    panel = read_panel(store)
    pairs = read_store_panel(store, panel)
    assert panel.units.sum() == pairs.units.sum() > 0
    assert panel.units[panel.product_ids == "bananas"].sum() == 38
    assert panel.display[panel.product_ids == "coffee"].max() == 1

    def made() -> dict[str, list[tuple[str, int]]]:
        tables = settings.storage.feast / "tables"
        return {
            view: [(path.name, path.stat().st_mtime_ns) for path in price_tables(tables, view)] for view in PRICE_VIEWS
        }

    first = made()
    ensure_price_tables(settings.storage, Lake.open(settings.storage.lake))
    assert made() == first
    (shop / "promotions.csv").unlink()
    ensure_price_tables(settings.storage, _ingest(shop, settings))
    assert all(len(files) == 1 and files != first[view] for view, files in made().items())
    assert not read_panel(store).display.any()
    assert not list((settings.storage.feast / "tables").glob("**/.unfinished-*"))


def test_reading_before_building_says_what_to_do(settings: Settings) -> None:
    store = Store(settings.storage.feast)
    with pytest.raises(OnlineStoreUnready):
        store.table("price_week")
    store.apply()
    with pytest.raises(PriceTableMissing, match="fairshelf features build"):
        store.table("price_week")


def _ingest(shop: Path, settings: Settings) -> Lake:
    shutil.rmtree(settings.storage.lake, ignore_errors=True)
    return ingest_files(shop, settings.storage, settings.ingest, settings.privacy, lambda _: None).lake
