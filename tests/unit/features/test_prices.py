"""The traps of weekly prices, each on a table small enough to check by eye; times are of New York."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.coercion import ARROW_TYPES
from features.contracts import CONTRACTS
from features.pipelines.prices import price_views

ZONE = "America/New_York"
W1, W2, W3, W4 = (date(2017, 1, day) for day in (2, 9, 16, 23))
PRODUCTS: list[dict[str, Any]] = [
    {"product_id": "p1", "category": "MILK", "unit_cost": 1.5, "list_price": 3.0},
    {"product_id": "filler", "category": "BREAD"},
    {"product_id": "apples", "category": "FRUIT", "sold_by_weight": True},
    {"product_id": "fuel", "category": "GASOLINE", "is_merchandise": False},
]
Row = dict[str, Any]


def local(text: str) -> datetime:
    """A moment by the clock of New York."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def line(when: str, product: str = "p1", quantity: float = 1, shelf: float = 2.0, off: float = 0.0, **more: Any) -> Row:
    """A line of one customer, sold at `shelf` in all less `off`."""
    return {
        "customer_id": "c1",
        "product_id": product,
        "store_id": "s1",
        "basket_id": when,
        "event_timestamp": local(when),
        "quantity": quantity,
        "paid_amount": shelf - off,
        "shelf_amount": shelf,
        "loyalty_discount": off,
        "coupon_discount": 0.0,
        **more,
    }


FILLER = [
    line(f"2017-01-{day:02} 12:00", "filler", 1, 1.0, store_id=store)
    for day in (2, 8, 9, 15, 16, 22, 23, 29)
    for store in ("s1", "s2")
]


def tables(lines: Sequence[Row], **others: Sequence[Row]) -> dict[str, pa.Table]:
    """Lake tables of these rows, beside four weeks of a filler that trades on every Monday and Sunday."""
    rows: dict[str, Sequence[Row]] = {"transactions": [*FILLER, *lines], "products": PRODUCTS, **others}
    return {name: _table(name, content) for name, content in rows.items()}


def views(lake: dict[str, pa.Table], zone: str = ZONE) -> dict[str, pd.DataFrame]:
    """Each price view, sorted by its keys."""
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'Asia/Tokyo'")  # the session's own zone must not matter
    for name, rows in lake.items():
        connection.con.register(name, rows)
    made = price_views({name: connection.table(name) for name in lake}, zone)
    keys = ["product_id", "store_id", "event_timestamp"]
    frames = {
        name: rows.order_by([key for key in keys if key in rows.columns]).to_pyarrow() for name, rows in made.items()
    }
    connection.disconnect()
    return {name: _with_dates(rows.to_pandas()) for name, rows in frames.items()}


def _with_dates(rows: pd.DataFrame) -> pd.DataFrame:
    weeks = [name for name in rows.columns if name.endswith("week_start")]
    return rows.assign(**{name: rows[name].dt.date for name in weeks})


def weeks_of(lake: dict[str, pa.Table], product: str = "p1") -> pd.DataFrame:
    """The chain's weeks of one product, by Monday."""
    rows = views(lake)["price_week"]
    return rows[rows["product_id"] == product].set_index("week_start")


def _table(name: str, rows: Sequence[Row]) -> pa.Table:
    defaults: Row = {"sold_by_weight": False, "is_merchandise": True} if name == "products" else {}
    kinds = CONTRACTS[name].kinds
    columns = {column: [{**defaults, **row}.get(column) for row in rows] for column in kinds}
    return pa.table({column: pa.array(values, ARROW_TYPES[kinds[column]]) for column, values in columns.items()})


def test_weeks_are_cut_by_the_clock_of_the_stores() -> None:
    late_on_sunday = line("2017-01-08 23:30")  # Monday in UTC
    early_on_monday = line("2017-01-09 00:30", quantity=3, shelf=6.0)  # Sunday in California
    sold = weeks_of(tables([late_on_sunday, early_on_monday]))
    assert sold["units"].tolist() == [1.0, 3.0, 0.0, 0.0]


def test_a_week_ends_at_local_midnight_whatever_the_season() -> None:
    days = ("2017-03-06", "2017-03-12", "2017-03-13", "2017-03-19")  # clocks went forward on the 12th
    rows = views({**tables([]), "transactions": _table("transactions", [line(f"{day} 12:00") for day in days])})
    assert rows["price_week"]["event_timestamp"].tolist() == [
        pd.Timestamp("2017-03-13T04:00Z"),
        pd.Timestamp("2017-03-20T04:00Z"),
    ]


def test_partial_weeks_at_both_ends_are_left_out() -> None:
    sold = weeks_of(tables([line("2017-01-01 12:00"), line("2017-01-10 12:00"), line("2017-01-31 12:00")]))
    assert sold.index.tolist() == [W2, W3, W4]
    assert sold["units"].tolist() == [1, 0, 0]


def test_a_last_week_that_began_late_is_partial_and_a_shop_closed_on_sundays_is_not() -> None:
    closed_on_the_monday = [line("2017-01-31 12:00"), line("2017-02-05 12:00")]
    assert weeks_of(tables([line("2017-01-10 12:00"), *closed_on_the_monday])).index.max() == W4
    six_days = [line(f"2017-01-{day:02} 12:00") for day in (2, 7, 9, 14, 16, 21)]
    rows = views({**tables([]), "transactions": _table("transactions", six_days)})["price_week"]
    assert rows["week_start"].tolist() == [W1, W2, W3]


def test_shelf_and_paid_price_are_medians_per_unit_over_lines() -> None:
    lines = [
        line("2017-01-03 10:00", quantity=2, shelf=6.0, off=1.0),  # 3.00 each, 2.50 paid
        line("2017-01-03 11:00", quantity=1, shelf=3.0, off=1.2),  # 3.00, 1.80 paid
        line("2017-01-04 11:00", quantity=10, shelf=20.0),  # 2.00, 2.00 paid
    ]
    row = weeks_of(tables(lines)).loc[W1]
    assert (row["units"], row["shelf_price"], row["paid_price"]) == (13.0, 3.0, 2.0)
    assert row["discount_depth"] == pytest.approx(1 / 3)
    assert not row["imputed"]


def test_a_coupon_is_the_manufacturers_money() -> None:
    plain = line("2017-01-03 10:00", shelf=3.0, off=0.5)
    with_coupon = {**plain, "coupon_discount": 9.99, "paid_amount": 0.01}
    assert weeks_of(tables([plain])).equals(weeks_of(tables([with_coupon])))


@pytest.mark.parametrize("nonsense", [{"shelf_amount": 0.0}, {"quantity": 1e-320}, {"loyalty_discount": 50.0}])
def test_a_line_without_a_sensible_price_counts_as_units_alone(nonsense: Row) -> None:
    odd = {**line("2017-01-04 10:00", shelf=9.0), **nonsense}
    row = weeks_of(tables([line("2017-01-03 10:00", quantity=2, shelf=4.0), odd])).loc[W1]
    assert (row["shelf_price"], row["paid_price"]) == (2.0, 2.0)
    assert row["units"] == pytest.approx(2 + odd["quantity"])


def test_an_unseen_price_is_the_last_shelf_price_without_its_discount() -> None:
    sold = weeks_of(tables([line("2017-01-09 10:00", shelf=3.0, off=1.0), line("2017-01-24 10:00", shelf=4.0)]))
    assert sold.index.tolist() == [W2, W3, W4]  # nothing before the first sale
    assert sold["units"].tolist() == [1, 0, 1]
    assert sold["shelf_price"].tolist() == [3.0, 3.0, 4.0]
    assert sold["paid_price"].tolist() == [2.0, 3.0, 4.0]
    assert sold["discount_depth"].round(3).tolist() == [0.333, 0.0, 0.0]
    assert sold["imputed"].tolist() == [False, True, False]


def test_units_without_any_price_carry_the_last_price_too() -> None:
    unpriced = {**line("2017-01-17 10:00", quantity=5), "shelf_amount": 0.0}
    sold = weeks_of(tables([line("2017-01-09 10:00", shelf=3.0, off=1.0), unpriced]))
    assert sold["units"].tolist() == [1, 5, 0]
    assert sold["imputed"].tolist() == [False, True, True]
    assert sold["paid_price"].tolist() == [2.0, 3.0, 3.0]


def test_promotion_shares_count_the_stores_with_known_promotions_alone() -> None:
    def promotion(product: str, store: str, week: date, display: str | None, mailer: str | None) -> Row:
        return {"product_id": product, "store_id": store, "week_start": week, "display": display, "mailer": mailer}

    promotions = [
        promotion("p1", "s1", W1, "3", "0"),
        promotion("p1", "s2", W1, "0", "A"),
        promotion("filler", "s3", W2, "1", None),  # a third store reports from the second week on
        promotion("p1", "s1", W3, "", "D"),
    ]
    sold = weeks_of(tables([line("2017-01-03 10:00"), line("2017-01-03 10:00", store_id="s9")], promotions=promotions))
    assert sold["display"].tolist() == [0.5, 0, 0, 0]  # s9 reports no promotions and is not counted
    assert sold["mailer"].round(3).tolist() == [0.5, 0, 0.333, 0]
    assert sold["imputed"].tolist() == [False, True, True, True]


def test_no_promotion_row_is_not_no_discount() -> None:
    row = weeks_of(tables([line("2017-01-03 10:00", shelf=4.0, off=1.0)], promotions=[])).loc[W1]
    assert (row["display"], row["mailer"], row["discount_depth"]) == (0, 0, 0.25)


def test_what_is_not_merchandise_stays_out_and_weighed_goods_are_marked() -> None:
    made = views(tables([line("2017-01-03 10:00", "fuel", 9000, 30.0), line("2017-01-03 10:00", "apples")]))
    assert set(made["price_week"]["product_id"]) == {"filler", "apples"}
    assert made["price_product"]["product_id"].tolist() == ["apples", "filler", "p1"]
    assert made["price_product"]["sold_by_weight"].tolist() == [True, False, False]


def test_the_calendar_names_month_and_week() -> None:
    sold = weeks_of(tables([line("2017-01-03 10:00")]))
    assert sold["month"].tolist() == [1, 1, 1, 1]
    assert sold["week_of_year"].tolist() == [1, 2, 3, 4]


def test_stock_outs_need_a_last_count_of_nought_and_no_sale() -> None:
    def count(store: str, when: str, on_hand: float) -> Row:
        return {"product_id": "p1", "store_id": store, "event_timestamp": local(when), "on_hand": on_hand}

    lines = [line("2017-01-03 10:00"), line("2017-01-03 11:00", store_id="s2", shelf=5.0), line("2017-01-24 09:00")]
    counts = [
        count("s1", "2017-01-10 08:00", 4),
        count("s1", "2017-01-15 23:00", 0),  # the week's last count, Monday in UTC
        count("s2", "2017-01-10 08:00", 2),  # the chain still has some
        count("s1", "2017-01-17 08:00", 0),
        count("s2", "2017-01-18 08:00", 0),
        count("s1", "2017-01-24 20:00", 0),  # sold out, but sold
        count("s7", "2017-01-24 20:00", 0),  # never sold there: no news
    ]
    made = views(tables(lines, inventory=counts))
    chain = made["price_week"].query("product_id == 'p1'")
    assert chain["stocked_out"].tolist() == [False, False, True, False]
    store = made["price_store_week"].query("product_id == 'p1'")
    found = store[["store_id", "store_week_start", "store_units", "store_stocked_out", "store_shelf_price"]]
    assert found.to_numpy().tolist() == [
        ["s1", W1, 1.0, False, 2.0],
        ["s1", W2, 0.0, True, 2.0],
        ["s1", W3, 0.0, True, 2.0],
        ["s1", W4, 1.0, False, 2.0],
        ["s2", W1, 1.0, False, 5.0],
        ["s2", W3, 0.0, True, 5.0],
    ]
    assert store["store_imputed"].tolist() == [False, True, True, False, False, True]


def test_store_weeks_hold_sales_and_the_store_s_own_promotions() -> None:
    promotions = [{"product_id": "p1", "store_id": "s1", "week_start": W1, "display": "counter", "mailer": None}]
    lines = [line("2017-01-03 10:00"), line("2017-01-04 10:00"), line("2017-01-03 10:00", store_id="s2", shelf=5.0)]
    store = views(tables(lines, promotions=promotions))["price_store_week"].query("product_id == 'p1'")
    assert store["store_units"].tolist() == [2.0, 1.0]
    assert store["store_shelf_price"].tolist() == [2.0, 5.0]
    assert store["store_display"].tolist() == [True, False]
    assert store["store_mailer"].tolist() == [False, False]


def test_without_a_single_whole_week_the_views_are_empty() -> None:
    lake = {**tables([]), "transactions": _table("transactions", [line("2017-01-03 10:00")])}
    assert all(rows.empty for name, rows in views(lake).items() if name != "price_product")


@pytest.fixture(scope="module")
def busy() -> dict[str, pa.Table]:
    """Three hundred random lines of several customers, products and stores, with promotions and counts."""
    random = np.random.default_rng(5)
    lines = [
        line(
            f"2017-01-{random.integers(2, 30):02} {random.integers(24):02}:{random.integers(60):02}",
            str(random.choice(["p1", "filler", "apples"])),
            quantity=float(random.integers(1, 5)),
            shelf=float(random.integers(100, 900)) / 100,
            off=float(random.integers(0, 90)) / 100,
            store_id=str(random.choice(["s1", "s2", "s3"])),
            customer_id=f"c{random.integers(20)}",
        )
        for _ in range(300)
    ]
    promotions = [
        {"product_id": "p1", "store_id": store, "week_start": W2, "display": "1", "mailer": "0"}
        for store in ("s1", "s3")
    ]
    counts = [{"product_id": "p1", "store_id": "s1", "event_timestamp": local("2017-01-11 09:00"), "on_hand": 0.0}]
    return tables(lines, promotions=promotions, inventory=counts)


@pytest.fixture(scope="module")
def busy_views(busy: dict[str, pa.Table]) -> dict[str, pd.DataFrame]:
    """What the pipelines make of them."""
    return views(busy)


def test_chain_weeks_equal_a_slow_twin(busy: dict[str, pa.Table], busy_views: dict[str, pd.DataFrame]) -> None:
    sales = busy["transactions"].to_pandas()
    clock = sales["event_timestamp"].dt.tz_convert(ZONE).dt.tz_localize(None)
    sales["week"] = (clock.dt.normalize() - pd.to_timedelta(clock.dt.dayofweek, unit="D")).dt.date
    sales["shelf"] = sales["shelf_amount"] / sales["quantity"]
    sales["paid"] = (sales["shelf_amount"] - sales["loyalty_discount"]) / sales["quantity"]
    slow = sales.groupby(["product_id", "week"]).agg({"quantity": "sum", "shelf": "median", "paid": "median"})
    rows = busy_views["price_week"].query("~imputed").set_index(["product_id", "week_start"])
    assert np.allclose(rows[["units", "shelf_price", "paid_price"]], slow, rtol=0, atol=1e-12)
    assert rows.index.tolist() == slow.index.tolist()


@given(order=st.permutations(range(20)))
@settings(max_examples=3, deadline=None)
def test_who_bought_changes_no_bit(
    busy: dict[str, pa.Table], busy_views: dict[str, pd.DataFrame], order: list[int]
) -> None:
    """Customers swapped, made one, or removed as a column; baskets too."""
    sales = busy["transactions"]
    swapped = pa.array([f"c{order[int(name[1:])]}" for name in sales["customer_id"].to_pylist()])
    place = sales.schema.get_field_index("customer_id")
    changed = sales.set_column(place, "customer_id", swapped)
    removed = sales.drop_columns(["customer_id", "basket_id"])
    for lake in ({**busy, "transactions": changed}, {**busy, "transactions": removed}):
        for name, rows in views(lake).items():
            pd.testing.assert_frame_equal(rows, busy_views[name], check_exact=True)
