"""One request and one answer, as handlers see them."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from serving.keys import Caller
from serving.services import Services

JSON_TYPE: Final = "application/json"
HTML_TYPE: Final = "text/html; charset=utf-8"

# A stored page holds its own style and pictures; whatever else it might ask for, and every script, is forbidden.
_SEALED_PAGE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Call:
    """A request that passed the door: allowed, complete, checked.

    Args:
        path: Parameters of the path.
        query: Parameters behind the question mark, checked.
        body: The parsed body, where the route has one.
        caller: Who calls; None on a public route.
        idempotency_key: Header under which the same request may be sent again without being done again.
    """

    path: Mapping[str, str]
    query: BaseModel | None
    body: BaseModel | None
    caller: Caller | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Reply:
    """What goes back.

    Args:
        body: Bytes of the body.
        status: HTTP status.
        media_type: Content type.
        facts: Fields for the log line.
        headers: Header lines beside those that every answer carries.
    """

    body: bytes
    status: int = 200
    media_type: str = JSON_TYPE
    facts: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Services, Call], Awaitable[Reply]]


def as_json(answer: Mapping[str, Any], *, status: int = 200, **facts: Any) -> Reply:
    """Reply with JSON."""
    return Reply(json.dumps(answer, separators=(",", ":")).encode(), status=status, facts=facts)


def as_page(html: bytes, **facts: Any) -> Reply:
    """Reply with a page that a browser shows and lets do nothing."""
    return Reply(html, media_type=HTML_TYPE, facts=facts, headers=_SEALED_PAGE)
