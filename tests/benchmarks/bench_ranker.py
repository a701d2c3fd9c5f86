"""Measure the ranker on the real data; by hand: `OMP_NUM_THREADS=1 python tests/benchmarks/bench_ranker.py ROOT`.

ROOT is a storage root on which `fairshelf demo` ran, for instance `var`. Takes 300 customers out of its online store
and ranks for each as a live request would. Prints the JSON rows of `fairshelf bench --json`: CPU per customer and
part, the least of three rounds, and how many products the trees judge.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
import torch

from features.store import Store
from features.tables import CUSTOMER_HISTORY, snapshot_path, snapshots
from training.artifact import load_champion
from training.baselines import Task
from training.evaluation_results import TASKS
from training.histories import Histories, from_row
from training.ranker.candidates import choose_candidates, interests_of
from training.ranker.features import pair_features
from training.ranker.model import Ranker
from training.two_tower.scorer import Scorer

N_CUSTOMERS: Final = 300
N_ROUNDS: Final = 3
PARTS: Final = ("shopper", "interests", "candidates", "features", "trees")

Row = dict[str, Any]


def main() -> None:
    """Measure each part of both tasks and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="storage root of a finished demonstration")
    root: Path = parser.parse_args().root
    torch.set_num_threads(1)
    ranker = Scorer.load(load_champion(root / "bundles", "two-tower")).ranker
    if ranker is None:
        raise SystemExit(f"the champion under {root} has no ranker: promote one that was trained with one")
    people = _people(root / "feast", ranker)
    rows = [row for task in TASKS for row in _measured(ranker, people, task)]
    versions = {name: importlib.metadata.version(name) for name in ("lightgbm", "numpy", "scipy", "torch")}
    machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
    json.dump({"rows": rows, "machine": machine, "versions": versions}, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _people(feast_dir: Path, ranker: Ranker) -> list[Histories]:
    """Read customers with purchases as live requests do, the same ones in every run."""
    store, tables = Store(feast_dir), feast_dir / "tables"
    last = snapshots(tables, CUSTOMER_HISTORY)[-1]
    ids = sorted(pq.read_table(snapshot_path(tables, CUSTOMER_HISTORY, last))["customer_id"].to_pylist())
    found: list[Histories] = []
    for place in np.random.default_rng(7).permutation(len(ids)):
        row = store.online_customer(ids[place])
        history = None if row is None else from_row(row, ranker.moment.catalogue)
        if history is not None and len(history.product_idx):
            found.append(history)
        if len(found) == N_CUSTOMERS:
            break
    return found


def _measured(ranker: Ranker, people: Sequence[Histories], task: Task) -> list[Row]:
    rounds = np.array([[_laps(ranker, history, task) for history in people] for _ in range(N_ROUNDS)])  # (3, C, 7)
    means = rounds.mean(axis=1)
    least = means[means[:, : len(PARTS)].sum(axis=1).argmin()]
    parts = dict(zip(PARTS, least, strict=False))
    rows = [_row(f"{task}, {name}", "cpu", 1e3 * took_s, "ms") for name, took_s in parts.items()]
    rows.append(_row(f"{task}, all parts", "cpu", 1e3 * sum(parts.values()), "ms"))
    counts = zip(("bought", "new"), least[len(PARTS) :], strict=True)
    return [*rows, *(_row(f"{task}, {kind} products judged", "count", count, "products") for kind, count in counts)]


def _laps(ranker: Ranker, history: Histories, task: Task) -> list[float]:
    """Rank for one customer: CPU seconds of each of `PARTS`, then how many bought and new products were judged."""
    moment, reach, everything = ranker.moment, ranker.reach, task == "all"
    times = [time.process_time()]
    shopper = moment.shopper(history, 0)
    times.append(time.process_time())
    interests = interests_of(moment, shopper)
    times.append(time.process_time())
    found = choose_candidates(
        moment,
        shopper,
        interests,
        reach.candidates,
        n_bought=reach.n_bought if everything else 0,
        share_new=reach.share_new_in_all if everything else 1.0,
        allowed=None,
    )
    times.append(time.process_time())
    features = pair_features(moment, shopper, interests, found)
    times.append(time.process_time())
    ranker.heads.judge(features, found.is_bought)
    times.append(time.process_time())
    n_bought = int(found.is_bought.sum())
    return [*np.diff(times), n_bought, len(found.product_idx) - n_bought]


def _row(name: str, figure: str, value: float, unit: str) -> Row:
    return {
        "name": name,
        "figure": figure,
        "value": round(float(value), 3),
        "unit": unit,
        "ratio_to": None,
        "ratio": None,
        "interval_95": None,
    }


if __name__ == "__main__":
    main()
