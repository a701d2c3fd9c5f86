"""SASRec of RecTools, which needs an environment of its own: a process beside this one, bounded in time."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from training.baselines import Ranked, Task
from training.peers import sasrec_worker
from training.peers.data import Ints, PeerData
from training.peers.errors import PeerEnvironmentMissing, PeerFailed, PeerUnfinished
from training.top_k import NO_PRODUCT

PACKAGE: Final = "rectools[torch]==0.19.0"
N_RANKS: Final = 100  # places asked of the process


class SasRec:
    """Self-attentive sequential recommendation, fitted and asked once for the lists of everyone.

    Args:
        data: Baskets before the cut-off; learnt from people who agreed to model training.
        n_factors: Width; from 1.
        n_blocks: Transformer blocks; from 1.
        history_length: Latest purchases read; from 1.
        n_negatives: Products sampled against each purchase; the softmax over all takes minutes a pass here.
        n_epochs: Passes over the customers; from 1.
        seed: Of weights and batches.
        interpreter: Python of the environment that holds RecTools.
        limit_s: The process is stopped after this; seconds.

    Raises:
        PeerEnvironmentMissing: If there is no such interpreter.
        PeerUnfinished: If the process was stopped.
        PeerFailed: If it failed.

    Source: Kang and McAuley (2018), Self-Attentive Sequential Recommendation.
    """

    name = "sasrec"

    def __init__(self, data: PeerData, *, seed: int, interpreter: Path, limit_s: int, **shape: int) -> None:
        if not interpreter.exists():
            raise PeerEnvironmentMissing(
                name=self.name, interpreter=interpreter, package=PACKAGE, setting="bench.sasrec_python"
            )
        self._data = data
        with TemporaryDirectory(prefix="fairshelf-sasrec-") as folder:
            place = Path(folder)
            _write_request(place, data, {**shape, "seed": seed, "k": N_RANKS})
            self.peak_memory_gb = _run(interpreter, place, limit_s)
            with np.load(place / sasrec_worker.LISTS) as answer:
                self._lists = {task: np.asarray(answer[task], dtype=np.int64) for task in ("all", "novel")}

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Look the lists up; an unknown customer gets an empty one, and places past the 100th stay empty."""
        rows = self._data.positions_of(customer_ids)
        known: Ints = np.vstack([self._lists[task], np.full((1, N_RANKS), NO_PRODUCT)])[rows][:, :k]
        positions = np.full((len(rows), k), NO_PRODUCT, dtype=np.int64)
        positions[:, : known.shape[1]] = known
        scores = np.where(positions >= 0, -np.arange(k, dtype=np.float32), -np.inf).astype(np.float32)
        return positions, scores


def _write_request(place: Path, data: PeerData, wishes: dict[str, Any]) -> None:
    """Hand over one line per basket and product, the oldest first, and who may be learnt from."""
    order = np.lexsort((data.product, -data.days_ago))
    np.savez(
        place / sasrec_worker.LINES,
        customer=data.customer[order],
        product=data.product[order],
        days_ago=data.days_ago[order],
        trainable=data.trainable,
    )
    (place / sasrec_worker.WISHES).write_text(json.dumps(wishes), encoding="utf-8")


def _run(interpreter: Path, place: Path, limit_s: int) -> float:
    """Run the worker to its end; its peak memory in GB."""
    command = [str(interpreter), str(Path(sasrec_worker.__file__)), str(place)]
    try:
        done = subprocess.run(  # noqa: S603 our own script, no shell
            command, capture_output=True, text=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise PeerUnfinished(name=SasRec.name, limit_s=limit_s, setting="bench.sasrec_max_s") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise PeerFailed(name=SasRec.name, exit_code=done.returncode, last_line=said[-1] if said else "nothing")
    return float(json.loads((place / sasrec_worker.FACTS).read_text(encoding="utf-8"))["peak_memory_gb"])
