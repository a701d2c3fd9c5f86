"""Files in the form of the contract."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.demand import DemandEvaluationSettings
from training.demand import evaluation_files
from training.demand.backtest import origins, run_backtest
from training.demand.baselines import Imapa
from training.demand.evaluation import evaluate
from training.demand.evaluation_files import write_elasticities, write_forecasts, write_metrics
from training.demand.evaluation_results import DemandEvaluation
from training.demand.forecast import Forecast
from training.demand.panel import Panel
from training.demand.plan import Plan

COLUMNS = ["product_id", "store_id", "origin", "week_start", *(f"q{p}" for p in range(10, 100, 10)), "mean"]


@pytest.fixture
def forecast(panel: Panel) -> Forecast:
    return Imapa().forecast(panel, Plan.unchanged(panel, 3), track="none")


def test_there_is_a_row_for_every_product_and_week(forecast: Forecast, tmp_path: Path) -> None:
    path = write_forecasts([forecast], tmp_path / "new" / "folder")
    rows = pq.read_table(path)
    assert path.name == "forecasts.parquet"
    assert rows.column_names == COLUMNS
    assert rows.num_rows == 12 * 3
    found = rows.to_pylist()
    assert found[4]["product_id"] == "p01"
    assert found[4]["store_id"] is None
    assert found[4]["origin"] == date(2017, 10, 2)
    assert found[4]["week_start"] == date(2017, 10, 16)
    assert found[4]["mean"] == forecast.mean[1, 1]
    assert [found[4][f"q{p}"] for p in range(10, 100, 10)] == forecast.quantiles[1, 1].tolist()


def test_stores_origins_and_blocks_follow_one_another(
    forecast: Forecast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = replace(forecast, store_ids=np.array([f"s{place}" for place in range(12)]))
    whole = pq.read_table(write_forecasts([forecast, stores], tmp_path / "a"))
    monkeypatch.setattr(evaluation_files, "_BLOCK_ROWS", 7)
    blocks = write_forecasts([forecast, stores], tmp_path / "b")
    assert pq.read_table(blocks).equals(whole)
    assert pq.ParquetFile(blocks).num_row_groups == 12
    assert whole["store_id"].to_pylist() == [None] * 36 + [f"s{place}" for place in range(12) for _ in range(3)]


def test_nothing_to_forecast_is_an_empty_file_with_its_columns(tmp_path: Path) -> None:
    assert pq.read_table(write_forecasts([], tmp_path)).column_names == COLUMNS


def test_a_file_is_replaced_only_when_the_new_one_is_whole(forecast: Forecast, tmp_path: Path) -> None:
    path = write_forecasts([forecast], tmp_path)
    with pytest.raises(ValueError, match="reshape"):
        write_forecasts([replace(forecast, mean=forecast.mean[:, :2])], tmp_path)
    assert pq.read_table(path).num_rows == 36


def test_figures_and_elasticities_lie_beside(panel: Panel, judging: DemandEvaluationSettings, tmp_path: Path) -> None:
    rolling = origins(panel, date(2017, 8, 28), 4, 4)
    backtests = run_backtest(lambda _: (Imapa(),), panel, rolling, product_ids=panel.product_ids, tracks=("none",))
    evaluation = evaluate(
        backtests,
        panel,
        judging,
        model="imapa",
        train_until=datetime(2017, 8, 28, 4, tzinfo=UTC),
        data_snapshot_digest="5" * 64,
        provenance="made up for a test",
    )
    path = write_metrics(evaluation, tmp_path)
    assert DemandEvaluation.model_validate_json(path.read_text(encoding="utf-8")) == evaluation
    table = pa.table({"product_id": ["p01"], "value": [-1.5]})
    assert pq.read_table(write_elasticities(table, tmp_path)).equals(table)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["elasticities.parquet", "metrics.json"]
