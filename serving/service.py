"""The BentoML service: its process model, lifecycle and packaging around our own web application.

BentoML starts and supervises the workers, finishes requests on SIGTERM and packs the bento. Every HTTP request is
answered by `serving.app`: its error contract, roles and metrics would not survive BentoML's own routes (`/docs.json`
and the like), which therefore stay out of reach.
"""

import asyncio
import gc
import os
from typing import Any, Final

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")  # before the import: the answer is remembered

import bentoml
from bentoml.exceptions import BentoMLException
from starlette.types import ASGIApp, Receive, Scope, Send

from configs.errors import SettingsError
from privacy.errors import PrivacyError
from serving.app import build_app
from serving.errors import ServingError
from serving.services import Services

NAME: Final = "fairshelf"


class Holder:
    """The services of this process, there from start-up to shutdown."""

    def __init__(self) -> None:
        self._services: Services | None = None

    def put(self, services: Services) -> None:
        """Keep the services for the requests to come."""
        self._services = services

    def get(self) -> Services:
        """Give the services; the server takes no request before they are there."""
        if self._services is None:
            raise RuntimeError("a request came before start-up had ended")
        return self._services

    def close(self) -> None:
        """Close the services, if they were built."""
        if self._services is not None:
            self._services.close()
            self._services = None


PROCESS: Final = Holder()


class Door:
    """Answers every HTTP request with our application and leaves the lifecycle to BentoML."""

    def __init__(self, app: ASGIApp) -> None:
        self._bentoml = app
        self._web = build_app(PROCESS.get)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one connection."""
        await (self._web if scope["type"] == "http" else self._bentoml)(scope, receive, send)


@bentoml.service(
    name=NAME,
    metrics={"enabled": False},  # ours are at /metrics
    logging={"access": {"enabled": False}},  # it would log addresses, which may hold ids; ours logs templates
    tracing={"excluded_urls": ".*"},
    envs=[{"name": "BENTOML_DO_NOT_TRACK", "value": "True"}],
)
class Fairshelf:
    """Recommendations with consent, reasons and a record of every decision."""

    def __init__(self) -> None:
        from serving.bootstrap import build_services

        PROCESS.put(build_services())
        self._watching: list[asyncio.Task[None]] = []

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def check() -> None:
        """Refuse to start, once and before any worker, when settings or keys are missing; BentoML prints the reason."""
        from serving.bootstrap import check_keys

        try:
            check_keys()
        except (SettingsError, PrivacyError, ServingError) as refusal:
            raise BentoMLException(str(refusal)) from None

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    async def load(self) -> None:
        """Load the champion of every model, then watch for the next ones."""
        services = PROCESS.get()
        for holder in services.holders.values():
            await asyncio.to_thread(holder.refresh)
        gc.collect()
        gc.freeze()  # the models stay; else every full collection walks through them while a request waits
        poll_s = services.settings.bundle_poll_s
        self._watching = [asyncio.create_task(holder.watch(poll_s)) for holder in services.holders.values()]

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    async def stop(self) -> None:
        """Write down what is still in memory."""
        for watching in self._watching:
            watching.cancel()
        await asyncio.to_thread(PROCESS.close)


def _with_door(service: Any) -> Any:
    service.add_asgi_middleware(Door)
    return service


_with_door(Fairshelf)
