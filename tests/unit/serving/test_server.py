"""Checks before the service starts."""

import socket

import pytest

from configs.loading import load_settings
from serving.errors import HostUnknown, PortInUse
from serving.server import require_free, resolve, serve


def test_a_port_in_use_is_refused_with_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"127\.0\.0\.1:{port} .*FAIRSHELF_SERVING__PORT"):
            require_free("127.0.0.1", port)
    require_free("127.0.0.1", port)


def test_serve_refuses_the_port_before_anything_starts(tmp_path: object) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUse):
            serve(load_settings("test", [f"storage.root={tmp_path}", f"serving.port={port}"]))


def test_an_unknown_host_is_refused() -> None:
    with pytest.raises(HostUnknown, match=r"serving\.host"):
        resolve("no such host")


def test_an_address_of_the_second_kind_works() -> None:
    assert resolve("::1") == "::1"
