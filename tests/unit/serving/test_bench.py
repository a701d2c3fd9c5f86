"""`fairshelf bench`: rows for people, and JSON in the form of the contract."""

import json
from typing import Any

import pytest

from serving.cli.bench import show_benchmark
from training.benchmarks import Benchmark, BenchmarkRow


@pytest.fixture
def benchmark() -> Benchmark:
    own: dict[str, Any] = {"ratio_to": None, "ratio": None}
    return Benchmark(
        rows=(
            BenchmarkRow(name="demand", figure="wql.full", value=0.29, unit="", interval_95=(0.28, 0.3), **own),
            BenchmarkRow(
                name="demand",
                figure="wql.full",
                value=0.29,
                unit="",
                ratio_to="imapa",
                ratio=0.735,
                interval_95=(0.7, 0.77),
            ),
            BenchmarkRow(name="demand", figure="cpu_s", value=12.5, unit="s", interval_95=None, **own),
        ),
        machine={"processor": "some processor", "n_cpus": 2, "memory_gb": 8.0},
        versions={"python": "3.11.9", "lightgbm": "4.7.0"},
    )


def test_json_is_one_object_in_the_form_of_the_contract(
    benchmark: Benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    show_benchmark(benchmark, title="Demand", as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {"rows", "machine", "versions"}
    assert printed["rows"][1] == {
        "name": "demand",
        "figure": "wql.full",
        "value": 0.29,
        "unit": "",
        "ratio_to": "imapa",
        "ratio": 0.735,
        "interval_95": [0.7, 0.77],
    }


def test_a_table_shows_every_row_the_machine_and_the_versions(
    benchmark: Benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    show_benchmark(benchmark, title="Demand", as_json=False)
    printed = " ".join(capsys.readouterr().out.split())
    for part in ("Demand", "imapa", "0.7350", "0.7000 to 0.7700", "12.5000 s", "some processor", "lightgbm 4.7.0"):
        assert part in printed
