"""README.md as a new user follows it, in a clean copy of the project: every command it shows, and its figures."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from configs.settings import PROJECT_ROOT
from serving.keys import read_plain_keys
from training.demand.evaluation_results import DemandEvaluation
from training.demand.plan import TRACKS, Track
from training.evaluation_results import Evaluation

pytestmark = [pytest.mark.e2e, pytest.mark.real_data, pytest.mark.timeout(1800)]

DEMO_LIMIT_S = 1500
COMMAND_LIMIT_S = 900
READY_LIMIT_S = 120
QUICK = {
    "FAIRSHELF_TWO_TOWER__MAX_EPOCHS": "1",
    "FAIRSHELF_RANKER__REPEAT__N_WINDOWS": "1",
    "FAIRSHELF_RANKER__NOVEL__N_WINDOWS": "1",
    "FAIRSHELF_DEMAND__FORECASTER__N_EPOCHS": "1",
    "FAIRSHELF_DEMAND__FORECASTER__N_MEMBERS": "1",
    "FAIRSHELF_DEMAND__FORECASTER__MAX_ROWS": "40000",
}
NOT_IN_A_CLONE = shutil.ignore_patterns(".git", ".venv", "var", "*.egg-info", ".*_cache", "__pycache__", ".hypothesis")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy of the project in which `fairshelf` runs its own code and writes its own var/."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    shutil.copytree(PROJECT_ROOT, folder, ignore=NOT_IN_A_CLONE)
    command = folder / ".venv" / "bin" / "fairshelf"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} -m serving.cli.app "$@"\n')
    command.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture(scope="module")
def demo(clone: Path, port: int) -> Iterator[str]:
    """What `fairshelf demo` printed, while its service runs."""
    with (clone / "demo.log").open("w") as log:
        process = subprocess.Popen(
            ["fairshelf", "demo", "--set", f"serving.port={port}"],
            cwd=clone,
            env=environment(clone),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_until_ready(port, process, clone / "demo.log")
            yield (clone / "demo.log").read_text()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def environment(clone: Path, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FAIRSHELF_", "COV_"))}
    return {**inherited, "PATH": f"{clone / '.venv' / 'bin'}:{os.environ['PATH']}", **more}


def wait_until_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + DEMO_LIMIT_S
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(1)
    raise AssertionError(f"not ready after {DEMO_LIMIT_S} s: {log.read_text()[-3000:]}")


def commands() -> list[str]:
    """The commands of README's shell blocks, comments and continued lines joined, `make` apart."""
    text = (PROJECT_ROOT / "README.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    found: list[str] = []
    for block in blocks:
        part = ""
        for line in block.splitlines():
            part += line + "\n"
            if not line.endswith("\\") and part.count("'") % 2 == 0:
                found.append(part.strip())
                part = ""
    return [command for command in found if not command.startswith("make ")]


def run_shell(command: str, clone: Path, port: int) -> str:
    done = subprocess.run(
        ["sh", "-c", command.replace(":3000", f":{port}")],
        cwd=clone,
        env=environment(clone, **QUICK),
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT_S,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr
    return done.stdout


def test_demo_prints_each_step_and_the_first_request(demo: str, port: int) -> None:
    steps = (
        "ingest",
        "recommender: features, training, evaluation",
        "demand: panel, training, evaluation",
        "fairness audits",
        "promotion",
    )
    for text in (*steps, "online store", "price history", "altogether", "champion: two-tower", "champion: demand"):
        assert text in demo
    assert len(re.findall(r"audited PASS, signed by key [0-9a-f]{16}; the report: .*/report\.html", demo)) == 2
    assert "A price suggestion" in demo
    assert re.search(r"personal data used .*none", demo)
    assert "simulated, based on real grocery shopping patterns" in demo
    assert f"http://127.0.0.1:{port}/v1/recommendations" in demo


def test_the_served_model_keeps_its_promises(demo: str, clone: Path) -> None:
    """The bar: repeats at or above decayed personal frequency, novelties at or above 14-day popularity."""
    (file,) = (clone / "var" / "bundles" / "two-tower" / "1").rglob("evaluation.json")
    evaluation = Evaluation.model_validate_json(file.read_text())
    ours = evaluation.score("two-tower", task="all", metric="ndcg@20").value
    assert ours >= evaluation.score("personal_frequency", task="all", metric="ndcg@20").value
    assert 0.356 <= ours <= 0.375
    novel = evaluation.score("two-tower", task="novel", metric="ndcg@20").value
    assert novel >= evaluation.score("popularity", task="novel", metric="ndcg@20").value
    assert 0.050 <= novel <= 0.058


def test_the_served_demand_models_keep_their_promises(demo: str, clone: Path) -> None:
    """The bar: no track loses to smoothing, plans pay, and the 80% interval holds about that share."""
    (file,) = (clone / "var" / "bundles" / "demand" / "1").rglob("evaluation.json")
    evaluation = DemandEvaluation.model_validate_json(file.read_text())

    def figure(method: str, track: Track, metric: str) -> float:
        return evaluation.score(method, track=track, metric=metric).value

    assert figure("demand", "none", "wql") <= 1.01 * figure("imapa", "none", "wql")
    assert figure("demand", "promo", "wql") < 0.9 * figure("imapa", "promo", "wql")
    assert figure("demand", "full", "wql") < 0.8 * figure("imapa", "full", "wql")
    for track in TRACKS:
        assert 0.77 <= figure("demand", track, "coverage_80") <= 0.84
    assert evaluation.price_response["wape_with"] < 0.9 * evaluation.price_response["wape_without"]


def test_every_command_of_the_readme_runs(demo: str, clone: Path, port: int) -> None:
    answers = {command: run_shell(command, clone, port) for command in commands()}
    assert len(answers) >= 10
    recommended, recorded, priced, audits, decided, held = (
        json.loads(answers[command]) for command in answers if command.startswith("curl")
    )
    assert recommended["personalization"]["applied"]
    reports = {report["report_id"]: report for report in audits["reports"]}
    assert {report["verdict"] for report in reports.values()} == {"PASS"}
    assert reports[recommended["model"]["fairness_report_id"]]["signed"]
    assert [item["rank"] for item in recommended["items"]] == [1, 2]
    assert recorded["accepted"] == 1
    assert (decided["do_not_profile"], decided["do_not_contact"]) == (True, False)
    assert held["purchases"]
    assert [one["granted"] for one in held["consents"] if one["version"] == "text-2"] == [False] * 3
    searched = next(answer for command, answer in answers.items() if "verify-erasure" in command)
    assert "Nothing was found" in searched
    lists = pq.read_table(clone / "var" / "reports" / "evaluation" / "recommendations.parquet")
    assert lists.column_names == ["customer_id", "task", "rank", "product_id", "score"]
    (suggestion,) = priced["suggestions"]
    assert suggestion["status"] == "pending_approval"
    assert (suggestion["personalized"], suggestion["personal_data_used"]) == (False, [])
    forecasts = pq.read_table(clone / "var" / "reports" / "demand" / "forecasts.parquet").column_names
    assert forecasts[:4] == ["product_id", "store_id", "origin", "week_start"]
    assert forecasts[4:] == [f"q{n}0" for n in range(1, 10)] + ["mean"]
    for export in ("recommendations", "forecasts", "prices"):
        assert (clone / "var" / "exports" / f"{export}.parquet").exists()
    assert (clone / "var" / "corner-shop" / "reports" / "data-report.html").exists()


def test_events_consent_and_basket_change_the_next_answer(demo: str, clone: Path, port: int) -> None:
    key = read_plain_keys(clone / "var" / "keys")["storefront"]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}) as client:

        def ask(**request: object) -> dict[str, object]:
            answer = client.post("/v1/recommendations", json={"limit": 20, **request})
            assert answer.status_code == 200, answer.text
            content: dict[str, object] = answer.json()
            return content

        def products(answer: dict[str, object]) -> list[str]:
            items = answer["items"]
            assert isinstance(items, list)
            return [item["product_id"] for item in items]

        before = ask(customer_id="30", placement="discover")
        first = products(before)[0]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        event = {"event_id": "new-1", "type": "purchase", "customer_id": "30", "product_id": first, "quantity": 1}
        recorded = client.post("/v1/events", json={"events": [{**event, "occurred_at": now}]})
        assert recorded.status_code == 202
        assert recorded.json()["accepted"] == 1
        after = ask(customer_id="30", placement="discover")
        assert first not in products(after)
        assert first in products(ask(customer_id="30", limit=100))

        run_shell(
            "fairshelf privacy consent --customer-id 30 --purpose personalization --refuse --version t", clone, port
        )
        refused = ask(customer_id="30")
        assert refused["personalization"]["reason"] == "opted_out"  # type: ignore[index]
        assert products(refused) == products(ask(mode="non_profiled")) == products(ask(customer_id="nobody-known"))

        basket = ask(visitor_id="a-visitor", context={"basket": [first]})
        assert first not in products(basket)
        assert products(basket) != products(refused)


def test_no_log_line_holds_a_key_or_an_id(demo: str, clone: Path) -> None:
    log = (clone / "demo.log").read_text()
    keys = read_plain_keys(clone / "var" / "keys")
    assert keys
    assert not [role for role, key in keys.items() if key in log]
    requests = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert requests
    assert "/v1/customers/{customer_id}" in {line.get("route") for line in requests}  # as written, no id
    assert "/v1/customers/4" not in log
    assert not [line for line in requests if "customer_id" in json.dumps({**line, "route": None})]
