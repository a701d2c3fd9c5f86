"""Why no price is suggested: every code with its message, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from serving.pricing.advice import Ask, Declined


@dataclass(frozen=True, slots=True)
class Ground:
    """A ground to refuse: the field to look at, and a message with room for the facts."""

    field: str
    message: str


GROUNDS: Final[Mapping[str, Ground]] = {
    "UNKNOWN_PRODUCT": Ground(
        "product_id", "product {product_id!r} is not in the assortment. Check the id, or train with its sales."
    ),
    "UNKNOWN_STORE": Ground("store_id", "store {store_id!r} is not known. Check the id, or ask for the whole chain."),
    "NOT_SOLD_AT_STORE": Ground(
        "store_id",
        "product {product_id!r} was never sold at store {store_id!r}. Ask for the whole chain, or for another store.",
    ),
    "SOLD_BY_WEIGHT": Ground(
        "product_id",
        "product {product_id!r} is sold by weight, so its price per piece says nothing. Set its price by hand.",
    ),
    "MODEL_TOO_OLD": Ground(
        "product_id",
        "the model's data ends at {value}, {days:.0f} days ago; {limit} days are allowed. Train and promote a newer "
        "one.",
    ),
    "PRICE_OUT_OF_RANGE": Ground(
        "current_price", "the price is {value}; from {least} to {limit:.2f} can be worked with. Correct it."
    ),
    "NO_CURRENT_PRICE": Ground(
        "current_price", "no price is known for product {product_id!r}. Send current_price with the item."
    ),
    "COST_OUT_OF_RANGE": Ground(
        "unit_cost", "the unit cost is {value}; from 0 to {limit:.2f} can be worked with. Correct it."
    ),
    "NO_COST": Ground(
        "unit_cost",
        "no unit cost is known for product {product_id!r}, and none may be assumed. Send unit_cost, or set "
        "pricing.costs.assume=true.",
    ),
    "COST_ABOVE_PRICE": Ground(
        "unit_cost",
        "the unit cost is {value:.2f}{assumed}, and the current price {limit:.2f} does not exceed it. Correct either, "
        "or set the price by hand.",
    ),
    "STOCK_OUT_OF_RANGE": Ground("stock_units", "the stock is {value} units; it must be 0 or more. Correct it."),
    "NO_STOCK": Ground(
        "stock_units",
        "clearance needs to know what is to be cleared, and stock_units is {value}. Send a stock above 0, or choose "
        "another objective.",
    ),
    "NO_FORECAST": Ground(
        "product_id", "no sales are expected of product {product_id!r}: {value} units a week. Set its price by hand."
    ),
    "INSUFFICIENT_PRICE_VARIATION": Ground(
        "product_id",
        "the price of product {product_id!r} ranged from {low:.2f} to {high:.2f}, {value:.1%} apart{unidentified}; "
        "{limit:.1%} is needed to know how units answer. Vary its price first, or set it by hand.",
    ),
    "OUTSIDE_SUPPORT": Ground(
        "current_price",
        "the price {value:.2f} lies outside {low:.2f} to {high:.2f}, the prices seen give or take {limit:.0%}. Check "
        "it; set such a price by hand.",
    ),
    "INFEASIBLE_GUARDRAILS": Ground(
        "current_price",
        "no price keeps every hard rule: {named} contradict. Make the named rules agree in pricing.rules, ask for the "
        "family in one call, or set the price by hand.",
    ),
    "INTERVAL_TOO_WIDE": Ground(
        "product_id",
        "the elasticity of product {product_id!r} is not a usable number ({value}). Train the model again, or set the "
        "price by hand.",
    ),
}
CODES: Final = tuple(GROUNDS)


def decline(ask: Ask, code: str, *, field: str | None = None, rules: tuple[str, ...] = (), **facts: Any) -> Declined:
    """Refuse an ask.

    Args:
        ask: What was asked.
        code: One of `CODES`.
        field: The field to look at, where it is not the ground's own.
        rules: Codes of hard rules that contradict one another.
        facts: What the message has room for.

    >>> decline(Ask("x"), "NO_CURRENT_PRICE").message
    "no price is known for product 'x'. Send current_price with the item."
    """
    ground = GROUNDS[code]
    known = {"product_id": ask.product_id[:128], "store_id": (ask.store_id or "")[:128]}
    return Declined(ask, code, field or ground.field, ground.message.format(**known, **facts), rules)
