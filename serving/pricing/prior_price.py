"""The prior price of a reduction: the lowest of the days before it began."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from serving.pricing.moments import from_us, shown
from serving.pricing.money import money
from serving.pricing.price_history import Price, Scope, applies

Reason = Literal["NO_HISTORY", "NO_REDUCTION", "SHORT_HISTORY"]

NO_HISTORY: Final = "NO_HISTORY"
NO_REDUCTION: Final = "NO_REDUCTION"
SHORT_HISTORY: Final = "SHORT_HISTORY"

_MICROSECOND: Final = timedelta(microseconds=1)


class Stretch(NamedTuple):
    """A time over which one price was in force without a break; None where none was."""

    from_us: int
    amount: Decimal | None


@dataclass(frozen=True)
class PriorPrice:
    """The lowest price before a reduction, and the time that was looked at.

    Attributes:
        lowest: Lowest price in force at any moment of the window; None where there is nothing to compare with.
        currency: ISO 4217.
        window_start: First moment of the window; the first known price where that is later.
        window_end: The moment the reduction began, itself no part of the window.
        reason: `NO_HISTORY` or `NO_REDUCTION` where `lowest` is None, `SHORT_HISTORY` where the product was on sale
            for less than the whole window; else None.
    """

    lowest: Decimal | None
    currency: str
    window_start: datetime | None
    window_end: datetime | None
    reason: Reason | None

    def shown(self) -> dict[str, Any]:
        """Write it as answers do."""
        return {
            "lowest_30d": None if self.lowest is None else money(self.lowest, self.currency),
            "window_start": shown(self.window_start),
            "window_end": shown(self.window_end),
            "reason": self.reason,
        }


def in_force(prices: Sequence[Price], moment_us: int) -> Price | None:
    """Find the price in force at a moment.

    Args:
        prices: Prices of one scope, those of wider scopes among them, by precedence.
        moment_us: Microseconds since 1970.
    """
    return next((price for price in prices if price.covers(moment_us)), None)


def stretches_back(prices: Sequence[Price], until_us: int) -> Iterator[Stretch]:
    """Walk from a moment back in time, stretch by stretch; a price renewed unchanged goes on.

    Args:
        prices: Prices of one scope, those of wider scopes among them, by precedence.
        until_us: Where to begin; what comes later is not looked at.
    """
    changes = {price.from_us for price in prices} | {price.until_us for price in prices if price.until_us is not None}
    later: Stretch | None = None
    for change_us in sorted((us for us in changes if us <= until_us), reverse=True):
        price = in_force(prices, change_us)
        stretch = Stretch(change_us, price.amount if price else None)
        if later is not None and later.amount != stretch.amount:
            yield later
        later = stretch
    if later is not None:
        yield later


def prior_price(
    prices: Sequence[Price], scope: Scope, moment_us: int, *, days: int, currency: str, tried: Decimal | None = None
) -> PriorPrice:
    """Find the prior price of the reduction that is in force at a moment, or would be.

    A reduction that was deepened step by step counts as one: its window ends where the first step began. The price in
    force when the window opens counts, however long before it was set.

    Args:
        prices: Prices of the product, of any scope, by precedence.
        scope: Where the price is shown.
        moment_us: When; microseconds since 1970.
        days: Length of the window.
        currency: ISO 4217.
        tried: A price that would begin at that moment; None takes the one in force.

    Source: Directive 98/6/EC, article 6a, as amended by Directive (EU) 2019/2161.
    """
    walk = stretches_back([price for price in prices if applies(price, scope)], moment_us)
    days_us = days * timedelta(days=1) // _MICROSECOND
    stretches, began = _series(walk if tried is None else _with_trial(walk, tried, moment_us), days_us)
    if not stretches or stretches[0].amount is None:
        return PriorPrice(None, currency, None, None, NO_HISTORY)
    if began == 0:
        return PriorPrice(None, currency, None, None, _why_none(stretches))
    end_us = stretches[began - 1].from_us
    return _lowest(stretches[began:], end_us, end_us - days_us, currency)


def _with_trial(walk: Iterator[Stretch], tried: Decimal, moment_us: int) -> Iterator[Stretch]:
    """Put a price that is tried in front of those that were in force before; the same price goes on unbroken."""
    earlier = (stretch for stretch in walk if stretch.from_us < moment_us)
    latest = next(earlier, None)
    if latest is None:
        return
    if latest.amount != tried:
        yield Stretch(moment_us, tried)
    yield latest
    yield from earlier


def _series(walk: Iterator[Stretch], days_us: int) -> tuple[list[Stretch], int]:
    """Read as many stretches as matter.

    Returns:
        Stretches, newest first, and how many of them belong to the reduction in force; 0 without one.
    """
    read: list[Stretch] = []
    began: int | None = None
    for stretch in walk:
        read.append(stretch)
        if began is None and len(read) > 1 and not _falls(stretch, read[-2]):
            began = len(read) - 2
        if began == 0 or (began is not None and stretch.from_us <= read[began - 1].from_us - days_us):
            return read, began
    return read, max(len(read) - 1, 0) if began is None else began


def _falls(before: Stretch, after: Stretch) -> bool:
    return before.amount is not None and after.amount is not None and before.amount > after.amount


def _why_none(walk: Sequence[Stretch]) -> Reason:
    return NO_REDUCTION if len(walk) > 1 and walk[1].amount is not None else NO_HISTORY


def _lowest(walk: Sequence[Stretch], end_us: int, start_us: int, currency: str) -> PriorPrice:
    """Take the lowest of the stretches, newest first, that reach into the window."""
    lowest, first_us, last_us = None, end_us, end_us
    for stretch in walk:
        if last_us <= start_us:
            break
        last_us = stretch.from_us
        if stretch.amount is not None:
            lowest = stretch.amount if lowest is None else min(lowest, stretch.amount)
            first_us = stretch.from_us
    short = first_us > start_us
    window_start = from_us(max(first_us, start_us))
    return PriorPrice(lowest, currency, window_start, from_us(end_us), SHORT_HISTORY if short else None)
