"""What a benchmark says of itself."""

import json
import time

from training.benchmarks import Benchmark, BenchmarkRow, cpu_seconds, machine_facts, package_versions


def test_processor_time_is_work_not_waiting() -> None:
    began, wall = cpu_seconds(), time.monotonic()
    time.sleep(0.2)
    waited, wall = cpu_seconds() - began, time.monotonic() - wall
    assert waited < 0.8 * wall
    began = cpu_seconds()
    while cpu_seconds() - began < 0.05:
        sum(range(10_000))
    assert cpu_seconds() - began >= 0.05


def test_the_machine_is_described() -> None:
    facts = machine_facts()
    assert facts["memory_gb"] > 0
    assert facts["n_cpus"] >= 1
    assert json.dumps(facts)


def test_only_what_is_installed_has_a_version() -> None:
    found = package_versions(["numpy", "no-such-package-at-all"])
    assert set(found) == {"python", "numpy"}


def test_a_benchmark_survives_json() -> None:
    row = BenchmarkRow(
        name="ours", figure="wql.none", value=0.4, unit="", ratio_to="theirs", ratio=0.9, interval_95=(0.8, 1.0)
    )
    benchmark = Benchmark(rows=(row,), machine={"n_cpus": 2}, versions={"python": "3.11"})
    assert Benchmark.model_validate_json(benchmark.model_dump_json()) == benchmark
