"""Choose each peer's hyper-parameters on days before the cut-off, by the task they are wanted for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

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
from training.peers.errors import PeerUnfinished
from training.peers.limits import limited
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
        validated: From when to when the purchases chose; None where nothing was tuned.
        is_recorded: Whether an earlier run tried the points.
    """

    chosen: Mapping[Any, Point]
    values: Mapping[Any, float]
    n_tried: int
    cpu_s: float
    validated: tuple[datetime, datetime] | None = None
    is_recorded: bool = False


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

    @property
    def window(self) -> tuple[datetime, datetime]:
        """From when to when the purchases choose."""
        return self.test_set.holdout.train_until, self.test_set.holdout.test_end

    def judge(self, recommender: Recommender, task: Task) -> float:
        """Mean NDCG@20 over the customers who bought anything that the task wants found."""
        relevant = self.test_set.relevant[task]
        n_relevant = np.asarray(relevant.sum(axis=1), dtype=np.int64)
        rows = np.flatnonzero((n_relevant > 0) & self.test_set.consenting)
        positions, _ = recommender.rank(self.test_set.customer_ids[rows].tolist(), task=task, k=_K)
        return float(ndcg_at_k(mark_hits(positions, relevant[rows]), n_relevant[rows], _K).mean())


def tune(peer: Peer, validation: Validation, settings: BenchSettings) -> Tuned:
    """Try the points of a peer's grid and keep the best one for each task; of equal ones the first.

    A peer whose time runs out keeps what it has tried.

    Args:
        peer: Which, with its grid.
        validation: The days that choose.
        settings: How much time and memory it may take.

    Raises:
        PeerUnfinished: If not even one point was tried in its time.
        PeerNotInstalled, PeerEnvironmentMissing, PeerTooLarge, PeerFailed: If it cannot be fitted.
    """
    if len(peer.grid) == 1:
        return Tuned(dict.fromkeys(TASKS, peer.grid[0]), {}, 0, 0.0)
    began = cpu_seconds()
    tried: list[dict[Task, float]] = []
    try:
        with limited(peer.name, settings):
            _try_all(peer, validation, tried)
    except PeerUnfinished:
        if not tried:
            raise
    best = {task: int(np.argmax([values[task] for values in tried])) for task in TASKS}
    return Tuned(
        chosen={task: peer.grid[place] for task, place in best.items()},
        values={task: tried[place][task] for task, place in best.items()},
        n_tried=len(tried),
        cpu_s=cpu_seconds() - began,
        validated=validation.window,
    )


def _try_all(peer: Peer, validation: Validation, tried: list[dict[Task, float]]) -> None:
    data = validation.data
    data.forget()
    for point in peer.grid:
        recommender = peer.fit(data, point)
        tried.append({task: validation.judge(recommender, task) for task in TASKS})


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
