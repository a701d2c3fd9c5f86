"""Rows of the demand benchmark: our figures, the peers', and the ratios between them."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from configs.demand import DemandEvaluationSettings
from training.benchmarks import Benchmark
from training.demand.backtest import origins
from training.demand.baselines import Imapa, MeanTimesElasticity, Naive
from training.demand.benchmark import Contender, bench_demand
from training.demand.evaluation_results import DemandEvaluation
from training.demand.panel import Panel

ROW = {"name", "figure", "value", "unit", "ratio_to", "ratio", "interval_95"}


@pytest.fixture
def measured(panel: Panel, judging: DemandEvaluationSettings) -> tuple[Benchmark, DemandEvaluation]:
    """Two peers, one of which answers every track, against a method that answers two."""
    contenders = [
        Contender("mean_8_weeks_x_elasticity", lambda _: MeanTimesElasticity(), ours=True),
        Contender("naive", lambda _: Naive()),
        Contender("imapa", lambda _: Imapa()),
    ]
    told: list[str] = []
    found = bench_demand(
        contenders,
        panel,
        origins(panel, date(2017, 8, 28), 6, 4),
        judging,
        product_ids=panel.product_ids,
        train_until=datetime(2017, 8, 28, 4, tzinfo=UTC),
        data_snapshot_digest="5" * 64,
        provenance="made up for a test",
        progress=told.append,
    )
    assert [line.partition(":")[0] for line in told] == [contender.name for contender in contenders]
    return found


def test_rows_have_the_form_of_the_contract(measured: tuple[Benchmark, DemandEvaluation]) -> None:
    printed: dict[str, Any] = json.loads(measured[0].model_dump_json())
    assert set(printed) == {"rows", "machine", "versions"}
    assert all(set(row) == ROW for row in printed["rows"])
    assert printed["machine"]["n_cpus"] >= 1
    assert "lightgbm" in printed["versions"]


def test_ours_is_compared_with_every_peer_in_every_track_it_answers(
    measured: tuple[Benchmark, DemandEvaluation],
) -> None:
    benchmark, evaluation = measured
    compared = {(row.figure, row.ratio_to) for row in benchmark.rows if row.ratio_to}
    assert compared == {(figure, peer) for figure in ("wql.promo", "wql.full", "cpu_s") for peer in ("naive", "imapa")}
    for row in benchmark.rows:
        if row.ratio_to and row.figure != "cpu_s":
            track: Any = row.figure.partition(".")[2]
            theirs = evaluation.score(row.ratio_to, track=track, metric="wql").value
            assert row.name == "mean_8_weeks_x_elasticity"
            assert row.ratio == pytest.approx(row.value / theirs)
            assert row.interval_95 is not None
            assert row.ratio is not None
            assert row.interval_95[0] <= row.ratio <= row.interval_95[1]


def test_everybody_has_figures_of_his_own(measured: tuple[Benchmark, DemandEvaluation]) -> None:
    own = [(row.name, row.figure) for row in measured[0].rows if row.ratio_to is None]
    assert len(own) == len(set(own))
    tracks = {"mean_8_weeks_x_elasticity": ["promo", "full"]}
    for name in ("mean_8_weeks_x_elasticity", "naive", "imapa"):
        expected = {f"wql.{track}" for track in tracks.get(name, ["none", "promo", "full"])} | {"cpu_s"}
        assert {figure for who, figure in own if who == name} == expected
    seconds = [row for row in measured[0].rows if row.figure == "cpu_s"]
    assert all(row.value >= 0 and row.unit == "s" for row in seconds)


def test_intervals_are_of_95_percent_whatever_the_settings_say(measured: tuple[Benchmark, DemandEvaluation]) -> None:
    assert measured[1].confidence == 0.95
