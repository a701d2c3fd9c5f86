"""Start the HTTP service: checks first, then BentoML's supervisor and its workers."""

import socket
from typing import Any

from configs.settings import Settings
from serving.bootstrap import check_keys
from serving.errors import HostUnknown, PortInUse


def serve(settings: Settings) -> None:
    """Serve until interrupted; SIGTERM and SIGINT let requests in flight finish.

    The workers are processes of their own that load settings for themselves: profile and overrides must be in the
    environment (FAIRSHELF_PROFILE, FAIRSHELF_<SECTION>__<KEY>).

    Args:
        settings: Host, port and number of workers are read here, the rest by the workers.

    Raises:
        ApiKeysMissing, ApiKeysBroken: If nobody could call the service.
        KeyMissing, KeyUnusable: If there is no pseudonym key.
        HostUnknown: If the host name has no address.
        PortInUse: If something listens on the port already.
    """
    check_keys(settings)
    address = resolve(settings.serving.host)
    require_free(address, settings.serving.port)
    from serving.service import Fairshelf

    service: Any = Fairshelf  # the decorator made a bentoml.Service of the class
    service.config["workers"] = settings.serving.workers
    service.serve_http(host=address, port=settings.serving.port)


def resolve(host: str) -> str:
    """Give the address of a host name; BentoML binds to addresses only.

    Raises:
        HostUnknown: If it has none.

    >>> resolve("127.0.0.1")
    '127.0.0.1'
    """
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as failure:
        raise HostUnknown(host=host, problem=failure.strerror or "unknown") from None


def require_free(address: str, port: int) -> None:
    """Make sure that a port can be listened on.

    Raises:
        PortInUse: If it cannot.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as failure:
            raise PortInUse(address=address, port=port, problem=failure.strerror or "in use") from None
