"""The hard rules that a price set by hand must keep as well."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from configs.pricing_rules import PricingRules
from serving.pricing.advice import Advice
from serving.pricing.assortment import Assortment
from serving.pricing.guardrails import (
    COST_FLOOR,
    EMERGENCY_NO_RISE,
    LIST_PRICE_CAP,
    MAX_CHANGE,
    MIN_MARGIN,
    OBSERVED_SUPPORT,
    PRICE_ENDING,
    Endings,
)
from serving.pricing.money import plain

Limit = tuple[str, Decimal | None, Decimal | None]  # code, lowest and highest price


@dataclass(frozen=True)
class BrokenRule:
    """A hard rule and how a price breaks it."""

    code: str
    message: str


def hard_limits(advised: Sequence[Advice], assortment: Assortment, rules: PricingRules) -> list[list[dict[str, Any]]]:
    """Say for each suggestion between which prices each hard rule lets a person choose.

    The ladder is left out: it binds the prices of a whole family to one another, not one price to a range.

    Returns:
        Blocks of answers, in the order of the suggestions.
    """
    at = assortment.index_of([advice.product_id for advice in advised])
    facts = zip(
        assortment.list_price[at].tolist(),
        assortment.lowest_price[at].tolist(),
        assortment.highest_price[at].tolist(),
        strict=True,
    )
    pairs = zip(advised, facts, strict=True)
    return [[_block(limit) for limit in _limits(advice, *known, rules)] for advice, known in pairs]


def broken_rules(price: Decimal, facts: Mapping[str, Any], rules: PricingRules) -> list[BrokenRule]:
    """Find the hard rules that a price breaks.

    Args:
        price: A price set by hand.
        facts: The suggestion as it was answered: its limits and its current price.
        rules: The rules now in force, for what is no limit: how prices end.
    """
    found = []
    for limit in facts["hard_limits"]:
        for name, side, breaks in (("low", "below", price.__lt__), ("high", "above", price.__gt__)):
            if limit[name] is not None and breaks(Decimal(limit[name])):
                message = f"{limit['code']}: {plain(price)} is {side} {limit[name]}"
                found.append(BrokenRule(limit["code"], message))
    kept = price == Decimal(facts["current_price"]["amount"])
    if not kept and not Endings.of(rules.endings).allow(np.array([float(price)]))[0]:
        found.append(BrokenRule(PRICE_ENDING, f"{PRICE_ENDING}: prices like {plain(price)} end otherwise"))
    return found


def _limits(advice: Advice, list_price: float, lowest: float, highest: float, rules: PricingRules) -> Iterator[Limit]:
    current, cost = advice.current_price, advice.unit_cost
    yield COST_FLOOR, cost * (1 + _exact(rules.cost_floor.markup_share)), None
    yield MIN_MARGIN, cost / (1 - _exact(rules.min_margin.share)), None
    cut, rise = _exact(rules.max_change.cut_share), _exact(rules.max_change.rise_share)
    yield MAX_CHANGE, current * (1 - cut), current * (1 + rise)
    if list_price > 0:
        yield LIST_PRICE_CAP, None, _exact(list_price)
    if lowest > 0 and highest > 0:  # where the current price lies outside, it may stay or come closer
        yield OBSERVED_SUPPORT, min(_exact(lowest), current), max(_exact(highest), current)
    if any(rule.code == EMERGENCY_NO_RISE for rule in advice.guardrails):
        yield EMERGENCY_NO_RISE, None, current


def _block(limit: Limit) -> dict[str, Any]:
    code, low, high = limit
    return {"code": code, "low": None if low is None else _shown(low), "high": None if high is None else _shown(high)}


def _exact(number: float) -> Decimal:
    return Decimal(str(number))


def _shown(amount: Decimal) -> str:
    """Write a limit to a hundredth of a cent; what is finer is arithmetic."""
    text = f"{amount:.4f}"
    return text[:-2] if text.endswith("00") else text
