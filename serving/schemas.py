"""What every request and answer share: ids, money, limits, problems."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

ID_LENGTH = 128  # fixed by the contract; a deployment can only lower it
LIST_LENGTH = 1_000  # entries of a list inside a request

Role = Literal["storefront", "ml_engineer", "ethics", "marketer", "pricing", "privacy", "operator"]
Source = Literal["repeat", "two_tower", "similar", "together", "popular", "explore", "pinned"]


@dataclass(frozen=True)
class Limits:
    """What a deployment allows inside the contract's own bounds; handed to validation as its context."""

    max_id_length: int
    max_limit: int
    max_batch: int
    currency: str

    def as_context(self) -> Mapping[str, Any]:
        """Wrap for pydantic."""
        return {"limits": self}


def limits_of(info: ValidationInfo) -> Limits | None:
    """Give the deployment's limits, or None where a model is used outside a request."""
    return info.context["limits"] if info.context else None


def _short_enough(value: str, info: ValidationInfo) -> str:
    limits = limits_of(info)
    if limits and len(value) > limits.max_id_length:
        raise PydanticCustomError(
            "string_too_long", "String should have at most {limit} characters", {"limit": limits.max_id_length}
        )
    return value


def _within_limit(value: int, info: ValidationInfo) -> int:
    limits = limits_of(info)
    if limits and value > limits.max_limit:
        raise PydanticCustomError(
            "less_than_equal", "Input should be less than or equal to {limit}", {"limit": limits.max_limit}
        )
    return value


def _known_currency(value: str, info: ValidationInfo) -> str:
    limits = limits_of(info)
    if limits and value != limits.currency:
        raise PydanticCustomError(
            "currency_unknown",
            "Prices here are in {currency}, not {given}",
            {"currency": limits.currency, "given": value},
        )
    return value


Identifier = Annotated[StrictStr, StringConstraints(min_length=1, max_length=ID_LENGTH), AfterValidator(_short_enough)]
Identifiers = Annotated[tuple[Identifier, ...], Field(max_length=LIST_LENGTH)]
Name = Annotated[StrictStr, StringConstraints(min_length=1, max_length=ID_LENGTH)]
Names = Annotated[tuple[Name, ...], Field(max_length=LIST_LENGTH)]
Currency = Annotated[StrictStr, StringConstraints(pattern="^[A-Z]{3}$"), AfterValidator(_known_currency)]
Limit = Annotated[StrictInt, Field(ge=1, le=100), AfterValidator(_within_limit)]
Flag = StrictBool


class Request(BaseModel):
    """A part of a request: frozen, and a field nobody declared is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ImpersonalRequest(Request):
    """A request about prices: fields that speak of a person are refused by name, with the rule."""


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Money(Request):
    """An amount of money: a decimal string and its currency."""

    amount: Annotated[StrictStr, StringConstraints(pattern=r"^\d{1,9}(\.\d{1,4})?$")] = Field(examples=["19.99"])
    currency: Currency = Field(examples=["USD"])


class FieldFault(Answer):
    """One fault in a request."""

    field: str
    code: str
    message: str


class Problem(Answer):
    """An error as RFC 9457 writes it, with our own code, the faults by field and the request's id."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: tuple[FieldFault, ...]
    request_id: str


class Health(Answer):
    """Whether the process lives, and whether it can answer."""

    status: Literal["ok"]
    model_version: str | None


class JsonDocument(RootModel[dict[str, Any]]):
    """A JSON object whose form is defined elsewhere."""
