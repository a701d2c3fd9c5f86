"""Purchase lines: merchandise, up to a time, of chosen customers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pandas as pd
import pytest

from features.lake import Lake
from training.purchases import PURCHASE_COLUMNS, load_purchases


class FakeLake:
    """Two tables in memory."""

    def __init__(self, purchases: pd.DataFrame) -> None:
        self._tables = {
            "transactions": purchases.assign(quantity=1.0),
            "products": pd.DataFrame({"product_id": ["milk", "beer"], "is_merchandise": [True, False]}),
        }

    def read(self, table: str, columns: Sequence[str]) -> pd.DataFrame:
        """Pick columns."""
        return self._tables[table][list(columns)]


@pytest.fixture
def lake(purchases: pd.DataFrame, tmp_path: Path) -> Lake:
    return cast("Lake", FakeLake(purchases))


def test_only_merchandise_comes_back_in_the_order_of_the_lake(lake: Lake, purchases: pd.DataFrame) -> None:
    loaded = load_purchases(lake, until=None, customers=None)
    assert tuple(loaded.columns) == PURCHASE_COLUMNS
    expected = purchases.loc[purchases["product_id"] != "beer", list(PURCHASE_COLUMNS)].reset_index(drop=True)
    pd.testing.assert_frame_equal(loaded, expected)


def test_a_product_without_a_row_counts_as_merchandise(lake: Lake) -> None:
    assert "chips" in set(load_purchases(lake, until=None, customers=None)["product_id"])


def test_until_is_exclusive_and_customers_are_kept_apart(lake: Lake) -> None:
    loaded = load_purchases(lake, until=datetime(2017, 2, 20, tzinfo=UTC), customers={"ann"})
    assert loaded[["customer_id", "product_id"]].to_numpy().tolist() == [["ann", "milk"], ["ann", "bread"]]


def test_nobody_agreed_gives_no_lines(lake: Lake) -> None:
    assert load_purchases(lake, until=None, customers=set()).empty
