"""Who takes part in a contest of lists, and how each is tuned, fitted, asked and timed."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from configs.bench import BenchSettings
from training.baselines import Ranked, Recommender, Task
from training.contest.meter import measured
from training.contest.result import Method
from training.evaluation import TestSet
from training.evaluation_results import TASKS
from training.peers.data import PeerData
from training.peers.errors import PeerLeftOut
from training.peers.limits import limited
from training.peers.line_up import Peer
from training.peers.tuning import Tuned, TunedPeer

UNTUNED: Final = Tuned({}, {}, 0, 0.0)


@dataclass(frozen=True)
class Contender:
    """One method.

    Attributes:
        name: Under which its figures are reported.
        title: As tables show it.
        tune: Chooses hyper-parameters before the cut-off.
        fit: Fits on everything before the cut-off.
        ours: Whether it is compared with the others.
        bounds: Of time and memory while it fits and ranks; None for none.
    """

    name: str
    title: str
    fit: Callable[[Tuned], Recommender]
    tune: Callable[[], Tuned] = lambda: UNTUNED
    ours: bool = False
    bounds: BenchSettings | None = None


@dataclass(frozen=True)
class Entry:
    """What became of a contender.

    Attributes:
        lists: Its lists for everyone who is ranked for; None if it was left out.
        fit_cpu_s: Fitting; rank_cpu_s: both tasks' lists for all of them; seconds.
        peak_memory_gb: Most memory held while fitting and ranking.
    """

    method: Method
    lists: "StoredLists | None"
    tuning_cpu_s: float
    fit_cpu_s: float
    rank_cpu_s: float
    peak_memory_gb: float


class StoredLists:
    """Lists that were made once, looked up by customer.

    Args:
        name: Whose lists they are.
        customer_ids: (B,) whose.
        ranked: (B, k) lists of each task.
    """

    def __init__(self, name: str, customer_ids: Sequence[str], ranked: dict[Task, Ranked]) -> None:
        self.name = name
        self._index = pd.Index(np.asarray(customer_ids, dtype=object))
        self._ranked = ranked

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Look lists up.

        Raises:
            KeyError: If a customer was not ranked for.
        """
        rows = self._index.get_indexer(pd.Index(np.asarray(customer_ids, dtype=object)))
        if (rows < 0).any():
            raise KeyError(f"{int((rows < 0).sum())} customers were not ranked for")
        positions, scores = self._ranked[task]
        return positions[rows][:, :k], scores[rows][:, :k]


def peer_contender(peer: Peer, data: PeerData, choose: Callable[[Peer], Tuned], bounds: BenchSettings) -> Contender:
    """Let a peer take part: tuned on days before the cut-off, fitted on all days before it.

    Args:
        peer: Which.
        data: Baskets before the cut-off.
        choose: Finds its hyper-parameters.
        bounds: Time and memory that it may take.
    """

    def fit(tuned: Tuned) -> Recommender:
        data.forget()
        return TunedPeer(peer, data, tuned.chosen)

    return Contender(peer.name, peer.title, fit, lambda: choose(peer), bounds=bounds)


def enter(contender: Contender, test_set: TestSet, k: int) -> Entry:
    """Tune, fit and ask a contender for lists of k products for everyone who agreed to personalisation."""
    customer_ids = test_set.customer_ids[test_set.consenting].tolist()
    try:
        tuned = contender.tune()
        with nullcontext() if contender.bounds is None else limited(contender.name, contender.bounds):
            return _entry(contender, tuned, customer_ids, k)
    except PeerLeftOut as reason:
        return Entry(method_of(contender.name, contender.title, left_out=str(reason)), None, 0.0, 0.0, 0.0, 0.0)


def _entry(contender: Contender, tuned: Tuned, customer_ids: list[str], k: int) -> Entry:
    with measured() as fitting:
        recommender = contender.fit(tuned)
    with measured() as ranking:
        ranked = {task: recommender.rank(customer_ids, task=task, k=k) for task in TASKS}
    peak = max(fitting.peak_memory_gb, ranking.peak_memory_gb, getattr(recommender, "peak_memory_gb", 0.0))
    lists = StoredLists(contender.name, customer_ids, ranked)
    method = method_of(contender.name, contender.title, ours=contender.ours, tuned=tuned)
    return Entry(method, lists, tuned.cpu_s, fitting.cpu_s, ranking.cpu_s, peak)


def method_of(
    name: str, title: str, *, ours: bool = False, tuned: Tuned = UNTUNED, left_out: str | None = None
) -> Method:
    """Write down how a contender came to take part or not."""
    begin, end = tuned.validated or (None, None)
    return Method(
        name=name,
        title=title,
        ours=ours,
        chosen={task: dict(point) for task, point in tuned.chosen.items()},
        validated=dict(tuned.values),
        n_tried=tuned.n_tried,
        validated_from=begin,
        validated_until=end,
        recorded=tuned.is_recorded,
        left_out=left_out,
    )
