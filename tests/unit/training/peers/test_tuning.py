"""Tuning: on the days before the cut-off alone, per task, and the best point wins."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from configs.loading import load_settings
from training.baselines import Ranked, Task
from training.peers.data import PeerData
from training.peers.errors import PeerUnfinished
from training.peers.line_up import Peer, Point, line_up
from training.peers.tuning import TunedPeer, Validation, tune

BENCH = load_settings("test").bench
CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)


def validation_of(shopping: pd.DataFrame, **changes: frozenset[str]) -> Validation:
    everyone = frozenset(shopping["customer_id"])
    who = {"trainable": everyone, "personal": everyone, **changes}
    return Validation(shopping, who["trainable"], who["personal"], CUTOFF, min_buyers=2, settings=BENCH)


@pytest.fixture
def validation(shopping: pd.DataFrame) -> Validation:
    return validation_of(shopping)


class Ladder:
    """Ranks products from one position up, for `novel` from another."""

    def __init__(self, data: PeerData, point: Point) -> None:
        self.name = "ladder"
        self._data, self._first = data, point["first"]

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Go up for `all`, down for `novel`."""
        sign = 1 if task == "all" else -1

        def score(customers: np.ndarray) -> np.ndarray:
            wanted = np.roll(np.arange(len(self._data.catalogue), 0.0, -1.0), self._first)
            return np.tile(sign * wanted, (len(customers), 1))

        return self._data.rank(customer_ids, score, task=task, k=k)


LADDERS = Peer("ladder", "ladder", Ladder, tuple({"first": first} for first in range(5)))


def test_it_learns_before_the_days_and_is_judged_by_them(shopping: pd.DataFrame, validation: Validation) -> None:
    start = CUTOFF - timedelta(days=BENCH.validation_days)
    assert validation.data.cutoff == start
    known = shopping[
        (shopping["event_timestamp"] < start) & shopping["product_id"].isin(validation.catalogue.product_ids)
    ]
    assert len(validation.data.customer) == len(known.drop_duplicates(["basket_id", "product_id"]))
    within = shopping[(shopping["event_timestamp"] >= start) & (shopping["event_timestamp"] < CUTOFF)]
    judged = set(validation.test_set.customer_ids[validation.test_set.judged])
    assert judged <= set(within["customer_id"])
    assert judged


def test_nothing_from_the_cut_off_on_counts(shopping: pd.DataFrame) -> None:
    later = shopping.assign(event_timestamp=shopping["event_timestamp"] + timedelta(days=60), basket_id="later")
    both = validation_of(pd.concat([shopping, later]))
    alone = validation_of(shopping)
    assert tune(LADDERS, both, BENCH).values == tune(LADDERS, alone, BENCH).values
    assert both.data.n_baskets.tolist() == alone.data.n_baskets.tolist()


def test_the_best_point_of_each_task_is_chosen(validation: Validation) -> None:
    tuned = tune(LADDERS, validation, BENCH)
    for task in ("all", "novel"):
        values = [validation.judge(Ladder(validation.data, point), task) for point in LADDERS.grid]
        assert len(set(values)) > 1
        assert tuned.values[task] == max(values)
        assert tuned.chosen[task] == LADDERS.grid[int(np.argmax(values))]
    assert tuned.n_tried == 5
    assert tuned.validated == (CUTOFF - timedelta(days=BENCH.validation_days), CUTOFF)
    assert not tuned.is_recorded
    assert tuned.cpu_s >= 0


def test_a_single_point_is_not_tried(validation: Validation) -> None:
    def fit(_: PeerData, __: Point) -> Ladder:
        raise AssertionError("nothing to choose from")

    tuned = tune(Peer("one", "one", fit, ({"first": 3},)), validation, BENCH)
    assert tuned.chosen == {"all": {"first": 3}, "novel": {"first": 3}}
    assert (tuned.n_tried, tuned.cpu_s) == (0, 0)


def test_only_those_who_agreed_to_personalisation_are_judged(shopping: pd.DataFrame, validation: Validation) -> None:
    half = validation_of(shopping, personal=frozenset({"p5", "p7"}))
    (peer,) = line_up(["popularity"], BENCH)
    asked: list[str] = []

    class Asked(Ladder):
        def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
            asked.extend(customer_ids)
            return super().rank(customer_ids, task=task, k=k)

    half.judge(Asked(half.data, {"first": 0}), "all")
    assert asked
    assert set(asked) <= {"p5", "p7"}
    assert peer.grid


def test_equal_points_are_fitted_once_and_others_apart(shopped: PeerData) -> None:
    fits: list[Point] = []

    def fit(data: PeerData, point: Point) -> Ladder:
        fits.append(point)
        return Ladder(data, point)

    peer = Peer("ladder", "ladder", fit, LADDERS.grid)
    TunedPeer(peer, shopped, {"all": {"first": 1}, "novel": {"first": 1}})
    assert fits == [{"first": 1}]
    apart = TunedPeer(peer, shopped, {"all": {"first": 1}, "novel": {"first": 2}})
    assert fits[1:] == [{"first": 1}, {"first": 2}]
    expected = Ladder(shopped, {"first": 2}).rank(["p3"], task="novel", k=5)[0]
    assert apart.rank(["p3"], task="novel", k=5)[0].tolist() == expected.tolist()


@pytest.mark.parametrize("n_in_time", [0, 2])
def test_a_peer_whose_time_runs_out_keeps_what_it_tried(validation: Validation, n_in_time: int) -> None:
    def fit(data: PeerData, point: Point) -> Ladder:
        if point["first"] >= n_in_time:
            raise PeerUnfinished(name="ladder", limit_s=1, setting="bench.peer_max_cpu_s")
        return Ladder(data, point)

    peer = Peer("ladder", "ladder", fit, LADDERS.grid)
    if not n_in_time:
        with pytest.raises(PeerUnfinished):
            tune(peer, validation, BENCH)
        return
    tuned = tune(peer, validation, BENCH)
    assert tuned.n_tried == 2
    values = [validation.judge(Ladder(validation.data, point), "all") for point in LADDERS.grid[:2]]
    assert tuned.values["all"] == max(values)
