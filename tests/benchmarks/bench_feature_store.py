"""Measure the feature store on the real data; by hand: `python tests/benchmarks/bench_feature_store.py ROOT`.

ROOT is a storage root with a lake, for instance `var`. Features go to a temporary folder. Prints the JSON rows of
`fairshelf bench --json`: CPU seconds and peak memory of the point-in-time join and of filling the online store,
against pandas `merge_asof` doing the same join, and the latency of one online read.
"""

import argparse
import importlib.metadata
import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from configs.loading import load_settings
from features.build import build_features
from features.lake import Lake
from features.store import Store
from features.tables import CUSTOMER_HISTORY, CUSTOMER_PROFILE, snapshot_path, snapshots

N_SNAPSHOTS: Final = 16
N_ROWS: Final = 100_000
VIEWS: Final = (CUSTOMER_HISTORY, CUSTOMER_PROFILE)

Row = dict[str, Any]


def main() -> None:
    """Build 16 snapshots in a temporary folder, run each measurement in a process of its own, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="storage root that holds a lake")
    lake = Lake.open(parser.parse_args().root / "lake")
    with tempfile.TemporaryDirectory() as folder:
        feast_dir = Path(folder)
        rows = _measured("build 16 snapshots of 3 views", _build, feast_dir, lake)
        rows += _compared(f"training set, {N_SNAPSHOTS} snapshots", _training_entities, feast_dir)
        rows += _compared(f"{N_ROWS} rows at random times", _random_entities, feast_dir)
        rows += _measured("materialise all customers", _materialise, feast_dir)
        rows += _latencies(feast_dir)
    versions = {name: importlib.metadata.version(name) for name in ("feast", "duckdb", "pandas", "pyarrow")}
    machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
    json.dump({"rows": rows, "machine": machine, "versions": versions}, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _build(feast_dir: Path, lake: Lake) -> None:
    features = load_settings("test").features
    end = lake.manifest.data_end.replace(hour=0, minute=0, second=0, microsecond=0)
    step = timedelta(days=features.snapshot_step_days)
    build_features(lake, feast_dir / "tables", [end - i * step for i in range(N_SNAPSHOTS)], features)
    Store(feast_dir).apply()


def _materialise(feast_dir: Path) -> None:
    Store(feast_dir).materialize(snapshots(feast_dir / "tables", CUSTOMER_HISTORY)[-1])


def _training_entities(feast_dir: Path) -> pd.DataFrame:
    moments = snapshots(feast_dir / "tables", CUSTOMER_HISTORY)
    index = pd.MultiIndex.from_product([moments, _customers(feast_dir)], names=["event_timestamp", "customer_id"])
    return index.to_frame(index=False)


def _random_entities(feast_dir: Path) -> pd.DataFrame:
    random = np.random.default_rng(7)
    moments = snapshots(feast_dir / "tables", CUSTOMER_HISTORY)
    span_us = (moments[-1] - moments[0]) // timedelta(microseconds=1)
    times = pd.Timestamp(moments[0]) + pd.to_timedelta(random.integers(0, span_us, N_ROWS), unit="us")
    chosen = random.choice(np.array(_customers(feast_dir)), N_ROWS)
    return pd.DataFrame({"customer_id": chosen, "event_timestamp": times.as_unit("us")})


def _by_store(feast_dir: Path, entities: pd.DataFrame) -> None:
    joined = Store(feast_dir).historical(entities, "customer_v1")
    assert joined.num_rows == len(entities)


def _by_merge_asof(feast_dir: Path, entities: pd.DataFrame) -> None:
    """The floor: both views as pandas frames, arrays as objects, joined by merge_asof."""
    entities = entities.assign(event_timestamp=entities["event_timestamp"].dt.as_unit("us"))
    joined = entities.sort_values("event_timestamp")
    for view in VIEWS:
        moments = snapshots(feast_dir / "tables", view)
        parts = [pq.read_table(snapshot_path(feast_dir / "tables", view, t)).to_pandas() for t in moments]
        joined = pd.merge_asof(joined, pd.concat(parts), on="event_timestamp", by="customer_id")
    assert len(joined) == len(entities)


def _compared(name: str, entities_of: Callable[[Path], pd.DataFrame], feast_dir: Path) -> list[Row]:
    entities = entities_of(feast_dir)
    floor = _measured(f"merge_asof, {name}", _by_merge_asof, feast_dir, entities)
    ours = _measured(f"point-in-time join, {name}", _by_store, feast_dir, entities)
    for row, other in zip(ours, floor, strict=True):
        row |= {"ratio_to": other["name"], "ratio": round(row["value"] / other["value"], 2)}
    return [*floor, *ours]


def _measured(name: str, work: Callable[..., None], *arguments: Any) -> list[Row]:
    """Run work in a fresh process, so that its peak memory is its own."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as process:
        cpu_s, peak_gb, base_gb = process.submit(_report, work, arguments).result()
    return [_row(name, "cpu", cpu_s, "s"), _row(name, "peak memory above imports", peak_gb - base_gb, "GB")]


def _report(work: Callable[..., None], arguments: tuple[Any, ...]) -> tuple[float, float, float]:
    base_gb, started = _peak_gb(), time.process_time()
    work(*arguments)
    return time.process_time() - started, _peak_gb(), base_gb


def _latencies(feast_dir: Path) -> list[Row]:
    store, taken_ms = Store(feast_dir), []
    for customer_id in _customers(feast_dir):
        started = time.perf_counter()
        store.online_customer(customer_id)
        taken_ms.append((time.perf_counter() - started) * 1000)
    cuts = statistics.quantiles(taken_ms, n=100)
    return [_row("online_customer", f"p{p}", cuts[p - 1], "ms") for p in (50, 99)]


def _customers(feast_dir: Path) -> list[str]:
    last = snapshots(feast_dir / "tables", CUSTOMER_HISTORY)[-1]
    ids: list[str] = pq.read_table(snapshot_path(feast_dir / "tables", CUSTOMER_HISTORY, last))[
        "customer_id"
    ].to_pylist()
    return ids


def _peak_gb() -> float:
    scale = 1 if sys.platform == "darwin" else 1024  # kilobytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e9


def _row(name: str, figure: str, value: float, unit: str) -> Row:
    return {
        "name": name,
        "figure": figure,
        "value": round(value, 4),
        "unit": unit,
        "ratio_to": None,
        "ratio": None,
        "interval_95": None,
    }


if __name__ == "__main__":
    main()
