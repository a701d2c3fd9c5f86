"""From the bytes of a body to a checked request, or to every fault in it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from serving.errors import BodyMalformed, BodyTooDeep, FieldError, FieldsInvalid
from serving.pricing.personal import RULE, is_personal
from serving.schemas import ImpersonalRequest, Limits

Checked = TypeVar("Checked", bound=BaseModel)

MAX_FAULTS: Final = 100  # faults listed per answer
_FIELD_LENGTH: Final = 128  # characters of a caller's own field name that are sent back

# Strings and everything that opens or closes nothing. Possessive and with an end for unclosed strings: linear time.
_NO_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.?)*+(?:"|\Z)|[^"\[\]{}]++', re.DOTALL)

PERSONAL: Final = "personal_field"

_CODES: Final[Mapping[str, str]] = {
    "extra_forbidden": "UNKNOWN_FIELD",
    "missing": "MISSING_FIELD",
    "string_too_long": "TOO_LONG",
    "string_too_short": "TOO_SHORT",
    "too_long": "TOO_MANY",
    "too_short": "TOO_FEW",
    "greater_than": "OUT_OF_RANGE",
    "greater_than_equal": "OUT_OF_RANGE",
    "less_than": "OUT_OF_RANGE",
    "less_than_equal": "OUT_OF_RANGE",
    "finite_number": "OUT_OF_RANGE",
    "literal_error": "UNKNOWN_VALUE",
    "string_pattern_mismatch": "WRONG_FORMAT",
    "timezone_aware": "NO_TIME_ZONE",
    "both_ids": "CUSTOMER_AND_VISITOR",
    "one_person": "CUSTOMER_OR_VISITOR",
    "product_missing": "MISSING_FIELD",
    "quantity_missing": "MISSING_FIELD",
    "currency_unknown": "UNKNOWN_CURRENCY",
    PERSONAL: "PERSONAL_FIELD",
}
_MESSAGES: Final[Mapping[str, str]] = {
    "extra_forbidden": "There is no such field; leave it out or correct its name",
    "missing": "This field is needed",
    PERSONAL: f"This field speaks of a person. {RULE}",
}
_NEXT_STEPS: Final[Mapping[str, str]] = {
    "too_long": " Split the request into several.",
    "currency_unknown": " Convert the amount first.",
}
_FIELDS: Final[Mapping[str, str]] = {"product_missing": "product_id", "quantity_missing": "quantity"}


def parse(body: bytes, model: type[Checked], *, limits: Limits, max_depth: int) -> Checked:
    """Read a JSON body as one of the request models.

    Raises:
        BodyTooDeep: If it nests deeper than max_depth.
        BodyMalformed: If it is not JSON.
        FieldsInvalid: If it is, but fields are unknown, missing, of the wrong type or out of range.
    """
    if nests_deeper(body, max_depth):
        raise BodyTooDeep(limit=max_depth)
    try:
        return model.model_validate_json(body, context=dict(limits.as_context()))
    except ValidationError as failure:
        details = failure.errors(include_url=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        raise BodyMalformed(problem=str(details[0].get("ctx", {}).get("error", "unreadable")))
    raise FieldsInvalid(errors=explain(details, model))


def nests_deeper(body: bytes, max_depth: int) -> bool:
    """Tell whether brackets outside strings nest deeper than a limit.

    >>> nests_deeper(b'{"a": ["[[["]}', 2), nests_deeper(b"[[[1]]]", 2)
    (False, True)
    """
    if body.count(b"{") + body.count(b"[") <= max_depth:
        return False
    depth = 0
    for bracket in _NO_BRACKET.sub(b"", body):
        depth += 1 if bracket in b"{[" else -1
        if depth > max_depth:
            return True
    return False


def explain(details: Iterable[ErrorDetails], model: type[BaseModel]) -> list[FieldError]:
    """Turn pydantic's faults into ours, the first `MAX_FAULTS` of them; no value of the caller is repeated."""
    refuses_personal = issubclass(model, ImpersonalRequest)
    return [_fault(detail, refuses_personal=refuses_personal) for detail in list(details)[:MAX_FAULTS]]


def code_of(kind: str) -> str:
    """Give our code for one of pydantic's kinds of fault.

    >>> code_of("missing"), code_of("int_type")
    ('MISSING_FIELD', 'WRONG_TYPE')
    """
    if kind in _CODES:
        return _CODES[kind]
    if kind.startswith(("datetime", "timezone", "date_")):
        return "INVALID_TIME"
    return "WRONG_TYPE"


def _fault(detail: ErrorDetails, *, refuses_personal: bool) -> FieldError:
    kind = detail["type"]
    if refuses_personal and kind == "extra_forbidden" and is_personal(str(detail["loc"][-1])):
        kind = PERSONAL
    place: tuple[Any, ...] = (*detail["loc"], _FIELDS[kind]) if kind in _FIELDS else detail["loc"]
    return FieldError(
        field=".".join(str(part) for part in place)[:_FIELD_LENGTH] or "body",
        code=code_of(kind),
        message=f"{_MESSAGES.get(kind, detail['msg'])}.{_NEXT_STEPS.get(kind, '')}",
    )
