"""Write forecasts, elasticities and figures where others can read them."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.demand.evaluation_results import DemandEvaluation
from training.demand.forecast import LEVELS, Forecast

FORECASTS: Final = "forecasts.parquet"
ELASTICITIES: Final = "elasticities.parquet"
METRICS: Final = "metrics.json"

_QUANTILES: Final = tuple(f"q{round(100 * level)}" for level in LEVELS)
_BLOCK_ROWS: Final = 250_000  # rows of one row group; bounds memory, changes no value
SCHEMA: Final = pa.schema(
    [
        ("product_id", pa.string()),
        ("store_id", pa.string()),
        ("origin", pa.date32()),
        ("week_start", pa.date32()),
        *((name, pa.float64()) for name in _QUANTILES),
        ("mean", pa.float64()),
    ]
)  # fixed by the file contract


def write_forecasts(forecasts: Sequence[Forecast], out_dir: Path) -> Path:
    """Write `forecasts.parquet`: one row per series and week of every forecast, `store_id` null for the chain.

    Args:
        forecasts: Any origins, chain-wide or by store.
        out_dir: Made if absent; an older file is replaced once the new one is whole.

    Returns:
        Path of the file.
    """
    return write_forecast_file(forecasts, out_dir / FORECASTS)


def write_forecast_file(forecasts: Iterable[Forecast], path: Path) -> Path:
    """Write forecasts to a file of any name, in the form of `forecasts.parquet`; blocks of rows bound the memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.partial")
    with pq.ParquetWriter(staged, SCHEMA) as writer:
        for forecast in forecasts:
            n_series = max(1, _BLOCK_ROWS // max(1, len(forecast.weeks)))
            for start in range(0, len(forecast.product_ids), n_series):
                writer.write_table(forecast_table(forecast, slice(start, start + n_series)))
    staged.replace(path)
    return path


def forecast_table(forecast: Forecast, series: slice = slice(None)) -> pa.Table:
    """Lay a forecast out as rows of the file contract: series by series, weeks in order.

    Args:
        forecast: Chain-wide or by store.
        series: Which of its series.
    """
    n_weeks = len(forecast.weeks)
    product_ids = forecast.product_ids[series]
    n_rows = len(product_ids) * n_weeks
    stores = None if forecast.store_ids is None else forecast.store_ids[series]
    quantiles = forecast.quantiles[series].reshape(n_rows, len(LEVELS))
    columns = [
        _repeated(product_ids, n_weeks),
        pa.nulls(n_rows, pa.string()) if stores is None else _repeated(stores, n_weeks),
        pa.array(np.full(n_rows, forecast.origin.astype("datetime64[D]"))),
        pa.array(np.tile(forecast.weeks.astype("datetime64[D]"), len(product_ids))),
        *(pa.array(quantiles[:, place]) for place in range(len(LEVELS))),
        pa.array(forecast.mean[series].reshape(n_rows)),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def write_elasticities(elasticities: pa.Table, out_dir: Path) -> Path:
    """Write `elasticities.parquet`, as `Elasticities.table` lays it out; an older file is replaced."""
    out_dir.mkdir(parents=True, exist_ok=True)
    path, staged = out_dir / ELASTICITIES, out_dir / f".{ELASTICITIES}.partial"
    pq.write_table(elasticities, staged)
    staged.replace(path)
    return path


def write_metrics(evaluation: DemandEvaluation, out_dir: Path) -> Path:
    """Write `metrics.json`; an older file is replaced."""
    out_dir.mkdir(parents=True, exist_ok=True)
    path, staged = out_dir / METRICS, out_dir / f".{METRICS}.partial"
    staged.write_text(evaluation.model_dump_json(indent=2) + os.linesep, encoding="utf-8")
    staged.replace(path)
    return path


def _repeated(ids: np.ndarray, n: int) -> pa.Array:
    """Repeat each id: every text is stored once and pointed at."""
    words = pa.array(ids.astype(object), pa.string())
    return words.take(pa.array(np.repeat(np.arange(len(ids)), n)))
