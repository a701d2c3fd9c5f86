"""The files of a backtest keep to their contract."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.settings import EvaluationSettings
from privacy.vault import open_vault
from training.baselines import Histories, Popularity
from training.catalogue import Catalogue
from training.errors import SourceIdsUnknown
from training.evaluation import Rankings, TestSet, build_test_set, evaluate
from training.evaluation_files import recommendation_table, resolve_source_ids, write_evaluation
from training.evaluation_results import Evaluation
from training.splits import Holdout

CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)
Backtest = tuple[Evaluation, Rankings, TestSet]


@pytest.fixture
def backtest(purchases: pd.DataFrame, catalogue: Catalogue, evaluation_settings: EvaluationSettings) -> Backtest:
    holdout = Holdout(CUTOFF, datetime(2017, 3, 15, tzinfo=UTC))
    test_set = build_test_set(purchases, catalogue, holdout, {"ann", "bob"})
    popularity = Popularity(purchases, Histories(purchases, catalogue, CUTOFF), CUTOFF, days=14)
    evaluation, rankings = evaluate(
        [popularity],
        popularity,
        test_set,
        evaluation_settings,
        popularity=popularity.counts,
        data_snapshot_digest="5" * 64,
        provenance="made up",
    )
    return evaluation, rankings, test_set


def test_lists_have_the_columns_and_ranks_of_the_contract(backtest: Backtest, tmp_path: Path) -> None:
    lists_path, metrics_path = write_evaluation(*backtest, tmp_path / "out")
    lists = pq.read_table(lists_path)
    assert lists.column_names == ["customer_id", "task", "rank", "product_id", "score"]
    assert [str(field.type) for field in lists.schema] == ["string", "string", "int64", "string", "double"]
    rows = lists.to_pandas()
    assert set(rows["task"]) == {"all", "novel"}
    for _, listed in rows.groupby(["customer_id", "task"]):
        assert listed["rank"].tolist() == list(range(1, len(listed) + 1))
        assert listed["score"].is_monotonic_decreasing
        assert listed["product_id"].is_unique
    assert rows[(rows["customer_id"] == "ann") & (rows["task"] == "novel")]["product_id"].tolist() == ["beer", "chips"]
    written = json.loads(metrics_path.read_text())
    assert written["provenance"] == "made up"
    assert Evaluation.model_validate(written) == backtest[0]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["metrics.json", "recommendations.parquet"]


def test_ranks_stop_at_one_hundred() -> None:
    catalogue = Catalogue(np.array([f"p{i:03d}" for i in range(130)]))
    lines = pd.DataFrame(
        {
            "customer_id": "ann",
            "product_id": catalogue.product_ids,
            "basket_id": "b",
            "event_timestamp": [CUTOFF - pd.Timedelta(days=1), *[pd.Timestamp(CUTOFF)] * 129],
        }
    )
    test_set = build_test_set(lines, catalogue, Holdout(CUTOFF, datetime(2017, 3, 15, tzinfo=UTC)), set())
    ranked = np.arange(120, dtype=np.int64)[None, :], -np.arange(120, dtype=np.float32)[None, :]
    assert recommendation_table({"all": ranked, "novel": ranked}, test_set).column("rank").to_pylist() == [
        *range(1, 101),
        *range(1, 101),
    ]


def test_source_ids_come_from_the_vault_and_the_access_is_recorded(backtest: Backtest, tmp_path: Path) -> None:
    vault = open_vault(tmp_path / "vault")
    vault.remember({customer: f"household-{customer}" for customer in ("ann", "bob", "cyd", "dee")})
    source_ids = resolve_source_ids(vault, backtest[2], reason="backtest of issue 2")
    lists_path, _ = write_evaluation(*backtest, tmp_path / "out", source_ids=source_ids)
    customers = pq.read_table(lists_path).column("customer_id")
    assert set(customers.to_pylist()) == {"household-ann", "household-bob", "household-cyd", "household-dee"}
    assert isinstance(customers, pa.ChunkedArray)
    recorded = (tmp_path / "vault" / "access.jsonl").read_text()
    assert "backtest of issue 2" in recorded
    assert "household" not in recorded


def test_a_customer_the_vault_lacks_is_refused_by_number_not_by_name(backtest: Backtest, tmp_path: Path) -> None:
    vault = open_vault(tmp_path / "vault")
    vault.remember({"ann": "1"})
    with pytest.raises(SourceIdsUnknown, match="lacks 3 of 4 customers") as refused:
        resolve_source_ids(vault, backtest[2], reason="test")
    assert "bob" not in str(refused.value)
    with pytest.raises(SourceIdsUnknown):
        write_evaluation(*backtest, tmp_path / "out", source_ids={"ann": "1"})
    assert not (tmp_path / "out" / "recommendations.parquet").exists()
