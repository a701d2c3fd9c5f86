"""Batches of events, and what became of them."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from serving.schemas import Answer, Identifier, Money, Request, limits_of

MAX_BATCH = 500  # fixed by the contract; a deployment can only lower it

EventType = Literal["impression", "view", "add_to_basket", "remove_from_basket", "purchase", "search"]


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d")  # pydantic also takes bare seconds since 1970


def _written_out(value: Any) -> Any:
    if not isinstance(value, str) or not _RFC_3339.match(value):
        raise PydanticCustomError("datetime_type", "Input should be an RFC 3339 time such as 2025-03-01T12:00:00Z")
    return value


def _small_enough(events: list[Any], info: ValidationInfo) -> list[Any]:
    limits = limits_of(info)
    if limits and len(events) > limits.max_batch:
        raise PydanticCustomError(
            "too_long",
            "List should have at most {limit} items, not {got}",
            {"limit": limits.max_batch, "got": len(events)},
        )
    return events


class EventIn(Request):
    """Something a customer or visitor did, or was shown."""

    event_id: Identifier = Field(
        description="Made by the caller; a repeated one is counted as a duplicate and changes nothing."
    )
    type: EventType
    customer_id: Identifier | None = None
    visitor_id: Identifier | None = None
    product_id: Identifier | None = Field(default=None, description="Needed for every type but search.")
    store_id: Identifier | None = None
    quantity: Annotated[float, Field(strict=True, gt=0, le=100_000, allow_inf_nan=False)] | None = Field(
        default=None, description="Needed for a purchase."
    )
    unit_price: Money | None = None
    decision_id: Identifier | None = Field(default=None, description="The answer that led to this event.")
    occurred_at: Annotated[AwareDatetime, BeforeValidator(_written_out)]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.customer_id is None) == (self.visitor_id is None):
            raise PydanticCustomError("one_person", "Give customer_id or visitor_id: one of them, not both")
        if self.product_id is None and self.type != "search":
            raise PydanticCustomError("product_missing", "Give product_id; only a search goes without")
        if self.quantity is None and self.type == "purchase":
            raise PydanticCustomError("quantity_missing", "Give the quantity bought")
        return self


def _keep_fault(value: Any, validate: ValidatorFunctionWrapHandler) -> EventIn | ValidationError:
    try:
        event: EventIn = validate(value)
    except ValidationError as fault:
        return fault
    return event


class EventsRequest(Request):
    """A batch of events; each is judged by itself, so that one bad event costs no other.

    A list entry that cannot be used is held as its `ValidationError`.
    """

    events: Annotated[
        list[Annotated[EventIn, WrapValidator(_keep_fault)]],
        Field(min_length=1, max_length=MAX_BATCH),
        AfterValidator(_small_enough),
    ]


class EventNote(Answer):
    """What is the matter with one event of the batch."""

    index: Annotated[int, Field(ge=0)]
    code: str
    message: str


class EventsAnswer(Answer):
    """What became of a batch; every accepted event is on disk."""

    accepted: Annotated[int, Field(ge=0)]
    duplicates: Annotated[int, Field(ge=0)]
    rejected: Annotated[int, Field(ge=0)]
    errors: tuple[EventNote, ...] = Field(description="Why each rejected event was refused.")
    warnings: tuple[EventNote, ...] = Field(description="Accepted events that can have no effect yet, and why.")
