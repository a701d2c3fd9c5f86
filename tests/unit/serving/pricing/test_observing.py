"""Which prices the books show, worked by hand."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from serving.pricing.observing import WEEKS, observed_entries
from serving.pricing.price_history import Entry, Scope
from training.demand.panel import Panel

FIRST = np.datetime64("2024-01-01")
NONE = float("nan")


def begins(week: np.datetime64) -> datetime:
    """A trading week begins at five in the morning, UTC."""
    day = week.astype("datetime64[D]").astype(object)
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


def panel(prices: list[list[float]], seen: list[list[int]]) -> Panel:
    """Products by week; where none was seen the price is carried forward."""
    shelf = np.array(prices)
    flags = np.array(seen, dtype=bool)
    zeros = np.zeros(shelf.shape)
    return Panel(
        product_ids=np.array([f"p{place}" for place in range(len(prices))]),
        weeks=FIRST + 7 * np.arange(shelf.shape[1]).astype("timedelta64[D]"),
        units=flags.astype(float),
        shelf_price=shelf,
        paid_price=0.5 * shelf,  # loyalty discounts are no shelf prices
        imputed=~flags,
        display=zeros,
        mailer=zeros,
        stocked_out=zeros.astype(bool),
        attributes={},
        sold_by_weight=np.zeros(len(prices), dtype=bool),
    )


def listed(sales: Panel) -> list[tuple[str, str, int]]:
    """Product, price and week of each entry."""
    entries = list(observed_entries(sales, begins, "USD"))
    return [
        (entry.scope.product_id, str(entry.price), (entry.valid_from - begins(FIRST)).days // 7) for entry in entries
    ]


def test_one_entry_for_each_change() -> None:
    sales = panel(
        [[2.0, 2.0, 2.5, 2.504], [NONE, NONE, 3.0, 2.0], [1.0, 1.0, 1.0, 1.0]],
        [[1, 1, 1, 1], [0, 0, 1, 1], [0, 1, 0, 1]],
    )
    assert listed(sales) == [
        ("p0", "2.00", 0),
        ("p0", "2.50", 2),
        ("p1", "3.00", 2),
        ("p1", "2.00", 3),
        ("p2", "1.00", 1),
    ]


def test_a_price_that_was_not_seen_is_none() -> None:
    carried = panel([[2.0, 9.0, 2.0], [NONE, NONE, NONE]], [[1, 0, 1], [0, 0, 0]])
    assert listed(carried) == [("p0", "2.00", 0)]
    assert listed(panel([[0.0, 0.001, 4.0]], [[1, 1, 1]])) == [("p0", "4.00", 2)]


def test_a_price_that_comes_back_is_a_change() -> None:
    assert listed(panel([[2.0, 1.5, 2.0]], [[1, 1, 1]])) == [("p0", "2.00", 0), ("p0", "1.50", 1), ("p0", "2.00", 2)]


def test_the_last_quarter_is_listed() -> None:
    prices = [1.0, 2.0, 2.0, 3.0, *[3.0] * 11]
    assert len(prices) == WEEKS + 2
    assert listed(panel([prices], [[1] * 15])) == [("p0", "2.00", 2), ("p0", "3.00", 3)]


def test_an_entry_is_the_chains_and_open() -> None:
    (entry,) = observed_entries(panel([[1.5]], [[1]]), begins, "EUR")
    began = datetime(2024, 1, 1, 5, tzinfo=UTC)
    assert entry == Entry(Scope("p0"), Decimal("1.50"), "EUR", began, None, "observed", None)
