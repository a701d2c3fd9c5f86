"""Choose each peer's hyper-parameters on days before the cut-off, by the task they are wanted for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from configs.bench import BenchSettings
from training.baselines import Ranked, Recommender, Task
from training.benchmarks import cpu_seconds
from training.catalogue import build_catalogue
from training.evaluation import TestSet, build_test_set, mark_hits
from training.evaluation_results import TASKS
from training.metrics import ndcg_at_k
from training.peers.data import PeerData
from training.peers.line_up import Peer, Point
from training.splits import Holdout

JUDGED_BY: Final = "ndcg@20"
_K: Final = 20


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Attributes:
        chosen: The best point of each task.
        values: NDCG@20 of that point on the validation days.
        n_tried: Points tried.
        cpu_s: What it took; seconds.
    """

    chosen: Mapping[Task, Point]
    values: Mapping[Task, float]
    n_tried: int
    cpu_s: float


class Validation:
    """The days before a cut-off as a test of their own: peers are fitted on what lies before them.

    Args:
        purchases: Lines of everyone who is ranked for; those at or after the cut-off are ignored.
        trainable: Who agreed to model training.
        personal: Who agreed to personalisation; only they are judged.
        cutoff: Cut-off of the benchmark.
        min_buyers: Fewest buyers of a product of the catalogue.
        settings: How many days.
    """

    def __init__(
        self,
        purchases: pd.DataFrame,
        trainable: frozenset[str],
        personal: frozenset[str],
        cutoff: datetime,
        *,
        min_buyers: int,
        settings: BenchSettings,
    ) -> None:
        start = cutoff - timedelta(days=settings.validation_days)
        known = purchases[purchases["event_timestamp"] < cutoff]
        ranked = known[known["customer_id"].isin(list(trainable | personal))]
        training = ranked[(ranked["event_timestamp"] < start) & ranked["customer_id"].isin(list(trainable))]
        self.catalogue = build_catalogue(training, start, min_buyers)
        self.test_set: TestSet = build_test_set(ranked, self.catalogue, Holdout(start, cutoff), personal)
        self._training, self._ranked, self._start = training, ranked, start

    @cached_property
    def data(self) -> PeerData:
        """The baskets before the validation days."""
        return PeerData(self._training, self._ranked, self.catalogue, self._start)

    def judge(self, recommender: Recommender, task: Task) -> float:
        """Mean NDCG@20 over the customers who bought anything that the task wants found."""
        relevant = self.test_set.relevant[task]
        n_relevant = np.asarray(relevant.sum(axis=1), dtype=np.int64)
        rows = np.flatnonzero((n_relevant > 0) & self.test_set.consenting)
        positions, _ = recommender.rank(self.test_set.customer_ids[rows].tolist(), task=task, k=_K)
        return float(ndcg_at_k(mark_hits(positions, relevant[rows]), n_relevant[rows], _K).mean())


def tune(peer: Peer, validation: Validation) -> Tuned:
    """Try every point of a peer's grid and keep the best one for each task; of equal ones the first.

    Raises:
        PeerNotInstalled, PeerEnvironmentMissing, PeerUnfinished, PeerFailed: If it cannot be fitted.
    """
    if len(peer.grid) == 1:
        return Tuned(dict.fromkeys(TASKS, peer.grid[0]), {}, 0, 0.0)
    began = cpu_seconds()
    data = validation.data
    data.forget()
    found: dict[Task, list[float]] = {task: [] for task in TASKS}
    for point in peer.grid:
        recommender = peer.fit(data, point)
        for task in TASKS:
            found[task].append(validation.judge(recommender, task))
    best = {task: int(np.argmax(values)) for task, values in found.items()}
    return Tuned(
        chosen={task: peer.grid[place] for task, place in best.items()},
        values={task: found[task][place] for task, place in best.items()},
        n_tried=len(peer.grid),
        cpu_s=cpu_seconds() - began,
    )


class TunedPeer:
    """A peer fitted once for each task, with the point that validation chose for it.

    Args:
        peer: Which.
        data: Baskets before the cut-off.
        chosen: The point of each task; equal ones are fitted once.
    """

    def __init__(self, peer: Peer, data: PeerData, chosen: Mapping[Task, Point]) -> None:
        self.name = peer.name
        self._fitted: dict[Task, Recommender] = {}
        for task in TASKS:
            same = [known for known in self._fitted if chosen[known] == chosen[task]]
            self._fitted[task] = self._fitted[same[0]] if same else peer.fit(data, chosen[task])

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Rank by the fit of the task."""
        return self._fitted[task].rank(customer_ids, task=task, k=k)
