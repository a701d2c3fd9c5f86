"""No key lies anywhere but in its own file: every file that runs write, and every log, is searched for all of them."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from configs.settings import PROJECT_ROOT
from serving.cli.app import app
from serving.cli.app import run as run_app

pytestmark = pytest.mark.e2e

PUBLIC_KEYS = {"audit_public.key"}  # meant to be known

Command = Callable[..., None]


def secrets_of(keys: Path) -> dict[str, bytes]:
    """Every secret of a folder of keys, by the file that holds it: raw bytes for keys, text for API keys."""
    found = {}
    for path in sorted(keys.rglob("*")):
        if path.suffix == ".key" and path.name not in PUBLIC_KEYS and "public" not in path.name:
            found[path.name] = bytes.fromhex(path.read_text())
        if path.name == "api_keys.txt":
            for line in path.read_text().splitlines()[1:]:
                name, key = line.split()
                found[f"{path.name}:{name}"] = key.encode()
    return found


def shapes(secret: bytes) -> set[bytes]:
    """How a secret may be written: raw, hexadecimal, Base64 in both alphabets."""
    encoded = {base64.b64encode(secret), base64.urlsafe_b64encode(secret)}
    return {secret, secret.hex().encode(), secret.hex().upper().encode(), *(text.rstrip(b"=") for text in encoded)}


def holders(root: Path, secret: bytes) -> set[str]:
    """The files below a folder in which a secret is found."""
    wanted = shapes(secret)
    texts = ((path, path.read_bytes()) for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(root)) for path, text in texts if any(shape in text for shape in wanted)}


def assert_sealed(root: Path, keys: Path) -> int:
    """Every secret is in its own file and in no other; gives how many there are."""
    secrets = secrets_of(keys)
    for name, secret in secrets.items():
        own = str((keys / name.partition(":")[0]).relative_to(root))
        assert holders(root, secret) == {own}, name
    return len(secrets)


def test_the_search_finds_a_key_in_every_shape(tmp_path: Path) -> None:
    secret = bytes(range(32))
    for number, shape in enumerate(shapes(secret)):
        (tmp_path / f"{number}.log").write_bytes(b"before" + shape + b"after")
    (tmp_path / "clean.log").write_bytes(secret[:31])
    assert holders(tmp_path, secret) == {f"{number}.log" for number in range(len(shapes(secret)))}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs a command of ours in this process, what it printed appended to a log below the root."""
    for name, value in settings_of(tmp_path).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> None:
        code = run_app(lambda: app(list(arguments), standalone_mode=True))
        told = "".join(capfd.readouterr())
        with (tmp_path / "commands.log").open("a") as log:
            log.write(told)
        assert code == 0, told

    return run


def settings_of(root: Path) -> dict[str, str]:
    return {
        "FAIRSHELF_PROFILE": "test",
        "FAIRSHELF_STORAGE__ROOT": str(root / "var"),
        "BENTOML_HOME": str(root / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }


def test_a_life_of_the_shop_leaves_no_key_outside_its_file(tmp_path: Path, command: Command) -> None:
    (tmp_path / "var").mkdir()
    command("ingest", "files", str(PROJECT_ROOT / "docs" / "own-data"))
    command("features", "apply")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = [sys.executable, "-W", "ignore", "-m", "bentoml", "serve", "serving.service:Fairshelf"]
    with (tmp_path / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            [*serve, "--host", "127.0.0.1", "--port", str(port)],
            cwd=PROJECT_ROOT,
            env={**os.environ, **settings_of(tmp_path)},
            stdout=log,
            stderr=log,
        )
        try:
            _visit(tmp_path, f"http://127.0.0.1:{port}")
            command("privacy", "rotate-key")
            command("privacy", "rotate-key", "--purpose", "export")
            command("privacy", "retain")
            command("privacy", "erase", "--customer-id", "ben", "--json")
            decided = ("--customer-id", "ada", "--purpose", "marketing", "--refuse", "--version", "v")
            command("privacy", "consent", *decided)
            after = _consents(tmp_path, f"http://127.0.0.1:{port}", {"do_not_profile": {"version": "2", "source": "x"}})
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    assert after == {"ada's marketing": False, "do_not_profile": True}  # one person to command and server
    assert assert_sealed(tmp_path, tmp_path / "var" / "keys") >= 10
    for log_file in ("serve.log", "commands.log"):
        text = (tmp_path / log_file).read_bytes()
        assert text
        assert not re.search(rb"\bada\b|\bbob\b", text)


def _visit(root: Path, url: str) -> None:
    """Wait for the server and use it, with good keys and with bad ones."""
    until = time.monotonic() + 120
    while True:
        try:
            httpx.get(f"{url}/livez")
            break
        except httpx.TransportError:
            assert time.monotonic() < until, (root / "serve.log").read_text()
            time.sleep(0.2)
    event = {
        "event_id": "e1",
        "type": "view",
        "customer_id": "ada",
        "product_id": "milk",
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    headers = {"X-API-Key": _keys(root)["storefront"]}
    assert httpx.post(f"{url}/v1/events", json={"events": [event]}, headers=headers).status_code == 202
    assert httpx.get(f"{url}/v1/models", headers=headers).status_code == 403
    assert httpx.get(f"{url}/v1/models", headers={"X-API-Key": _keys(root)["storefront"][:-1]}).status_code == 401
    assert httpx.post(f"{url}/v1/events", content=b"{", headers=headers).status_code == 415
    grant = {"purpose": "marketing", "granted": True, "version": "1", "source": "x"}
    assert _consents(root, url, {"consents": [grant]})["ada's marketing"] is True


def _consents(root: Path, url: str, body: dict[str, Any]) -> dict[str, bool]:
    headers = {"X-API-Key": _keys(root)["privacy"]}
    answer = httpx.put(f"{url}/v1/customers/ada/consents", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    told = json.loads(answer.text)
    marketing = {one["purpose"]: one["granted"] for one in told["consents"]}["marketing"]
    return {"ada's marketing": marketing, "do_not_profile": told["do_not_profile"]}


def _keys(root: Path) -> dict[str, str]:
    lines = (root / "var" / "keys" / "api_keys.txt").read_text().splitlines()[1:]
    return dict(line.split() for line in lines)


def test_training_auditing_and_promoting_leave_no_key_outside_its_file(chain: Any) -> None:
    storage = chain.settings.storage
    assert (storage.bundles / "demand" / "champion.json").exists()
    assert assert_sealed(storage.root, storage.keys) >= 2
