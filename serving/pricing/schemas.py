"""Requests about prices. No field of any describes a person, and an unknown field is refused."""

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StrictFloat, StrictInt, StrictStr, StringConstraints
from pydantic_core import PydanticCustomError

from serving.pricing.advice import Objective
from serving.pricing.states import Status
from serving.schemas import Currency, Flag, Identifier, ImpersonalRequest, Name

MAX_ITEMS = 500  # fixed by the contract


def _at_least_one(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Ask for an entry; unlike `min_length` it keeps quiet where entries are there but faulty."""
    if not values:
        raise PydanticCustomError("too_short", "Give at least one entry")
    return values


_SOME: Final[dict[str, Any]] = {"minItems": 1}

Reason = Annotated[StrictStr, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Units = Annotated[StrictFloat, Field(ge=0, le=1e9, allow_inf_nan=False)]
Fraction = Annotated[StrictFloat, Field(ge=0, le=1, allow_inf_nan=False)]
Weeks = Annotated[StrictInt, Field(ge=1, le=26)]


class PriceIn(ImpersonalRequest):
    """A price or a cost; what is absurd is refused with the limit that it breaks."""

    amount: Annotated[StrictStr, StringConstraints(pattern=r"^-?\d{1,12}(\.\d{1,4})?$")] = Field(examples=["2.49"])
    currency: Currency = Field(examples=["USD"])


class AskIn(ImpersonalRequest):
    """One product whose price is in question."""

    product_id: Identifier
    store_id: Identifier | None = Field(default=None, description="None: the whole chain.")
    current_price: PriceIn | None = Field(default=None, description="None: the last price known.")
    unit_cost: PriceIn | None = Field(default=None, description="None: the cost on file, or an assumed share.")
    stock_units: Units | None = Field(default=None, description="What can be sold until the end of the window.")
    basket_margin: PriceIn | None = Field(default=None, description="Margin of what is bought along with one unit.")
    family_cross_effect: Fraction | None = Field(
        default=None, description="Share of the units won that the rest of the family loses."
    )


class PriceSuggestionsRequest(ImpersonalRequest):
    """Ask for prices."""

    items: Annotated[
        tuple[AskIn, ...], Field(max_length=MAX_ITEMS, json_schema_extra=_SOME), AfterValidator(_at_least_one)
    ]
    channel: Name | None = Field(default=None, description="None: every channel.")
    jurisdiction: Name | None = Field(default=None, description="Where the price is shown, such as US-NY or DE.")
    objective: Objective = "margin"
    valid_from: AwareDatetime | None = Field(default=None, description="None: now.")
    valid_until: AwareDatetime | None = Field(default=None, description="None: until another price takes its place.")
    dry_run: Flag = Field(default=False, description="Suggest, but store nothing.")


class PriceSuggestionsQuery(ImpersonalRequest):
    """Which suggestions to list."""

    status: Status | None = None
    product_id: Identifier | None = None
    store_id: Identifier | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    cursor: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class ApprovalRequest(ImpersonalRequest):
    """Agree with a suggestion or with somebody else's override."""

    note: Reason | None = None
    replaces: Annotated[tuple[Identifier, ...], Field(max_length=20)] = Field(
        default=(), description="Approved or published suggestions whose place this one takes although they overlap."
    )


class RejectionRequest(ImpersonalRequest):
    """Turn a suggestion down."""

    reason: Reason


class OverrideRequest(ImpersonalRequest):
    """Put another price in the place of the suggested one; somebody else must then approve it."""

    price: PriceIn
    reason: Reason


class PublicationRequest(ImpersonalRequest):
    """Put an approved price in force."""

    note: Reason | None = None


class TrialIn(ImpersonalRequest):
    """One product and the prices to try."""

    product_id: Identifier
    store_id: Identifier | None = None
    price: PriceIn | None = Field(default=None, description="The price to try; or give several as `prices`.")
    prices: Annotated[tuple[PriceIn, ...], Field(max_length=20)] = ()
    current_price: PriceIn | None = None
    unit_cost: PriceIn | None = None
    stock_units: Units | None = None


class PriceSimulationsRequest(ImpersonalRequest):
    """Ask what prices would bring."""

    items: Annotated[
        tuple[TrialIn, ...], Field(max_length=MAX_ITEMS, json_schema_extra=_SOME), AfterValidator(_at_least_one)
    ]
    n_weeks: Weeks | None = Field(default=None, description="None: the service's own default.")


class PlannedWeekIn(ImpersonalRequest):
    """What is known of a week to come."""

    product_id: Identifier | None = Field(default=None, description="None: every product asked for.")
    week_start: date = Field(description="Monday of the trading calendar.")
    shelf_price: PriceIn | None = None
    paid_price: PriceIn | None = Field(default=None, description="After loyalty discounts.")
    display: Fraction | None = Field(default=None, description="Share of the stores that display it.")
    mailer: Fraction | None = Field(default=None, description="Share of the stores whose mailer holds it.")
    uplift: Annotated[StrictFloat, Field(gt=0, le=100, allow_inf_nan=False)] | None = Field(
        default=None, description="Factor of a known event on expected units, such as 1.3 for a holiday."
    )


class ForecastsRequest(ImpersonalRequest):
    """Ask what will be sold."""

    product_ids: Annotated[
        tuple[Identifier, ...], Field(max_length=MAX_ITEMS, json_schema_extra=_SOME), AfterValidator(_at_least_one)
    ]
    store_ids: Annotated[tuple[Identifier, ...], Field(max_length=MAX_ITEMS)] | None = Field(
        default=None, description="None: the whole chain."
    )
    n_weeks: Weeks | None = None
    plan: Annotated[tuple[PlannedWeekIn, ...], Field(max_length=5_000)] = ()


class PricesRequest(ImpersonalRequest):
    """Ask for the prices in force."""

    product_ids: Annotated[
        tuple[Identifier, ...], Field(max_length=MAX_ITEMS, json_schema_extra=_SOME), AfterValidator(_at_least_one)
    ]
    store_id: Identifier | None = None
    channel: Name | None = None
    jurisdiction: Name | None = None


Track = Literal["none", "promo", "full"]
