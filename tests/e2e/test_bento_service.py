"""The service as an operator runs it: `bentoml serve`, `bentoml build`, and what happens without keys or a model."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from configs.settings import PROJECT_ROOT
from privacy.state import open_state
from serving.app import TABLE

pytestmark = pytest.mark.e2e

BENTOML = [sys.executable, "-W", "ignore", "-m", "bentoml"]
START_S = 120


def environment(root: Path, profile: str) -> dict[str, str]:
    return {
        **os.environ,
        "FAIRSHELF_PROFILE": profile,
        "FAIRSHELF_STORAGE__ROOT": str(root / "var"),
        "BENTOML_HOME": str(root / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def served(root: Path, target: str, folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run the service until the block ends."""
    port = free_port()
    command = [*BENTOML, "serve", target, "--host", "127.0.0.1", "--port", str(port)]
    with (root / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment(root, "test"), stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url, process, root / "serve.log")
            yield url, process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/livez").status_code == 200:
                return
        time.sleep(0.2)
    raise AssertionError(f"the service did not start:\n{log.read_text()}")


def keys(root: Path) -> dict[str, str]:
    lines = (root / "var" / "keys" / "api_keys.txt").read_text().splitlines()[1:]
    return dict(line.split() for line in lines)


def test_without_a_model_it_lives_keeps_events_and_says_what_to_do(tmp_path: Path) -> None:
    with served(tmp_path, "serving.service:Fairshelf", PROJECT_ROOT) as (url, process):
        header = {"X-API-Key": keys(tmp_path)["storefront"]}
        unready = httpx.get(f"{url}/readyz")
        assert (unready.status_code, unready.json()["code"]) == (503, "NO_CHAMPION")
        assert "fairshelf train two-tower" in unready.json()["detail"]
        refused = httpx.post(f"{url}/v1/recommendations", json={}, headers=header)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
        assert httpx.post(f"{url}/v1/recommendations", json={}).status_code == 401
        sent = {
            "event_id": "e1",
            "type": "view",
            "customer_id": "customer-4711",
            "product_id": "p",
            "occurred_at": datetime.now(UTC).isoformat(),
        }
        taken = httpx.post(f"{url}/v1/events", json={"events": [sent]}, headers=header)
        assert (taken.status_code, taken.json()["accepted"]) == (202, 1)
        for path in ("/docs.json", "/schema.json", "/healthz", "/"):  # BentoML's own routes stay out of reach
            answer = httpx.get(f"{url}{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_ROUTE"), path
        assert 'fairshelf_events_total{outcome="accepted"} 1.0' in httpx.get(f"{url}/metrics").text
    assert process.returncode == 0
    log = (tmp_path / "serve.log").read_text()
    assert "customer-4711" not in log
    assert not any(key in log for key in keys(tmp_path).values())
    assert "api_keys.txt" in log
    assert "Traceback" not in log
    engine = open_state(tmp_path / "var" / "state.db")
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT event_id FROM events")).scalars().all() == ["e1"]
    engine.dispose()


def test_production_without_keys_does_not_start(tmp_path: Path) -> None:
    command = [*BENTOML, "serve", "serving.service:Fairshelf", "--port", str(free_port())]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment(tmp_path, "prod"), capture_output=True, text=True, timeout=START_S
    )
    assert done.returncode != 0
    assert "keys" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_bento_holds_the_packages_and_serves(tmp_path: Path) -> None:
    command = [*BENTOML, "build", "-f", "serving/bentofile.yaml", "--output", "tag", "."]
    built = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment(tmp_path, "test"), capture_output=True, text=True, timeout=START_S
    )
    assert built.returncode == 0, built.stderr
    (bento,) = (tmp_path / "bentoml" / "bentos" / "fairshelf").glob("*/bento.yaml")
    packed = {path.name for path in (bento.parent / "src").iterdir()} - {"README.md", "LICENSE", "bentofile.yaml"}
    assert packed == {
        "configs",
        "privacy",
        "features",
        "fairness",
        "training",
        "serving",
        "pyproject.toml",
        "requirements.lock",
    }
    requirements = (bento.parent / "env" / "python" / "requirements.txt").read_text()
    assert "feast==" in requirements
    assert (bento.parent / "src" / "features" / "feature_store.yaml").exists()
    with served(tmp_path, str(bento.parent), tmp_path) as (url, _):
        document = httpx.get(f"{url}/openapi.json").json()
        assert json.dumps(document["paths"]).count("operationId") == len(TABLE)
