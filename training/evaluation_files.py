"""Write a backtest where others can read it."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from privacy.vault import IdentityVault
from training.baselines import Ranked, Task
from training.errors import SourceIdsUnknown
from training.evaluation import Rankings, TestSet
from training.evaluation_results import TASKS, Evaluation

RECOMMENDATIONS = "recommendations.parquet"
METRICS = "metrics.json"
MAX_RANK = 100  # fixed by the file contract


def write_evaluation(
    evaluation: Evaluation,
    rankings: Rankings,
    test_set: TestSet,
    out_dir: Path,
    *,
    source_ids: Mapping[str, str] | None = None,
) -> tuple[Path, Path]:
    """Write `recommendations.parquet` (the model's lists) and `metrics.json`.

    Args:
        evaluation: The figures.
        rankings: What `evaluate` returned beside them.
        test_set: Whose lists they are.
        out_dir: Made if absent; older files of these names are replaced.
        source_ids: The source's own id of each customer, from `resolve_source_ids`; None writes pseudonyms.

    Returns:
        Paths of the lists and of the figures.

    Raises:
        SourceIdsUnknown: If `source_ids` lacks customers.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    lists = recommendation_table(rankings[evaluation.model], test_set)
    if source_ids is not None:
        lists = _with_source_ids(lists, source_ids)
    lists_path, metrics_path = out_dir / RECOMMENDATIONS, out_dir / METRICS
    staged = out_dir / f".{RECOMMENDATIONS}.partial"
    pq.write_table(lists, staged)
    staged.replace(lists_path)
    staged = out_dir / f".{METRICS}.partial"
    staged.write_text(evaluation.model_dump_json(indent=2) + os.linesep, encoding="utf-8")
    staged.replace(metrics_path)
    return lists_path, metrics_path


def recommendation_table(ranked: Mapping[Task, Ranked], test_set: TestSet) -> pa.Table:
    """Lay lists out as rows: customer_id, task, rank (from 1), product_id, score; padding is left out."""
    parts = [_rows(task, *ranked[task], test_set) for task in TASKS]
    return pa.concat_tables(parts)


def resolve_source_ids(vault: IdentityVault, test_set: TestSet, *, reason: str) -> dict[str, str]:
    """Turn pseudonyms back into the source's own ids; the vault writes the access to the audit log.

    Args:
        vault: Identity vault.
        test_set: Whose ids are needed.
        reason: Why, in words, for the audit log.

    Raises:
        SourceIdsUnknown: If the vault does not know all of them.
    """
    found = vault.resolve(test_set.customer_ids.tolist(), role="evaluation", reason=reason)
    if len(found) < len(test_set.customer_ids):
        raise SourceIdsUnknown(n_missing=len(test_set.customer_ids) - len(found), n_asked=len(test_set.customer_ids))
    return dict(found)


def _rows(task: Task, positions: np.ndarray, scores: np.ndarray, test_set: TestSet) -> pa.Table:
    positions, scores = positions[:, :MAX_RANK], scores[:, :MAX_RANK]
    customer, place = np.nonzero(positions >= 0)  # row by row, so ranks ascend within a customer
    columns = {
        "customer_id": pa.array(test_set.customer_ids[customer].astype(object), pa.string()),
        "task": pa.array([task] * len(customer), pa.string()),
        "rank": pa.array(place + 1, pa.int64()),
        "product_id": pa.array(test_set.catalogue.product_ids[positions[customer, place]].astype(object), pa.string()),
        "score": pa.array(scores[customer, place].astype(np.float64), pa.float64()),
    }
    return pa.table(columns)


def _with_source_ids(lists: pa.Table, source_ids: Mapping[str, str]) -> pa.Table:
    pseudonyms = lists.column("customer_id").to_pylist()
    n_missing = len(set(pseudonyms) - source_ids.keys())
    if n_missing:
        raise SourceIdsUnknown(n_missing=n_missing, n_asked=len(set(pseudonyms)))
    resolved = pa.array([source_ids[pseudonym] for pseudonym in pseudonyms], pa.string())
    return lists.set_column(0, "customer_id", resolved)
