"""What every request passes before a handler sees it: key, role, size, type, JSON, fields."""

import asyncio
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from starlette.types import Receive, Scope

from configs.settings import ServingSettings
from serving.errors import (
    BodyTooLarge,
    BodyTooSlow,
    ClientGone,
    ContentTypeUnsupported,
    FieldsInvalid,
    KeyAbsent,
    KeyUnknown,
    RoleMissing,
)
from serving.exchange import JSON_TYPE
from serving.keys import Caller, KeyRing
from serving.routes import Route
from serving.schemas import Limits
from serving.validation import explain, parse

REQUEST_ID: Final = b"x-request-id"
IDEMPOTENCY_KEY: Final = b"idempotency-key"

_WANTED: Final = frozenset(
    {
        b"authorization",
        b"x-api-key",
        b"content-type",
        b"content-length",
        b"content-encoding",
        REQUEST_ID,
        IDEMPOTENCY_KEY,
    }
)
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DISCARDED: Final = 64 * 1024 * 1024  # bytes read off a body that is too large, so that its sender gets to the answer
_SHOWN: Final = 100  # characters of a foreign header that an answer repeats

Headers = Mapping[bytes, str]


def headers_of(scope: Scope) -> Headers:
    """Pick the header lines we read."""
    return {name: value.decode("latin-1") for name, value in scope["headers"] if name in _WANTED}


def request_id_of(headers: Headers) -> str:
    """Take the caller's request id where it is sane, else make one."""
    given = headers.get(REQUEST_ID, "")
    return given if _SANE_ID.fullmatch(given) else f"req_{secrets.token_hex(8)}"


def admit(route: Route, headers: Headers, keys: KeyRing) -> Caller | None:
    """Check key and role.

    Returns:
        Who calls; None on a public route, where no key is looked at.

    Raises:
        KeyAbsent: If there is no key.
        KeyUnknown: If nobody was given it.
        RoleMissing: If its roles do not open the route.
    """
    if route.public:
        return None
    key = _key(headers)
    if not key:
        raise KeyAbsent
    caller = keys.caller(key)
    if caller is None:
        raise KeyUnknown
    if not route.admits(caller.roles):
        raise RoleMissing(wanted=route.roles)
    return caller


async def read_request(
    route: Route, headers: Headers, receive: Receive, *, settings: ServingSettings, limits: Limits
) -> BaseModel | None:
    """Read and check a body; where the route can do without one, nothing is read as an empty object.

    Returns:
        The body as the route's model; None where the route has none.

    Raises:
        ContentTypeUnsupported: If it is not declared as plain JSON.
        BodyTooLarge: If it exceeds the limit; at most that much is ever held.
        BodyTooSlow: If it takes too long to arrive.
        BodyTooDeep: If it nests too deep.
        BodyMalformed: If it is not JSON.
        FieldsInvalid: If fields are unknown, missing, of the wrong type or out of range.
    """
    if route.body is None:
        return None
    omitted = route.body_optional and b"content-type" not in headers
    if not omitted:
        _check_type(headers)
    declared = headers.get(b"content-length", "")
    length = int(declared[:20]) if declared.isascii() and declared.isdigit() else 0
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            if length > settings.max_body_bytes:
                await _discard(receive, length)
                raise BodyTooLarge(limit_bytes=settings.max_body_bytes)
            body = await _read(receive, settings.max_body_bytes)
    except TimeoutError:
        raise BodyTooSlow(limit_s=settings.body_timeout_s) from None
    if omitted and body:
        _check_type(headers)
    return parse(body or b"{}" if omitted else body, route.body, limits=limits, max_depth=settings.max_json_depth)


def read_query(model: type[BaseModel], parameters: Mapping[str, Any]) -> BaseModel:
    """Check the parameters behind the question mark.

    Raises:
        FieldsInvalid: If one is unknown or out of range.
    """
    try:
        return model.model_validate(dict(parameters))
    except ValidationError as failure:
        details = failure.errors(include_url=False, include_input=False)
        raise FieldsInvalid(errors=explain(details, model)) from None


def _key(headers: Headers) -> str:
    scheme, _, token = headers.get(b"authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get(b"x-api-key", "")


def _check_type(headers: Headers) -> None:
    declared = headers.get(b"content-type", "")
    media_type, _, parameters = declared.partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    plain = headers.get(b"content-encoding", "identity").lower() == "identity"
    if media_type.strip().lower() != JSON_TYPE or charset not in ("", "charset=utf-8") or not plain:
        raise ContentTypeUnsupported(got=(declared if plain else headers[b"content-encoding"])[:_SHOWN] or "nothing")


async def _discard(receive: Receive, length: int) -> None:
    """Take a body of moderate length off the wire and keep none of it; a sender cut off midway would not see why."""
    more = length <= _DISCARDED
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        more = message.get("more_body", False)


async def _read(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit_bytes=limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
