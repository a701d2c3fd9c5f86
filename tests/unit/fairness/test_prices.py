"""Prices judged by group: a shop worked by hand, planted harm, silence that is never a pass."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.loading import load_settings
from fairness.decomposition import REST, STEPS
from fairness.groups import Grouping, intersection, known_or_not
from fairness.measures import UNKNOWN, Measure
from fairness.policy import Policy
from fairness.price_definitions import part_name
from fairness.prices import DEFINITIONS, PriceEvidence, lines_of, price_measures, read_sales
from features.lake import Lake

POLICY = Policy(load_settings("test").fairness, "demand")
N_CUSTOMERS, N_PRODUCTS = 240, 150
IDS = [f"c{place:04d}" for place in range(N_CUSTOMERS)]
CODES = np.random.default_rng(3).choice(3, N_CUSTOMERS, p=[0.35, 0.35, 0.3])
LOW = Grouping("income", ("low", "high", UNKNOWN), CODES)
MONDAY = pd.Timestamp("2024-01-01")


def market(n: int = 12_000, n_weeks: int = 30) -> pd.DataFrame:
    """One price per product for everybody, discounts that depend on product and week alone."""
    rng = np.random.default_rng(1)
    product, week = rng.integers(0, N_PRODUCTS, n), rng.integers(0, n_weeks, n)
    shelf = np.round(1 + product / 25, 2)
    discount = np.where((product + week) % 4 == 0, np.round(shelf * 0.2, 2), 0.0)
    return pd.DataFrame(
        {
            "customer_id": np.array(IDS, dtype=object)[rng.integers(0, N_CUSTOMERS, n)],
            "product_id": np.array([f"p{p}" for p in range(N_PRODUCTS)], dtype=object)[product],
            "store_id": np.where(rng.random(n) < 0.5, "s0", "s1"),
            "week": MONDAY + pd.to_timedelta(7 * week, unit="D"),
            "quantity": 1.0,
            "paid_amount": shelf - discount,
            "shelf_amount": shelf,
            "loyalty_discount": discount,
            "coupon_discount": 0.0,
            "department": "GROCERY",
            "category": np.where(product < N_PRODUCTS // 2, "tea", "soup"),
            "sold_by_weight": False,
        }
    )


def suggestions(change: float = 1.02) -> pd.DataFrame:
    current = np.round(1 + np.arange(N_PRODUCTS) / 25, 2)
    return pd.DataFrame(
        {
            "product_id": [f"p{p}" for p in range(N_PRODUCTS)],
            "current_price": current,
            "suggested_price": current * change,
        }
    )


SALES = market()


def measured(sales: pd.DataFrame, where: Grouping = LOW, **changes: Any) -> dict[str, Measure]:
    evidence = PriceEvidence(sales, changes.get("suggestions", suggestions()))
    measures = price_measures(evidence, IDS, [where], POLICY)
    assert [measure.measure for measure in measures] == [definition.measure for definition in DEFINITIONS]
    return {measure.measure: measure for measure in measures}


def values(measure: Measure) -> dict[str, float]:
    return {group.group: group.value for group in measure.groups if group.value is not None}


def is_low(sales: pd.DataFrame) -> "pd.Series[bool]":
    return sales["customer_id"].isin([name for name, code in zip(IDS, CODES, strict=True) if code == 0])


def test_prices_that_know_nobody_pass_all_that_decides() -> None:
    measures = measured(SALES)
    for name in ("shelf_surcharge", "suggested_price_change", "surcharged_products"):
        assert measures[name].verdict == "PASS", measures[name].note
        assert measures[name].family == "primary"
    assert values(measures["shelf_surcharge"]) == pytest.approx(dict.fromkeys(("low", "high", UNKNOWN), 0.0))


def test_discount_depth_and_what_is_paid_are_ratios_of_sums_with_unknown_as_a_group() -> None:
    sales = SALES.assign(coupon_discount=np.where(np.arange(len(SALES)) % 50 == 0, 0.25, 0.0))
    measures = measured(sales)
    code = pd.Series(CODES, index=IDS)[sales["customer_id"]].to_numpy()
    for group, label in enumerate(("low", "high", UNKNOWN)):
        mine = sales[code == group]
        shelf = mine["shelf_amount"].sum()
        assert values(measures["discount_depth"])[label] == pytest.approx(mine["loyalty_discount"].sum() / shelf)
        paid = (mine["paid_amount"] - mine["coupon_discount"]).sum()
        assert values(measures["paid_over_shelf"])[label] == pytest.approx(paid / shelf)
    assert [group.n for group in measures["discount_depth"].groups] == np.bincount(CODES).tolist()


def test_the_parts_of_a_difference_add_up_to_it() -> None:
    sales = SALES[~is_low(SALES) | (SALES["category"] == "tea") | (np.arange(len(SALES)) % 3 == 0)]
    measures = measured(sales)
    everyone = sales["loyalty_discount"].sum() / sales["shelf_amount"].sum()
    for label in ("low", "high", UNKNOWN):
        parts = [values(measures[part_name("discount_depth", part)])[label] for part in (*STEPS, REST)]
        assert sum(parts) == pytest.approx(values(measures["discount_depth"])[label] - everyone)


def test_a_discount_kept_from_one_group_is_left_when_all_else_is_the_same() -> None:
    kept = np.where(is_low(SALES), 0.0, SALES["loyalty_discount"])
    measures = measured(SALES.assign(loyalty_discount=kept, paid_amount=SALES["shelf_amount"] - kept))
    within = values(measures["discount_depth_within"])
    assert within["low"] < within["high"] - 0.02
    assert measures["paid_surcharge"].contrast is not None
    assert measures["paid_surcharge"].contrast.worst_group == "low"
    assert values(measures["shelf_surcharge"])["low"] == pytest.approx(0)


def test_a_price_that_depends_on_the_customer_fails() -> None:
    charged = np.where(is_low(SALES), np.round(SALES["shelf_amount"] * 1.05, 2), SALES["shelf_amount"])
    measures = measured(SALES.assign(shelf_amount=charged))
    assert measures["shelf_surcharge"].verdict == "FAIL"
    contrast = measures["shelf_surcharge"].contrast
    assert contrast is not None
    assert contrast.worst_group == "low"
    assert measures["surcharged_products"].verdict == "FAIL"
    assert measures["surcharged_categories"].verdict == "FAIL"


def test_a_small_surcharge_on_a_few_products_passes_the_average_and_fails_the_scan() -> None:
    few = SALES["product_id"].isin([f"p{p}" for p in range(5, 13)])
    charged = np.where(is_low(SALES) & few, SALES["shelf_amount"] * 1.02, SALES["shelf_amount"])
    measures = measured(SALES.assign(shelf_amount=charged))
    assert measures["shelf_surcharge"].verdict == "PASS"
    assert measures["surcharged_products"].verdict == "FAIL"
    assert 1 <= values(measures["surcharged_products"])["low"] <= 8


def test_packs_by_weight_and_several_at_once_have_no_unit_price() -> None:
    odd = np.arange(len(SALES)) % 5 == 0
    charged = np.where(odd, SALES["shelf_amount"] * 3, SALES["shelf_amount"])
    by_weight = measured(SALES.assign(shelf_amount=charged, sold_by_weight=odd))
    several = measured(SALES.assign(shelf_amount=charged, quantity=np.where(odd, 3.0, 1.0)))
    for measures in (by_weight, several):
        assert values(measures["shelf_surcharge"])["low"] == pytest.approx(0)
        assert measures["surcharged_products"].verdict == "PASS"


def test_suggested_prices_weigh_by_what_the_last_26_weeks_saw() -> None:
    tea = suggestions(1.0)
    tea.loc[: N_PRODUCTS // 2 - 1, "suggested_price"] *= 1.1  # tea 10% dearer, soup as it is
    drinkers = SALES[~is_low(SALES) | (SALES["category"] == "tea")]
    measure = measured(drinkers, suggestions=tea)["suggested_price_change"]
    assert values(measure)["low"] == pytest.approx(1.1)
    assert measure.verdict == "FAIL"
    only_old = SALES[(SALES["week"] < MONDAY + pd.Timedelta(weeks=4)) | (SALES["category"] == "soup")]
    untouched = measured(only_old, suggestions=tea)["suggested_price_change"]
    assert values(untouched) == pytest.approx(dict.fromkeys(("low", "high", UNKNOWN), 1.0))
    assert untouched.verdict == "PASS"


def test_without_suggestions_their_measure_is_not_settled() -> None:
    measure = measured(SALES, suggestions=suggestions().iloc[:0])["suggested_price_change"]
    assert measure.verdict == "INSUFFICIENT"
    assert "Suggestions for 0 products" in measure.note


@pytest.mark.parametrize(
    ("sales", "reason"),
    [
        (SALES.iloc[:0], "no sales in this window"),
        (SALES.assign(shelf_amount=np.where(np.arange(len(SALES)) == 7, np.nan, 1.0)), "NaN or infinite"),
        (SALES.assign(paid_amount=np.inf), "NaN or infinite"),
        (SALES.assign(customer_id="somebody else"), "no sales in this window"),
    ],
)
def test_bad_sales_are_never_a_pass(sales: pd.DataFrame, reason: str) -> None:
    for measure in measured(sales).values():
        assert measure.verdict == "INSUFFICIENT"
        assert reason in measure.note
        assert not any(name in measure.note for name in IDS)


def test_without_demographics_nothing_passes() -> None:
    nobody = Grouping("income", ("low", "high", UNKNOWN), np.full(N_CUSTOMERS, 2))
    for measure in measured(SALES, nobody).values():
        assert measure.verdict == "INSUFFICIENT", measure.measure
        assert "known" in measure.note


def test_pairs_of_attributes_and_known_against_unknown_are_measured_alike() -> None:
    age = Grouping(
        "age", ("young", "old", UNKNOWN), np.random.default_rng(9).choice(3, N_CUSTOMERS, p=[0.45, 0.45, 0.1])
    )
    for where in (intersection(LOW, age), known_or_not(LOW)):
        measures = measured(SALES, where)
        assert all(measure.family == "exploratory" for measure in measures.values())
        assert measures["discount_depth"].contrast is not None


def test_coupons_above_what_was_paid_count_as_recorded_and_are_told() -> None:
    sales = SALES.assign(coupon_discount=np.where(np.arange(len(SALES)) == 3, 99.0, 0.0))
    assert "above the amount paid count as recorded: 1 of 12,000" in measured(sales)["paid_over_shelf"].note


def test_codes_follow_the_customers_handed_in() -> None:
    lines, products, categories = lines_of(SALES, IDS)
    row = 17
    assert IDS[lines.customer[row]] == SALES["customer_id"].iloc[row]
    assert products[lines.product[row]] == SALES["product_id"].iloc[row]
    assert categories[lines.category[row]] == SALES["category"].iloc[row]
    assert lines.week[row] == (SALES["week"].iloc[row] - SALES["week"].min()).days // 7


def test_sales_of_the_lake_are_merchandise_in_trading_weeks(complete_journey_lake: Lake) -> None:
    sales = read_sales(complete_journey_lake)
    products = complete_journey_lake.read("products").set_index("product_id")
    transactions = complete_journey_lake.read("transactions")
    merchandise = transactions[transactions["product_id"].isin(products.index[products["is_merchandise"]])]
    assert len(sales) == len(merchandise)
    assert sales["shelf_amount"].sum() == pytest.approx(merchandise["shelf_amount"].sum())
    local = merchandise["event_timestamp"].dt.tz_convert(complete_journey_lake.manifest.trading_time_zone)
    monday = (local.dt.tz_localize(None) - pd.to_timedelta(local.dt.weekday.to_numpy(), unit="D")).dt.normalize()
    assert (sales["week"].to_numpy() == monday.to_numpy()).all()
    assert (sales["week"].dt.weekday == 0).all()
    wanted = products.loc[merchandise["product_id"], "category"].fillna("")
    assert (sales["category"].astype(str).to_numpy() == wanted.to_numpy()).all()
    assert sales["sold_by_weight"].dtype == np.bool_
