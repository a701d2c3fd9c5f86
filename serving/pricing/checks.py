"""What a schema alone cannot tell about a request: amounts, times, places, and items named twice."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from configs.price_review import ReviewSettings
from serving.errors import FieldError, FieldsInvalid
from serving.pricing.disclosure import DisclosureTable
from serving.pricing.moments import shown
from serving.pricing.money import CENT, plain
from serving.pricing.schemas import AskIn, OverrideRequest, PriceIn, PriceSuggestionsRequest, TrialIn


@dataclass(frozen=True)
class Checks:
    """Finds every fault of a request before anything is done.

    Args:
        settings: Limits.
        laws: The jurisdictions known.
        now: The wall clock.
    """

    settings: ReviewSettings
    laws: DisclosureTable
    now: Callable[[], datetime]

    def suggestions(self, request: PriceSuggestionsRequest) -> None:
        """Check a request for suggestions.

        Raises:
            FieldsInvalid: If anything is amiss; all of it is listed.
        """
        refuse(
            [
                *self.amounts(request.items),
                *_twice([(item.product_id, item.store_id) for item in request.items]),
                *self.jurisdiction(request.jurisdiction),
                *self._validity(request.valid_from, request.valid_until),
            ]
        )

    def override(self, request: OverrideRequest) -> Decimal:
        """Check the price that a person sets.

        Raises:
            FieldsInvalid: If it is out of range or finer than a cent.
        """
        faults = [*self.in_range("price", request.price)]
        amount = amount_of(request.price)
        if not faults and amount != amount.quantize(CENT):
            message = f"{amount} is finer than a cent. Give whole cents, such as {amount.quantize(CENT)}."
            faults.append(FieldError("price.amount", "WRONG_FORMAT", message))
        refuse(faults)
        return amount

    def amounts(self, items: Sequence[AskIn | TrialIn]) -> Iterator[FieldError]:
        """Find amounts out of range, and costs above the price."""
        for n, item in enumerate(items):
            for name in ("current_price", "unit_cost", "price"):
                yield from self.in_range(f"items.{n}.{name}", getattr(item, name, None))
            for k, price in enumerate(getattr(item, "prices", ())):
                yield from self.in_range(f"items.{n}.prices.{k}", price)
            yield from self.in_range(f"items.{n}.basket_margin", getattr(item, "basket_margin", None), lowest=0)
            yield from _cost_above(n, item)

    def jurisdiction(self, code: str | None) -> Iterator[FieldError]:
        """Find a jurisdiction that nobody has looked up."""
        if not self.laws.knows(code):
            known = ", ".join(self.laws.jurisdictions)
            message = (
                f"{code!r} is not among the jurisdictions known: {known}. Choose one of them, or have its law "
                "looked up and added to pricing.disclosure.laws."
            )
            yield FieldError("jurisdiction", "UNKNOWN_JURISDICTION", message)

    def in_range(self, field: str, price: PriceIn | None, *, lowest: float | None = None) -> Iterator[FieldError]:
        """Find an amount out of range; `lowest` stands in for the least price."""
        if price is None:
            return
        low = Decimal(str(self.settings.min_price if lowest is None else lowest))
        high = Decimal(str(self.settings.max_price))
        if not low <= amount_of(price) <= high:
            message = f"{price.amount} is out of range. Give an amount from {plain(low)} to {plain(high)}."
            yield FieldError(f"{field}.amount", "OUT_OF_RANGE", message)

    def _validity(self, begins: datetime | None, ends: datetime | None) -> Iterator[FieldError]:
        now, limits = self.now(), self.settings
        first = now if begins is None else begins.astimezone(UTC)
        earliest = now - timedelta(hours=limits.max_backdated_hours)
        latest = now + timedelta(days=limits.max_lead_days)
        if not earliest <= first <= latest:
            message = f"{shown(first)} is out of range. Choose a time from {shown(earliest)} to {shown(latest)}."
            yield FieldError("valid_from", "OUT_OF_RANGE", message)
        if ends is not None:
            yield from self._end(first, ends.astimezone(UTC), now)

    def _end(self, first: datetime, ends: datetime, now: datetime) -> Iterator[FieldError]:
        if ends <= first:
            message = f"{shown(ends)} does not lie after valid_from, {shown(first)}. Choose a later end."
            yield FieldError("valid_until", "ENDS_BEFORE_IT_BEGINS", message)
        elif ends <= now:
            message = f"{shown(ends)} is past; it is {shown(now)}. Choose a later end."
            yield FieldError("valid_until", "IN_THE_PAST", message)
        elif ends - first > timedelta(days=self.settings.max_validity_days):
            message = (
                f"{shown(ends)} is {(ends - first).days} days after valid_from; at most "
                f"{self.settings.max_validity_days} are allowed. Choose an earlier end, or leave it open."
            )
            yield FieldError("valid_until", "TOO_LONG", message)


def amount_of(price: PriceIn) -> Decimal:
    """Read an amount."""
    return Decimal(price.amount)


def optional_amount(price: PriceIn | None) -> Decimal | None:
    """Read an amount that may be left out."""
    return None if price is None else Decimal(price.amount)


def refuse(faults: Iterable[FieldError]) -> None:
    """Refuse a request that has faults.

    Raises:
        FieldsInvalid: If there are any.
    """
    found = list(faults)
    if found:
        raise FieldsInvalid(errors=found[:100])


def _cost_above(n: int, item: AskIn | TrialIn) -> Iterator[FieldError]:
    cost, price = item.unit_cost, item.current_price
    if cost is not None and price is not None and amount_of(cost) > amount_of(price):
        message = f"the cost {cost.amount} exceeds the price {price.amount}. Check both amounts; one may be mistyped."
        yield FieldError(f"items.{n}.unit_cost", "COST_ABOVE_PRICE", message)


def _twice(pairs: Sequence[tuple[str, str | None]]) -> Iterator[FieldError]:
    first: dict[tuple[str, str | None], int] = {}
    for n, pair in enumerate(pairs):
        if pair in first:
            message = f"the same product and store as items.{first[pair]}. Name each once per request."
            yield FieldError(f"items.{n}", "DUPLICATE_ITEM", message)
        first.setdefault(pair, n)
