"""What must hold exactly: prices that no customer moves, features without sensitive columns, the very bundle."""

import pandas as pd
import pytest

from fairness.invariants import identity_invariant, lineage_invariant, permutation_invariant
from features.lineage import personal_columns, service_lineage
from features.services import CUSTOMER_V1, PRICE_V1, PRODUCT_V1

PRICES = pd.DataFrame(
    {
        "product_id": ["a", "b", "c"],
        "status": ["pending_approval", "pending_approval", "refused"],
        "suggested_price": [1.99, 2.49, None],
    }
)


def test_the_same_prices_in_any_order_pass() -> None:
    measure = permutation_invariant(PRICES, PRICES.iloc[::-1])
    assert (measure.verdict, measure.family) == ("PASS", "invariant")
    assert measure.contrast is not None
    assert measure.contrast.value == 0.0
    assert "3 products compared, 0 with any difference" in measure.note


def test_one_price_a_cent_off_fails() -> None:
    moved = PRICES.assign(suggested_price=[1.99, 2.50, float("nan")])
    measure = permutation_invariant(PRICES, moved)
    assert measure.verdict == "FAIL"
    assert measure.contrast is not None
    assert measure.contrast.value == pytest.approx(0.01)


def test_anything_else_in_the_answer_that_moves_fails_too() -> None:
    other = PRICES.assign(status=["pending_approval", "refused", "refused"])
    assert permutation_invariant(PRICES, other).verdict == "FAIL"


def test_who_is_priced_may_not_change_either() -> None:
    measure = permutation_invariant(PRICES, PRICES.iloc[:2])
    assert measure.verdict == "FAIL"
    assert "customers decide who is priced" in measure.note


def test_without_prices_nothing_is_known() -> None:
    assert permutation_invariant(PRICES.iloc[:0], PRICES.iloc[:0]).verdict == "INSUFFICIENT"
    refused = PRICES.assign(suggested_price=float("nan"))
    measure = permutation_invariant(refused, refused)
    assert measure.verdict == "INSUFFICIENT"
    assert "None of 3 products got a price" in measure.note
    assert permutation_invariant(refused, PRICES).verdict == "FAIL"


def test_the_services_of_the_house_hold_no_sensitive_column() -> None:
    lineages = {service: service_lineage(service) for service in (CUSTOMER_V1, PRODUCT_V1, PRICE_V1)}
    personal = {PRICE_V1: personal_columns(lineages[PRICE_V1])}
    measure = lineage_invariant(lineages, ["income", "age"], [PRICE_V1], personal)
    assert measure.verdict == "PASS"
    assert measure.contrast is not None
    assert measure.contrast.value == 0.0


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (("demographics", "shoe_size"), "any column of the sensitive table"),
        (("transactions", "Income"), "a sensitive name, wherever it stands"),
    ],
)
def test_a_feature_computed_from_a_sensitive_column_is_found(column: tuple[str, str], why: str) -> None:
    lineage = {"view": {"feature": [("transactions", "quantity"), column]}}
    measure = lineage_invariant({"service": lineage}, ["income"], [], {"service": []})
    assert measure.verdict == "FAIL", why
    assert "service.view.feature" in measure.note


def test_prices_may_not_read_people_at_all() -> None:
    lineage = {"view": {"feature": [("transactions", "basket_id")]}}
    measure = lineage_invariant({"price": lineage}, [], ["price"], {"price": ["transactions.basket_id"]})
    assert measure.verdict == "FAIL"


def test_no_service_is_no_evidence() -> None:
    assert lineage_invariant({}, ["income"], [], {}).verdict == "INSUFFICIENT"


def test_another_bundle_at_the_end_fails() -> None:
    assert identity_invariant("prices", "a" * 64, "a" * 64).verdict == "PASS"
    changed = identity_invariant("prices", "a" * 64, "b" * 64)
    assert changed.verdict == "FAIL"
    assert "Audit it again" in changed.note
