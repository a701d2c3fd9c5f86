"""Measure the HTTP service on the real data; by hand: `python tests/benchmarks/bench_http.py ROOT`.

ROOT is a storage root on which `fairshelf demo` ran, for instance `var`. Starts the service, sends recommendation
requests over 8 connections, and does the same to a bare uvicorn app that only multiplies one vector with the
champion's product vectors and takes the best ten. Prints the JSON rows of `fairshelf bench --json`: latency at the
client and CPU of the server per request. Binds to loopback only; every loop is bounded.
"""

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from serving.keys import read_plain_keys

HOST: Final = "127.0.0.1"
N_CONNECTIONS: Final = 8
N_REQUESTS: Final = 4000
N_WARM: Final = 400
N_CUSTOMERS: Final = 400  # the demonstration numbers its customers from 1
START_TIMEOUT_S: Final = 120
RUN_TIMEOUT_S: Final = 300

FLOOR: Final = """
import json, sys
import numpy as np
vectors = np.load(sys.argv[1])
query = vectors[0].copy()
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    k = json.loads(body)["limit"] if body else 1
    scores = vectors @ query
    best = np.argpartition(-scores, k)[:k]
    best = best[np.argsort(-scores[best])]
    answer = json.dumps({"items": [{"product_idx": int(i), "score": float(scores[i])} for i in best]}).encode()
    head = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": answer})
import uvicorn
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""


def main() -> None:
    """Measure service and floor in turn, twice, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="storage root of a finished demonstration")
    parser.add_argument("--port", type=int, default=3210)
    arguments = parser.parse_args()
    root: Path = arguments.root.resolve()
    profiled = [json.dumps({"customer_id": str(n), "limit": 10}).encode() for n in range(1, N_CUSTOMERS + 1)]
    popular = [json.dumps({"limit": 10, "mode": "non_profiled"}).encode()]
    with _service(root, arguments.port) as server:
        key = read_plain_keys(root / "keys")["storefront"]  # made when the service first started
        served = asyncio.run(_measure(arguments.port, "/v1/recommendations", key, profiled, server))
        unprofiled = asyncio.run(_measure(arguments.port, "/v1/recommendations", key, popular, server))
    with _floor(root, arguments.port + 1) as server:
        floor = asyncio.run(_measure(arguments.port + 1, "/", key, popular, server))
    rows = []
    for name, figures in (("profiled", served), ("non-profiled", unprofiled), ("bare uvicorn", floor)):
        for figure, value in figures.items():
            unit = "1/s" if figure == "throughput" else "ms"
            ratio = None if name == "bare uvicorn" else round(value / floor[figure], 2)
            rows.append(
                {"name": name, "figure": figure, "value": round(value, 3), "unit": unit, "ratio_to": "bare uvicorn"}
                | {"ratio": ratio, "interval_95": None}
            )
    versions = {name: importlib.metadata.version(name) for name in ("bentoml", "uvicorn", "torch", "feast")}
    machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
    json.dump({"rows": rows, "machine": machine, "versions": versions}, sys.stdout, indent=2)
    sys.stdout.write("\n")


async def _measure(port: int, path: str, key: str, bodies: list[bytes], server: psutil.Process) -> dict[str, float]:
    await _load(port, path, key, bodies, N_WARM)
    before, started = _cpu_s(server), time.perf_counter()
    latencies = await _load(port, path, key, bodies, N_REQUESTS)
    took, cpu_s = time.perf_counter() - started, _cpu_s(server) - before
    return {
        "p50": float(np.percentile(latencies, 50)),
        "p99": float(np.percentile(latencies, 99)),
        "cpu_per_request": 1e3 * cpu_s / N_REQUESTS,
        "throughput": N_REQUESTS / took,
    }


async def _load(port: int, path: str, key: str, bodies: list[bytes], n: int) -> list[float]:
    async with asyncio.timeout(RUN_TIMEOUT_S):
        parts = await asyncio.gather(
            *(
                _connection(port, path, key, bodies[i::N_CONNECTIONS] or bodies, n // N_CONNECTIONS)
                for i in range(N_CONNECTIONS)
            )
        )
    return [latency for part in parts for latency in part]


async def _connection(port: int, path: str, key: str, bodies: list[bytes], n: int) -> list[float]:
    reader, writer = await asyncio.open_connection(HOST, port)
    latencies = []
    for i in range(n):
        body = bodies[i % len(bodies)]
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        started = time.perf_counter()
        writer.write(head.encode() + body)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode(errors="replace"))
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        latencies.append(1e3 * (time.perf_counter() - started))
    writer.close()
    return latencies


def _cpu_s(server: psutil.Process) -> float:
    processes = [server, *server.children(recursive=True)]
    return float(sum(times.user + times.system for times in (process.cpu_times() for process in processes)))


@contextmanager
def _service(root: Path, port: int) -> Iterator[psutil.Process]:
    environment = {**os.environ, "FAIRSHELF_STORAGE__ROOT": str(root)}
    command = [sys.executable, "-m", "serving.cli.app", "serve", "--port", str(port)]
    with _running(command, environment, port, "/readyz") as server:
        yield server


@contextmanager
def _floor(root: Path, port: int) -> Iterator[psutil.Process]:
    from training.artifact import load_champion
    from training.two_tower.scorer import Scorer

    vectors = Scorer.load(load_champion(root / "bundles", "two-tower")).product_vectors.T.numpy()
    file = root / "bench_floor.npy"
    np.save(file, np.ascontiguousarray(vectors))
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        with _running([sys.executable, "-c", FLOOR, str(file), str(port)], one_thread, port, "/") as server:
            yield server
    finally:
        file.unlink()


@contextmanager
def _running(command: list[str], environment: dict[str, str], port: int, ready: str) -> Iterator[psutil.Process]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        asyncio.run(_wait(port, ready))
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


async def _wait(port: int, path: str) -> None:
    for _ in range(START_TIMEOUT_S * 5):
        try:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            status = await reader.readline()
            writer.close()
            if b" 200 " in status:
                return
        except OSError:
            pass
        await asyncio.sleep(0.2)
    raise TimeoutError(f"nothing answered on port {port}")


if __name__ == "__main__":
    main()
