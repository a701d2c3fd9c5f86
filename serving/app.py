"""The web application: the route table behind one door, and an answer for whatever happens."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from serving import door, problems
from serving.errors import BodyTooLarge, ClientGone, MethodUnknown, Refusal, RouteUnknown
from serving.exchange import Call, Reply
from serving.log import failed, info
from serving.metrics import answered, timed
from serving.openapi import openapi
from serving.routes import PUBLIC, ROUTES, Route
from serving.routes_customers import CUSTOMER_ROUTES
from serving.routes_fairness import FAIRNESS_ROUTES
from serving.routes_pricing import PRICING_ROUTES
from serving.routes_privacy import PRIVACY_ROUTES
from serving.schemas import JsonDocument
from serving.services import Services

GetServices = Callable[[], Services]

_NO_ROUTE: Final = "unknown"
_QUIET: Final = frozenset({"/livez", "/readyz", "/metrics"})  # asked every few seconds: counted, not logged


async def _openapi(_services: Services, _call: Call) -> Reply:
    return Reply(_document())


TABLE: Final = (
    *ROUTES,
    *PRICING_ROUTES,
    *FAIRNESS_ROUTES,
    *PRIVACY_ROUTES,
    *CUSTOMER_ROUTES,
    Route(
        method="GET",
        path="/openapi.json",
        roles=PUBLIC,
        handler=_openapi,
        summary="This document",
        answers={200: JsonDocument},
    ),
)


@lru_cache(maxsize=1)
def _document() -> bytes:
    return json.dumps(openapi(TABLE)).encode()


def build_app(services: GetServices) -> Starlette:
    """Build the application from the route table; whatever is not in the table is answered 404.

    Args:
        services: Gives the services, which need not exist before the first request.
    """
    by_path: dict[str, dict[str, Route]] = {}
    for route in TABLE:
        by_path.setdefault(route.path, {})[route.method] = route
    addresses = [StarletteRoute(path, Address(path, methods, services)) for path, methods in by_path.items()]
    nowhere = StarletteRoute("/{path:path}", Address(_NO_ROUTE, {}, services))
    app = Starlette(routes=[*addresses, nowhere])
    app.router.redirect_slashes = False
    return app


@dataclass
class _Visit:
    """What is known of a request while it is answered, for the log and the figures."""

    request_id: str
    started: float = field(default_factory=time.perf_counter)
    caller: str | None = None


class Address:
    """One address of the service as an ASGI application.

    Args:
        path: Template of the address; the log and the figures know no other.
        methods: Its routes by method.
        services: Gives the services.
    """

    def __init__(self, path: str, methods: Mapping[str, Route], services: GetServices) -> None:
        self._path = path
        self._methods = dict(methods)
        if "GET" in self._methods:
            self._methods["HEAD"] = self._methods["GET"]
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        headers = door.headers_of(scope)
        visit = _Visit(door.request_id_of(headers))
        try:
            reply = await self._answer(scope, receive, headers, visit)
            extra = reply.headers
        except ClientGone:
            return
        except Refusal as refusal:
            reply, extra = _refused(refusal, scope, visit)
        except Exception as failure:
            failed("a request failed", failure, request_id=visit.request_id, route=self._path)
            reply, extra = _refused(problems.translate(failure), scope, visit)
        await _send(reply, extra, scope, send, visit)
        self._account(scope["method"], reply, visit)

    async def _answer(self, scope: Scope, receive: Receive, headers: door.Headers, visit: _Visit) -> Reply:
        if not self._methods:
            raise RouteUnknown
        route = self._methods.get(scope["method"])
        if route is None:
            raise MethodUnknown(method=scope["method"], allowed=self._methods)
        services = self._services()
        caller = door.admit(route, headers, services.keys)
        visit.caller = caller.name if caller else None
        body = await door.read_request(route, headers, receive, settings=services.settings, limits=services.limits)
        query = door.read_query(route.query, QueryParams(scope["query_string"])) if route.query else None
        call = Call(scope.get("path_params", {}), query, body, caller, headers.get(door.IDEMPOTENCY_KEY))
        return await route.handler(services, call)

    def _account(self, method: str, reply: Reply, visit: _Visit) -> None:
        seconds = time.perf_counter() - visit.started
        known = method if method in self._methods else "other"
        answered(self._path, known, reply.status).inc()
        timed(self._path).observe(seconds)
        if self._path not in _QUIET:
            info(
                "request",
                request_id=visit.request_id,
                route=self._path,
                method=known,
                status=reply.status,
                took_ms=round(seconds * 1000, 3),
                caller=visit.caller,
                **reply.facts,
            )


def _refused(refusal: Refusal, scope: Scope, visit: _Visit) -> tuple[Reply, Mapping[str, str]]:
    kind = problems.KINDS[type(refusal)]
    document = problems.document(refusal, instance=scope["path"], request_id=visit.request_id)
    extra = problems.headers(refusal)
    if isinstance(refusal, BodyTooLarge):  # the rest of the body is not wanted
        extra = {**extra, "Connection": "close"}
    reply = Reply(
        json.dumps(document).encode(), status=kind.status, media_type=problems.PROBLEM_TYPE, facts={"code": kind.code}
    )
    return reply, extra


async def _send(reply: Reply, extra: Mapping[str, str], scope: Scope, send: Send, visit: _Visit) -> None:
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", reply.media_type.encode()),
        (b"content-length", str(len(reply.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (door.REQUEST_ID, visit.request_id.encode()),
        *((name.lower().encode(), value.encode("latin-1", "replace")) for name, value in extra.items()),
    ]
    body: Any = b"" if scope["method"] == "HEAD" else reply.body
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
