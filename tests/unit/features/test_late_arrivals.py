"""Erased people in a source that goes on holding them."""

from collections.abc import Collection, Mapping

import pyarrow as pa
import pytest

from features.late_arrivals import NOBODY, LateArrivals
from features.staging import CustomerNames
from privacy.forgetting.modes import Mode
from privacy.pseudonyms import Pseudonymizer

ROWS = pa.table(
    {
        "customer_id": ["anna", "bert", None, "bert", "carl", "bert"],
        "basket_id": ["1", "2", "3", "2", "4", "5"],
        "quantity": [1, 2, 3, 4, 5, 6],
    }
)


class Tombs:
    """Anna was erased, Bert anonymised; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def of_sources(self, source_ids: Collection[str]) -> Mapping[str, Mode]:
        """Tell who was erased, and remember who was asked about."""
        self.asked += source_ids
        modes: dict[str, Mode] = {"anna": "erase", "bert": "anonymise"}
        return {one: modes[one] for one in source_ids if one in modes}


def test_erased_rows_are_left_out_and_anonymised_purchases_stay_unlinked() -> None:
    late = LateArrivals(Tombs())
    kept = late.without_erased(ROWS, "transactions")
    assert kept["quantity"].to_pylist() == [2, 3, 4, 5, 6]
    customers, baskets = kept["customer_id"].to_pylist(), kept["basket_id"].to_pylist()
    assert customers[1::2] == [None, "carl"] or customers[1] is None
    assert customers[0] == customers[2] == customers[4]
    assert {customers[0]} == late.stand_ins
    assert baskets[0] == baskets[2] != baskets[4]
    assert baskets[1] == "3"
    assert baskets[3] == "4"
    assert not {"2", "5"} & set(baskets)
    assert late.n_left_out == 1
    again = LateArrivals(Tombs()).without_erased(ROWS, "transactions")
    assert again["customer_id"].to_pylist()[0] != customers[0], "two ingests do not lead to each other"


@pytest.mark.parametrize("table", ["consents", "campaigns", "demographics", "rejects"])
def test_of_anything_but_purchases_nothing_stays(table: str) -> None:
    late = LateArrivals(Tombs())
    kept = late.without_erased(ROWS, table)
    assert kept["customer_id"].to_pylist() == [None, "carl"]
    assert late.n_left_out == 4


def test_each_id_is_asked_about_once() -> None:
    tombs = Tombs()
    late = LateArrivals(tombs)
    late.without_erased(ROWS, "transactions")
    late.without_erased(ROWS, "transactions")
    assert sorted(tombs.asked) == ["anna", "bert", "carl"]


def test_without_erasures_and_without_customers_rows_stay_as_they_are() -> None:
    assert LateArrivals(NOBODY).without_erased(ROWS, "transactions") is ROWS
    products = ROWS.select(["quantity"])
    assert LateArrivals(Tombs()).without_erased(products, "products") is products


def test_a_stand_in_gets_no_pseudonym_and_no_link() -> None:
    names = CustomerNames(Pseudonymizer({1: bytes(32)}, 1), Tombs())
    named = names.replace(names.late.without_erased(ROWS, "transactions"))
    customers = named["customer_id"].to_pylist()
    assert customers[0] in names.late.stand_ins
    assert customers[3].startswith("c1_")
    assert list(names.pairs) == ["carl"]
