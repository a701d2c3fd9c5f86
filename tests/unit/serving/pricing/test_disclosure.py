"""What must stand beside a price, by jurisdiction; and, hypothetically, beside a personal one."""

from typing import Any

import pytest

from configs.loading import load_settings
from configs.pricing import PricingSettings
from serving.pricing.disclosure import DisclosureTable
from serving.pricing.errors import PersonalPriceForbidden

EU = ("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU ", "IE IT LT LU LV MT NL PL PT RO SE SI SK")


@pytest.fixture
def table(pricing_settings: PricingSettings) -> DisclosureTable:
    return DisclosureTable(pricing_settings.disclosure)


@pytest.mark.parametrize("code", [None, "US-NY", "US-MD", "US-CT", "DE", "FR", "NO", "US-TX", "GB"])
def test_beside_a_price_without_personal_data_nothing_is_required(table: DisclosureTable, code: str | None) -> None:
    found = table.of(code, ())
    assert (found.required, found.text) == (False, None)
    assert found.jurisdiction == (code or "US")


@pytest.mark.parametrize(
    ("code", "law"), [("US-NY", "349-a"), ("US-MD", "HB 895"), ("US-CT", "Connecticut"), ("DE", "2019/2161")]
)
def test_the_law_that_was_checked_is_named(table: DisclosureTable, code: str, law: str) -> None:
    assert law in str(table.of(code, ()).law)


def test_new_york_wants_its_exact_words_beside_a_personal_price(table: DisclosureTable) -> None:
    found = table.of("US-NY", ["transactions.customer_id"])
    assert found.required
    assert found.text == "THIS PRICE WAS SET BY AN ALGORITHM USING YOUR PERSONAL DATA"


def test_the_union_wants_a_notice_beside_a_personal_price(table: DisclosureTable) -> None:
    found = table.of("FR", ["transactions.customer_id"])
    assert found.required
    assert "personalised on the basis of automated decision-making" in str(found.text)


def test_connecticut_wants_one_beside_an_increase_alone(table: DisclosureTable) -> None:
    assert not table.of("US-CT", ["transactions.customer_id"]).required
    raised = table.of("US-CT", ["transactions.customer_id"], raised=True)
    assert raised.required
    assert raised.text


def test_maryland_forbids_a_personal_price(table: DisclosureTable) -> None:
    with pytest.raises(PersonalPriceForbidden, match=r"HB 895.*transactions\.customer_id"):
        table.of("US-MD", ["transactions.customer_id"])


def test_where_no_law_is_listed_nothing_is_required(table: DisclosureTable) -> None:
    assert not table.of("GB", ["transactions.customer_id"]).required


def test_every_member_of_the_union_is_known(table: DisclosureTable) -> None:
    members = "".join(EU).split()
    assert len(members) == 27
    assert all("2011/83" in str(table.of(code, ()).law) for code in members)
    states = [code for code in table.jurisdictions if code.startswith("US-")]
    assert len(states) == 51
    assert not table.knows("US-ZZ")


def test_a_place_under_two_laws_is_refused(pricing_settings: PricingSettings) -> None:
    values = pricing_settings.disclosure.model_dump()
    values["laws"][0]["jurisdictions"] += ("DE",)
    with pytest.raises(ValueError, match="more than one law: DE"):
        type(pricing_settings.disclosure).model_validate(values)


def test_the_default_must_be_known(pricing_settings: PricingSettings) -> None:
    values: dict[str, Any] = {**pricing_settings.disclosure.model_dump(), "default_jurisdiction": "US-ZZ"}
    with pytest.raises(ValueError, match="US-ZZ"):
        type(pricing_settings.disclosure).model_validate(values)


def test_every_profile_knows_its_default() -> None:
    for profile in ("dev", "prod", "test"):
        disclosure = load_settings(profile).pricing.disclosure
        assert DisclosureTable(disclosure).knows(None)
