"""The prior price: hand-worked cases, and a slow twin that walks through time day by day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.pricing.moments import from_us, to_us
from serving.pricing.price_history import Price, Scope, precedence
from serving.pricing.prior_price import PriorPrice, prior_price

START = datetime(2025, 1, 1, tzinfo=UTC)
HERE = Scope("10", "s1", "store")

# from day, price, and optionally: until day, source, store, channel
Row = tuple[int, str] | tuple[int, str, int | None, str, str, str]


def day(n: int) -> datetime:
    return START + timedelta(days=n)


def prices(*rows: Row) -> list[Price]:
    """Prices by precedence, as the history gives them."""
    made = []
    for n, row in enumerate(rows):
        begins, amount, *rest = row
        until, source, store, channel = rest or (None, "published", "", "")
        ends = None if until is None else to_us(day(int(until)))
        scope = Scope("10", str(store), str(channel))
        made.append(Price(scope, Decimal(amount), "USD", to_us(day(begins)), ends, str(source), None, n))
    return sorted(made, key=precedence)


def prior(rows: list[Price], at: int, *, tried: str | None = None, scope: Scope = HERE) -> PriorPrice:
    asked = None if tried is None else Decimal(tried)
    return prior_price(rows, scope, to_us(day(at)), days=30, currency="USD", tried=asked)


def test_80_then_100_then_90_takes_the_80() -> None:
    found = prior(prices((0, "80"), (40, "100"), (50, "90")), 55)
    assert (found.lowest, found.reason) == (Decimal(80), None)
    assert (found.window_start, found.window_end) == (day(20), day(50))


def test_80_long_ago_no_longer_counts() -> None:
    found = prior(prices((0, "80"), (40, "100"), (80, "90")), 85)
    assert found.lowest == Decimal(100)
    assert (found.window_start, found.window_end) == (day(50), day(80))


def test_the_window_ends_where_the_reduction_began_not_today() -> None:
    rows = prices((0, "100"), (40, "90"))
    assert {prior(rows, at).lowest for at in (40, 45, 75, 200)} == {Decimal(100)}
    assert {prior(rows, at).window_end for at in (40, 45, 75, 200)} == {day(40)}


def test_a_reduction_that_deepens_keeps_its_first_window() -> None:
    found = prior(prices((0, "100"), (40, "90"), (50, "80"), (60, "70")), 65)
    assert (found.lowest, found.window_end) == (Decimal(100), day(40))


def test_a_rise_in_between_breaks_the_series() -> None:
    found = prior(prices((0, "100"), (40, "80"), (50, "95"), (60, "90")), 65)
    assert (found.lowest, found.window_end) == (Decimal(80), day(60))


def test_a_pause_without_a_price_breaks_the_series() -> None:
    rows = prices((0, "100"), (40, "90", 45, "published", "", ""), (0, "100", 30, "observed", "", ""))
    assert prior(rows, 41).lowest == Decimal(100)
    gap = prices((0, "100", 45, "published", "", ""), (50, "90"))
    assert (prior(gap, 55).lowest, prior(gap, 55).reason) == (None, "NO_HISTORY")


def test_the_price_in_force_when_the_window_opens_counts() -> None:
    found = prior(prices((0, "70"), (25, "100"), (50, "90")), 55)
    assert found.lowest == Decimal(70)
    assert prior(prices((0, "70"), (20, "100"), (50, "90")), 55).lowest == Decimal(100), "it ended as the window opened"


def test_a_product_younger_than_the_window_says_so() -> None:
    found = prior(prices((10, "100"), (22, "90")), 23)
    assert (found.lowest, found.reason) == (Decimal(100), "SHORT_HISTORY")
    assert (found.window_start, found.window_end) == (day(10), day(22))


def test_without_a_history_there_is_none_and_it_says_why() -> None:
    assert prior([], 5) == PriorPrice(None, "USD", None, None, "NO_HISTORY")
    assert prior(prices((0, "100")), 5).reason == "NO_HISTORY"
    assert prior(prices((9, "100")), 5).reason == "NO_HISTORY", "it is not in force yet"


def test_without_a_reduction_there_is_none() -> None:
    found = prior(prices((0, "80"), (20, "100")), 25)
    assert (found.lowest, found.reason) == (None, "NO_REDUCTION")


def test_the_same_price_again_changes_nothing() -> None:
    renewed = prices((0, "100"), (40, "90"), (50, "90.00"), (60, "90"))
    assert prior(renewed, 65) == prior(prices((0, "100"), (40, "90")), 65)


def test_a_temporary_price_gives_way_to_the_one_below_it() -> None:
    rows = prices((0, "100"), (40, "90", 47, "published", "", ""))
    assert prior(rows, 45).lowest == Decimal(100)
    assert prior(rows, 50).reason == "NO_REDUCTION"
    again = prices((0, "100"), (40, "90", 47, "published", "", ""), (60, "95"))
    assert prior(again, 61).lowest == Decimal(90)


def test_a_store_goes_before_the_chain_and_falls_back_on_it() -> None:
    rows = prices((0, "100"), (40, "90"), (20, "60", 30, "published", "s1", ""))
    assert prior(rows, 45).lowest == Decimal(60)
    assert prior(rows, 45, scope=Scope("10", "s2", "store")).lowest == Decimal(100)
    assert prior(rows, 45, scope=Scope("10")).lowest == Decimal(100)


def test_a_channel_goes_before_every_channel() -> None:
    rows = prices((0, "100"), (40, "90"), (20, "70", 30, "published", "", "online"))
    assert prior(rows, 45).lowest == Decimal(100)
    assert prior(rows, 45, scope=Scope("10", "s1", "online")).lowest == Decimal(70)


def test_what_was_published_goes_before_what_the_books_show() -> None:
    rows = prices((0, "100"), (20, "50", None, "observed", "", ""), (40, "90"))
    assert prior(rows, 45).lowest == Decimal(100)
    alone = prices((0, "100", None, "observed", "", ""), (20, "80", None, "observed", "", ""))
    assert prior(alone, 25).lowest == Decimal(100)


def test_a_price_that_is_tried_begins_where_it_is_tried() -> None:
    rows = prices((0, "80"), (40, "100"))
    assert prior(rows, 50, tried="90").lowest == Decimal(80)
    assert prior(rows, 50, tried="90").window_end == day(50)
    assert prior(rows, 50, tried="110").reason == "NO_REDUCTION"
    assert prior(prices((0, "100"), (40, "90")), 50, tried="85").window_end == day(40)
    assert prior(prices((0, "100"), (40, "90")), 50, tried="90").window_end == day(40)
    assert prior([], 50, tried="90").reason == "NO_HISTORY"


def slow(rows: list[Price], at: int, scope: Scope) -> Decimal | None:  # noqa: C901 - slow and obvious
    """Walk through time day by day; every change of the strategies below falls on a midnight."""

    def cost(n: int) -> Decimal | None:
        best: Price | None = None
        for price in rows:
            covers = price.from_us <= to_us(day(n)) and (price.until_us is None or to_us(day(n)) < price.until_us)
            ours = price.scope.store_id in ("", scope.store_id) and price.scope.channel in ("", scope.channel)
            if covers and ours and (best is None or rank(price) > rank(best)):
                best = price
        return None if best is None else best.amount

    def rank(price: Price) -> tuple[bool, bool, bool, int, int]:
        scope_of = price.scope
        return (
            price.source == "published",
            scope_of.store_id != "",
            scope_of.channel != "",
            price.from_us,
            price.sequence,
        )

    n = at
    fell = None
    while n > -1 and cost(n) is not None:
        before = cost(n - 1)
        if before is not None and before < cost(n):  # type: ignore[operator]
            break
        if before is None:
            break
        if before > cost(n):  # type: ignore[operator]
            fell = n
        n -= 1
    if fell is None:
        return None
    window = [found for k in range(fell - 30, fell) if (found := cost(k)) is not None]
    return min(window)


ROWS = st.lists(
    st.tuples(
        st.integers(0, 99),
        st.sampled_from(["70", "80", "90", "100"]),
        st.one_of(st.none(), st.integers(1, 40)),
        st.sampled_from(["published", "observed"]),
        st.sampled_from(["", "", "s1", "s2"]),
        st.sampled_from(["", "", "store", "online"]),
    ),
    max_size=9,
)


@given(rows=ROWS, at=st.integers(0, 110), store=st.sampled_from(["", "s1"]), channel=st.sampled_from(["", "store"]))
def test_it_equals_the_slow_twin(
    rows: list[tuple[int, str, int | None, str, str, str]], at: int, store: str, channel: str
) -> None:
    made = prices(*((b, p, None if u is None else b + u, s, w, c) for b, p, u, s, w, c in rows))
    scope = Scope("10", store, channel)
    found = prior(made, at, scope=scope)
    assert found.lowest == slow(made, at, scope)
    assert (found.reason in ("NO_HISTORY", "NO_REDUCTION")) == (found.lowest is None)
    if found.lowest is not None:
        assert found.window_start is not None
        assert found.window_end is not None
        assert timedelta(0) < found.window_end - found.window_start <= timedelta(days=30)
        assert (found.reason == "SHORT_HISTORY") == (found.window_end - found.window_start < timedelta(days=30))
        assert found.window_end <= day(at)


@pytest.mark.parametrize("moment", [START, START + timedelta(microseconds=1), datetime(2262, 5, 1, tzinfo=UTC)])
def test_moments_keep_their_microseconds(moment: datetime) -> None:
    assert from_us(to_us(moment)) == moment
