"""`fairshelf bench`: rows for people, and JSON in the form of the contract."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from serving.cli import bench
from serving.cli.bench import show_benchmark, show_contest
from training.benchmarks import Benchmark, BenchmarkRow
from training.contest.result import Contest, Method
from training.contest.wish import Wish


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


@pytest.fixture
def contest(benchmark: Benchmark) -> Contest:
    facts: dict[str, Any] = {"chosen": {}, "validated": {}, "n_tried": 0}
    row = benchmark.rows[0].model_copy(
        update={"name": "two-tower", "figure": "all.ndcg@20", "interval_95": (0.28, 0.3)}
    )
    return Contest(
        rows=(row, row.model_copy(update={"ratio_to": "ease", "ratio": 1.035, "interval_95": (1.03, 1.04)})),
        machine=benchmark.machine,
        versions=benchmark.versions,
        discipline="lists",
        train_until=datetime(2017, 12, 4, tzinfo=UTC),
        test_end=datetime(2018, 1, 1, tzinfo=UTC),
        data_snapshot_digest="5" * 64,
        provenance="made up for a test",
        n_products=5,
        n_judged=3,
        judged_by="ndcg@20",
        notes=("3 of 4 customers bought something.",),
        methods=(
            Method(name="two-tower", title="two-tower", ours=True, left_out=None, **facts),
            Method(name="sasrec", title="SASRec", ours=False, left_out="it did not finish in 600 s.", **facts),
        ),
    )


def test_a_contest_shows_its_tables_its_notes_and_who_was_left_out(
    contest: Contest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_contest(contest, tmp_path / "contest.md", as_json=False)
    printed = " ".join(capsys.readouterr().out.split())
    for part in ("two-tower (ours)", "0.2900", "+3.5%", "did not finish", "3 of 4 customers", "written to"):
        assert part in printed


def test_a_contest_as_json_adds_to_the_contract(contest: Contest, capsys: pytest.CaptureFixture[str]) -> None:
    show_contest(contest, Path("contest.md"), as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert {"rows", "machine", "versions", "methods", "notes"} <= set(printed)
    assert set(printed["rows"][0]) == {"name", "figure", "value", "unit", "ratio_to", "ratio", "interval_95"}


def test_the_command_hands_over_what_was_asked_and_keeps_what_was_found(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {}

    def run_contest(wish: Wish, progress: Any) -> Contest:
        asked.update(vars(wish))
        return contest

    monkeypatch.setattr("training.contest.job.run_contest", run_contest)
    root = [f"storage.root={tmp_path}"]
    bench.recommend("2017-12-04", "lists", "ease,sasrec", "champion", True, False, None, "test", root, True)
    assert (asked["ours"], asked["tune"]) == (True, False)
    assert (asked["task"], asked["peers"], asked["version"]) == ("lists", ["ease", "sasrec"], "champion")
    assert asked["train_until"] == datetime(2017, 12, 4, tzinfo=UTC)
    kept = tmp_path / "reports" / "benchmarks" / "lists-2017-12-04"
    assert json.loads((kept / "contest.json").read_text()) == json.loads(capsys.readouterr().out)
    for peers, expected in ((None, None), ("none", []), ("", [])):
        bench.recommend(None, "basket", peers, None, False, True, tmp_path / "out", "test", root, False)
        assert (asked["peers"], asked["task"], asked["train_until"]) == (expected, "basket", None)
    assert (tmp_path / "out" / "contest.svg").exists()
