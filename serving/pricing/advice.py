"""What a pricing manager asks, and the answer: a price with its reasons, a what-if, or a refusal with a code."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NamedTuple

Objective = Literal["margin", "revenue", "units", "clearance"]
OBJECTIVES: Final[tuple[Objective, ...]] = ("margin", "revenue", "units", "clearance")
Kind = Literal["hard", "soft"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One product, at one store or across the chain, whose price is in question.

    Nothing here describes a person, and nothing else reaches a price.

    Attributes:
        product_id: The source's own id.
        store_id: Where; None for the chain.
        current_price: What it costs today; None where the assortment's own last price holds.
        unit_cost: What the retailer pays for one; None where the assortment's own cost holds.
        stock_units: What can be sold until the end of the window; None where it is not known.
        basket_margin: Margin of what is bought along with one unit, USD; None counts as 0.
        family_cross_effect: Share of the units won by a change that the rest of the family loses, 0 to 1; None
            where the setting holds.
    """

    product_id: str
    store_id: str | None = None
    current_price: Decimal | None = None
    unit_cost: Decimal | None = None
    stock_units: float | None = None
    basket_margin: Decimal | None = None
    family_cross_effect: float | None = None


class Guardrail(NamedTuple):
    """A rule in force for a price, and whether it stopped a better one.

    `limit` is in the unit of the rule: a share (MAX_CHANGE, MIN_MARGIN), USD (COST_FLOOR, LIST_PRICE_CAP) or days.
    """

    code: str
    kind: Kind
    limit: float
    binding: bool
    reason: str


class Response(NamedTuple):
    """How units answer to the price, in per cent per per cent, and the level that tells it."""

    value: float
    low_80: float
    high_80: float
    source: str  # product | category | chain


class Amounts(NamedTuple):
    """An expected amount of money with the interval that holds it in four weeks of five."""

    value: Decimal
    low_80: Decimal
    high_80: Decimal


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected of one price over the window.

    Attributes:
        units: Units expected to be sold; never more than the stock, where that is known.
        units_80: Interval of the units, demand noise and elasticity both counted.
        revenue: Price times units.
        margin: Price less unit cost, times units; the product's own, without basket or family.
        in_support: Whether the price lies among those at which the product was seen to sell.
    """

    units: float
    units_80: tuple[float, float]
    revenue: Amounts
    margin: Amounts
    in_support: bool


@dataclass(frozen=True, slots=True)
class Approval:
    """Whether a person must agree, and the codes that say why."""

    required: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """A price suggestion.

    Attributes:
        ask: What was asked.
        currency: ISO 4217.
        current_price: The price that the change is measured from.
        suggested_price: Within every hard rule; equals `current_price` where keeping it is best.
        unit_cost: The cost that was reckoned with.
        cost_assumed: Whether the cost is a share of the price, not a fact.
        n_weeks: The window.
        guardrails: Rules in force, hard ones first.
        elasticity: The response that was used.
        expected: What the suggested price is expected to bring.
        unchanged: What the current price is expected to bring.
        margin_change: Margin at the suggested price less that at the current one in the same weeks; basket and
            family count where they are known.
        confidence: Probability that the objective gains by the change; 1 where the price is kept.
        approval: Whether a person must agree.
        reasons: Sentences for the manager, most telling first.
    """

    ask: Ask
    currency: str
    current_price: Decimal
    suggested_price: Decimal
    unit_cost: Decimal
    cost_assumed: bool
    n_weeks: int
    guardrails: tuple[Guardrail, ...]
    elasticity: Response
    expected: Outlook
    unchanged: Outlook
    margin_change: Amounts
    confidence: float
    approval: Approval
    reasons: tuple[str, ...]

    @property
    def product_id(self) -> str:
        """The product asked for."""
        return self.ask.product_id

    @property
    def store_id(self) -> str | None:
        """The store asked for; None for the chain."""
        return self.ask.store_id


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a given price is expected to bring.

    Attributes:
        ask: What was asked.
        currency: ISO 4217.
        price: The price tried.
        unit_cost: The cost that was reckoned with.
        cost_assumed: Whether the cost is a share of the price, not a fact.
        n_weeks: The window.
        elasticity: The response that was used.
        expected: Units, revenue and margin; `in_support` tells a price never seen.
        reasons: What to bear in mind.
    """

    ask: Ask
    currency: str
    price: Decimal
    unit_cost: Decimal
    cost_assumed: bool
    n_weeks: int
    elasticity: Response
    expected: Outlook
    reasons: tuple[str, ...]

    @property
    def product_id(self) -> str:
        """The product asked for."""
        return self.ask.product_id

    @property
    def store_id(self) -> str | None:
        """The store asked for; None for the chain."""
        return self.ask.store_id


@dataclass(frozen=True, slots=True)
class Declined:
    """A refusal: no price is better than a guess.

    Attributes:
        ask: What was asked.
        code: One of `serving.pricing.refusals.CODES`.
        field: The field of the ask to look at, such as `current_price`; `product_id` where none stands out.
        message: What, the value, the limit and the next step.
        rules: Codes of the hard rules that contradict one another; empty unless they do.
    """

    ask: Ask
    code: str
    field: str
    message: str
    rules: tuple[str, ...] = ()

    @property
    def product_id(self) -> str:
        """The product asked for."""
        return self.ask.product_id

    @property
    def store_id(self) -> str | None:
        """The store asked for; None for the chain."""
        return self.ask.store_id
