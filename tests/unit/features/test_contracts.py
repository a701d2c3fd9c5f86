"""The contracts say what the documentation of the tables says."""

import pandas as pd
import pytest

from features.contracts import CONTRACTS, Kind, Repeats

REQUIRED = {
    "transactions": "customer_id product_id store_id basket_id event_timestamp quantity paid_amount",
    "products": "product_id",
    "promotions": "product_id store_id week_start",
    "consents": "customer_id purpose granted event_timestamp",
    "demographics": "customer_id",
    "inventory": "product_id store_id event_timestamp on_hand",
    "campaigns": "campaign_id customer_id event_timestamp",
    "redemptions": "campaign_id customer_id event_timestamp",
}
OPTIONAL = {
    "transactions": "shelf_amount loyalty_discount coupon_discount channel",
    "products": "department category product_type brand manufacturer_id package_size unit_cost list_price "
    "sold_by_weight is_merchandise",
    "promotions": "display mailer",
    "consents": "version source",
    "campaigns": "kind",
}


@pytest.mark.parametrize("table", CONTRACTS)
def test_columns_and_which_are_required(table: str) -> None:
    contract = CONTRACTS[table]
    assert contract.required == tuple(REQUIRED[table].split())
    assert set(contract.kinds) == {*REQUIRED[table].split(), *OPTIONAL.get(table, "").split()}
    assert set(contract.schema.columns) == set(contract.kinds)
    for name, column in contract.schema.columns.items():
        assert column.required == (name in contract.required)
    assert bool(contract.key) == (contract.repeats is not Repeats.KEEP)


@pytest.mark.parametrize(
    ("table", "column", "good", "bad"),
    [
        ("transactions", "customer_id", ["a", "a" * 128], ["", "a" * 129]),
        ("transactions", "quantity", [0.001, 3.0, 1e9], [0.0, -1.0, 1.1e9, float("inf")]),
        ("transactions", "paid_amount", [0.01], [0.0, -0.01]),
        ("transactions", "coupon_discount", [0.0, 99.0], [-0.01, float("-inf")]),
        ("products", "unit_cost", [0.0, 2.5], [-1.0]),
        ("products", "brand", ["", "x" * 1000], ["x" * 1001]),
        ("inventory", "on_hand", [0.0, 12.0], [-1.0]),
        ("consents", "purpose", ["personalization", "price_personalization"], ["Marketing", "", "all"]),
    ],
)
def test_values_at_the_edges(table: str, column: str, good: list[object], bad: list[object]) -> None:
    (check,) = CONTRACTS[table].schema.columns[column].checks
    assert check(pd.Series(good)).check_output.all()
    assert not check(pd.Series(bad)).check_output.any()


def test_weeks_begin_on_mondays() -> None:
    (check,) = CONTRACTS["promotions"].schema.columns["week_start"].checks
    days = pd.to_datetime(pd.Series(["2025-02-03", "2025-02-04", "2025-02-09"]))
    assert check(days).check_output.tolist() == [True, False, False]


def test_each_table_knows_its_time() -> None:
    assert {table: contract.time_column for table, contract in CONTRACTS.items()} == {
        "transactions": "event_timestamp",
        "products": None,
        "promotions": "week_start",
        "consents": "event_timestamp",
        "demographics": None,
        "inventory": "event_timestamp",
        "campaigns": "event_timestamp",
        "redemptions": "event_timestamp",
    }
    assert all(kind is Kind.ID for kind in (CONTRACTS[t].kinds.get("customer_id", Kind.ID) for t in CONTRACTS))
