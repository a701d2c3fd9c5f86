"""Answers about prices."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from serving.pricing.schemas import Track
from serving.pricing.states import Move, Status
from serving.schemas import Answer, Money


class PriorPriceOut(Answer):
    """Lowest price of the 30 days before the reduction began."""

    lowest_30d: Money | None
    window_start: datetime | None
    window_end: datetime | None
    reason: str | None = Field(description="NO_REDUCTION, NO_HISTORY, SHORT_HISTORY, or null.")


class DisclosureOut(Answer):
    """What must stand beside the price."""

    required: bool
    text: str | None
    law: str | None = Field(description="The law that was checked.")
    jurisdiction: str


class GuardrailOut(Answer):
    """A rule in force."""

    code: str
    kind: str
    limit: float
    binding: bool
    reason: str


class HardLimitOut(Answer):
    """Between which prices a hard rule lets a person choose; decimal strings."""

    code: str
    low: str | None
    high: str | None


class ElasticityOut(Answer):
    """How units answer to the price."""

    value: float
    interval_80: tuple[float, float]
    source: str


class UnitsOut(Answer):
    """Expected units over the window."""

    units: float
    interval_80: tuple[float, float]
    in_support: bool
    n_weeks: int


class ExpectedOut(Answer):
    """Expected money over the window; decimal strings."""

    revenue: str
    margin: str
    margin_change_interval_80: tuple[str, str]
    revenue_interval_80: tuple[str, str]
    margin_interval_80: tuple[str, str]
    margin_change: str
    unchanged: dict[str, Any] = Field(description="Units, revenue and margin expected at the current price.")


class ApprovalOut(Answer):
    """Whether a person must agree, and why."""

    required: bool
    reasons: tuple[str, ...]


class OverrideOut(Answer):
    """A price that a person put in the place of the suggested one."""

    price: Money
    by: str
    reason: str


class MoveOut(Answer):
    """One entry of the log of moves."""

    at: datetime
    actor: str
    action: str
    from_: Status | None = Field(alias="from")
    to: Status
    facts: dict[str, Any]


class PriceSuggestionOut(Answer):
    """A price suggestion and where it stands."""

    suggestion_id: str | None = Field(description="Null in a dry run.")
    decision_id: str | None
    product_id: str
    store_id: str | None
    channel: str | None
    jurisdiction: str
    objective: str
    status: Status
    allowed_moves: tuple[Move, ...]
    created_at: datetime
    created_by: str
    valid_from: datetime
    valid_until: datetime | None
    current_price: Money
    suggested_price: Money
    price: Money = Field(description="What is or would be published: the suggestion, or its override.")
    override: OverrideOut | None
    unit_cost: Money
    cost_assumed: bool
    prior_price: PriorPriceOut
    personalized: bool
    personal_data_used: tuple[str, ...]
    disclosure: DisclosureOut
    guardrails: tuple[GuardrailOut, ...]
    hard_limits: tuple[HardLimitOut, ...]
    elasticity: ElasticityOut
    forecast: UnitsOut
    expected: ExpectedOut
    confidence: float
    approval: ApprovalOut
    reasons: tuple[str, ...]
    model_version: str


class PriceSuggestionDetail(PriceSuggestionOut):
    """A price suggestion with all that happened to it."""

    moves: tuple[MoveOut, ...]


class RefusedOut(Answer):
    """An item that gets no answer, and why."""

    product_id: str
    store_id: str | None
    code: str
    field: str
    message: str


class PriceSuggestionsAnswer(Answer):
    """Prices suggested, and items refused."""

    decision_id: str | None
    generated_at: datetime
    took_ms: float
    suggestions: tuple[PriceSuggestionOut, ...]
    refused: tuple[RefusedOut, ...]


class PriceSuggestionsPage(Answer):
    """Suggestions on record, newest first."""

    suggestions: tuple[PriceSuggestionOut, ...]
    next_cursor: str | None


class SimulationOut(Answer):
    """What one price would bring."""

    product_id: str
    store_id: str | None
    price: Money
    n_weeks: int
    units: float
    units_interval_80: tuple[float, float]
    in_support: bool
    revenue: str
    revenue_interval_80: tuple[str, str]
    margin: str
    margin_interval_80: tuple[str, str]
    unit_cost: Money
    cost_assumed: bool
    elasticity: ElasticityOut
    personalized: bool
    personal_data_used: tuple[str, ...]
    reasons: tuple[str, ...]


class PriceSimulationsAnswer(Answer):
    """What prices would bring, and items refused."""

    decision_id: str
    generated_at: datetime
    took_ms: float
    simulations: tuple[SimulationOut, ...]
    refused: tuple[RefusedOut, ...]


class ForecastOut(Answer):
    """Expected units and quantiles of one product in one week."""

    product_id: str
    store_id: str | None
    week_start: date
    mean: float
    q10: float
    q20: float
    q30: float
    q40: float
    q50: float
    q60: float
    q70: float
    q80: float
    q90: float


class ForecastsAnswer(Answer):
    """What will be sold."""

    decision_id: str
    generated_at: datetime
    took_ms: float
    model: dict[str, Any]
    origin: date | None
    track: Track
    forecasts: tuple[ForecastOut, ...]
    missing_ids: tuple[str, ...]
    missing_store_ids: tuple[str, ...]


class PriceOut(Answer):
    """The price in force."""

    product_id: str
    store_id: str | None
    channel: str | None
    price: Money
    source: str = Field(description="published, or observed where no price was published.")
    suggestion_id: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    prior_price: PriorPriceOut
    personalized: bool
    personal_data_used: tuple[str, ...]
    disclosure: DisclosureOut


class PricesAnswer(Answer):
    """Prices in force."""

    decision_id: str
    generated_at: datetime
    prices: tuple[PriceOut, ...]
    missing_ids: tuple[str, ...]
