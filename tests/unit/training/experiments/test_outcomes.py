"""Sums by customer and day and by store and block, on a table that can be checked by eye."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from training.experiments.outcomes import Lines, amounts, customer_days, store_blocks

ZONE = "America/New_York"
ROWS = [  # customer, store, basket, product, local time, paid, discount
    ("ada", "s1", "b1", "milk", "2025-03-03 00:10", 2.0, 0.5),
    ("ada", "s1", "b1", "milk", "2025-03-03 00:10", 1.0, np.nan),
    ("ada", "s1", "b1", "rye", "2025-03-03 23:50", 3.0, 0.0),
    ("bob", "s2", "b2", "milk", "2025-03-04 13:00", 4.0, 1.0),
    ("bob", "s2", "b3", "milk", "2025-03-04 14:00", 5.0, 0.0),
    ("eve", "s2", "b4", "rye", "2025-03-04 01:00", 9.0, 0.0),
    ("ada", "s1", "b5", "rye", "2025-03-06 09:00", 7.0, 0.0),
]


@pytest.fixture
def lines() -> Lines:
    columns = ["customer_id", "store_id", "basket_id", "product_id", "at", "paid_amount", "loyalty_discount"]
    table = pd.DataFrame(ROWS, columns=columns)
    table["at"] = pd.to_datetime(table["at"]).dt.tz_localize(ZONE)
    return Lines(table, date(2025, 3, 3), date(2025, 3, 6))


def test_what_a_line_adds_to_each_measure(lines: Lines) -> None:
    assert amounts(lines.table, "spend_usd").tolist() == [2, 1, 3, 4, 5, 9, 7]
    assert amounts(lines.table, "discount_usd").tolist() == [0.5, 0, 0, 1, 0, 0, 0]
    assert amounts(lines.table, "baskets").tolist() == [1, 0, 0, 1, 1, 1, 1]
    assert amounts(lines.table, "products").tolist() == [1, 0, 1, 1, 1, 1, 1]


def test_customers_by_trading_day(lines: Lines) -> None:
    spend = customer_days(lines, "spend_usd", ["ada", "bob", "zoe"], date(2025, 3, 3), 3)
    assert spend.tolist() == [[6, 0, 0], [0, 9, 0], [0, 0, 0]]
    later = customer_days(lines, "baskets", ["ada", "bob"], date(2025, 3, 4), 3)
    assert later.tolist() == [[0, 0, 1], [2, 0, 0]]


def test_stores_by_block_without_the_hours_after_a_switch(lines: Lines) -> None:
    def blocks(washout_hours: float) -> list[list[float]]:
        first = pd.Timestamp("2025-03-03")
        found: list[list[float]] = store_blocks(
            lines, "spend_usd", ["s1", "s2"], first, 6, block_hours=12, washout_hours=washout_hours
        ).tolist()
        return found

    assert blocks(0) == [[3, 3, 0, 0, 0, 0], [0, 0, 9, 9, 0, 0]]
    assert blocks(1.5) == [[0, 3, 0, 0, 0, 0], [0, 0, 0, 5, 0, 0]]


def test_lines_before_a_day(lines: Lines) -> None:
    early = lines.before(date(2025, 3, 4))
    assert early.customer_ids == ["ada"]
    assert (early.last, len(early.table)) == (date(2025, 3, 3), 3)
