"""No customer's data enters a price: walked from each feature of the price service down to the lake's columns."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pytest
from ibis import _

from configs.loading import load_settings
from features import columns as c
from features.contracts import CONTRACTS, describes_a_person
from features.errors import LineageUnknown
from features.lineage import lake_tables, personal_columns, personal_data_used, service_lineage, table_lineage
from features.pipelines.prices import price_views
from features.pipelines.products import product_profiles
from features.pipelines.purchases import basket_purchases
from features.price_views import build_price_views
from features.services import PRICE_V1, build_services
from features.views import build_views

NOWHERE = Path("/nowhere")
LAKE = lake_tables()
SALES = LAKE[c.TRANSACTIONS]
PRICES = price_views(LAKE, "America/New_York")["price_week"]

LINEAGE = service_lineage(PRICE_V1)
FEATURES = [(view, feature) for view, features in LINEAGE.items() for feature in features]


@pytest.mark.parametrize(("view", "feature"), FEATURES)
def test_no_feature_of_the_price_service_comes_from_a_person(view: str, feature: str) -> None:
    assert not personal_columns({view: {feature: LINEAGE[view][feature]}})


def test_every_feature_that_feast_serves_is_traced_and_named() -> None:
    service = build_services(build_views(NOWHERE), build_price_views(NOWHERE)).price_v1
    for part in service.feature_view_projections:
        traced = LINEAGE[part.name]
        assert {field.name for field in part.features} <= set(traced)
        assert all(traced.values()), "a feature that comes from nothing was not traced"


def test_no_entity_of_the_price_service_is_a_person() -> None:
    views = vars(build_price_views(NOWHERE)).values()
    assert {entity for view in views for entity in view.entities} == {"product", "store"}


def test_what_serving_answers_follows_from_the_lineage() -> None:
    assert personal_data_used(PRICE_V1) == ()


def test_prices_come_from_the_columns_that_one_expects() -> None:
    read = {column for columns in LINEAGE["price_week"].values() for column in columns}
    for column in (c.QUANTITY, c.SHELF_AMOUNT, c.LOYALTY_DISCOUNT, c.EVENT_TIMESTAMP, c.PRODUCT_ID):
        assert (c.TRANSACTIONS, column) in read
    assert (c.PRODUCTS, c.IS_MERCHANDISE) in read
    assert (c.PROMOTIONS, c.DISPLAY) in read
    assert (c.INVENTORY, c.ON_HAND) in read
    assert (c.TRANSACTIONS, c.COUPON_DISCOUNT) not in read  # a manufacturer's money
    assert (c.TRANSACTIONS, c.PAID_AMOUNT) not in read


def _window() -> ir.Table:
    return SALES.select(c.PRODUCT_ID, nth=ibis.row_number().over(group_by=SALES[c.CUSTOMER_ID]))


PLANTED: dict[str, tuple[Callable[[], ir.Table], str]] = {
    "a value": (lambda: SALES.group_by(c.PRODUCT_ID).agg(n=_.customer_id.nunique()), "transactions.customer_id"),
    "a value many steps away": (
        lambda: (
            SALES.mutate(who=_.customer_id.length())
            .group_by(c.PRODUCT_ID)
            .agg(x=_.who.sum())
            .mutate(y=_.x * 2)
            .filter(_.y > 3)
            .select(c.PRODUCT_ID, z=_.y + 1)
        ),
        "transactions.customer_id",
    ),
    "a filter": (lambda: SALES.filter(_.customer_id != "c1").select(c.PRODUCT_ID), "transactions.customer_id"),
    "a group": (
        lambda: SALES.group_by([c.PRODUCT_ID, c.BASKET_ID]).agg(n=_.quantity.sum()).select("n"),
        "transactions.basket_id",
    ),
    "a window": (_window, "transactions.customer_id"),
    "an order with a limit": (
        lambda: SALES.order_by(c.CUSTOMER_ID).limit(5).select(c.PRODUCT_ID),
        "transactions.customer_id",
    ),
    "distinct rows": (
        lambda: SALES.select(c.CUSTOMER_ID, c.PRODUCT_ID).distinct().select(c.PRODUCT_ID),
        "transactions.customer_id",
    ),
    "a union": (
        lambda: ibis.union(SALES.select(x=_.product_id), SALES.select(x=_.customer_id)),
        "transactions.customer_id",
    ),
    "the key of a semi-join": (
        lambda: SALES.semi_join(LAKE[c.CONSENTS], c.CUSTOMER_ID).select(c.PRODUCT_ID),
        "consents.customer_id",
    ),
    "the key of a left join to prices": (
        lambda: (
            PRICES.left_join(SALES.select(c.PRODUCT_ID, who=_.customer_id), c.PRODUCT_ID)
            .filter(_.who.notnull())
            .select("units")
        ),
        "transactions.customer_id",
    ),
    "membership in a list of people": (
        lambda: SALES.filter(SALES[c.CUSTOMER_ID].isin(LAKE[c.CAMPAIGNS][c.CUSTOMER_ID])).select(c.PRODUCT_ID),
        "campaigns.customer_id",
    ),
    "a number of people": (
        lambda: SALES.select(c.PRODUCT_ID, n=LAKE[c.REDEMPTIONS].count().as_scalar()),
        "redemptions.*",
    ),
    "sealed attributes": (
        lambda: LAKE[c.DEMOGRAPHICS].mutate(product_id=_.customer_id).select(c.PRODUCT_ID),
        "demographics.customer_id",
    ),
    "a column no contract knows": (
        lambda: ibis.table({"product_id": "string", "income": "string"}, name="products").select(x=_.income),
        "products.income",
    ),
    "a table no contract knows": (lambda: ibis.table({"x": "string"}, name="surveys").select("x"), "surveys.x"),
}


@pytest.mark.parametrize("how", PLANTED)
def test_it_bites(how: str) -> None:
    plant, column = PLANTED[how]
    assert column in personal_columns({"planted": table_lineage(plant())})


def test_a_view_of_the_recommender_is_caught() -> None:
    lines = SALES.semi_join(LAKE[c.PRODUCTS], c.PRODUCT_ID)
    settings = load_settings("test").features
    moment = datetime(2017, 3, 1, tzinfo=UTC)
    profiles = product_profiles(LAKE[c.PRODUCTS], basket_purchases(lines), lines, moment, settings)
    assert personal_columns({"product_profile": table_lineage(profiles)}) == (
        "transactions.basket_id",
        "transactions.customer_id",
    )


def test_a_service_without_known_lineage_is_no_clean_service() -> None:
    with pytest.raises(LineageUnknown, match="price_v9"):
        personal_data_used("price_v9")


def test_the_services_of_the_recommender_are_traced_too_and_do_read_people() -> None:
    assert "transactions.customer_id" in personal_data_used("customer_v1")
    read = {column for service in (PRICE_V1, "customer_v1", "product_v1") for column in traced(service)}
    assert not {table for table, _ in read} & {c.DEMOGRAPHICS, c.CAMPAIGNS, c.REDEMPTIONS, c.CONSENTS}


def traced(service: str) -> set[tuple[str, str]]:
    return {column for features in service_lineage(service).values() for found in features.values() for column in found}


def test_columns_about_people_are_declared_in_the_contracts() -> None:
    found = {name: sorted(contract.personal) for name, contract in CONTRACTS.items() if contract.personal}
    assert found[c.TRANSACTIONS] == [c.BASKET_ID, c.CUSTOMER_ID]
    assert set(found) == {c.TRANSACTIONS, c.CONSENTS, c.CAMPAIGNS, c.REDEMPTIONS, c.DEMOGRAPHICS}
    for table, contract in CONTRACTS.items():
        assert all(column in contract.kinds for column in contract.personal)
        if c.CUSTOMER_ID in contract.kinds:
            assert describes_a_person(table, c.CUSTOMER_ID)
