"""Who takes part: tuned, fitted, asked once, timed; and who cannot stays out without stopping the rest."""

from collections.abc import Sequence

import numpy as np
import pytest

from training.baselines import Popularity, Ranked, Recommender, Task
from training.contest.contenders import Contender, StoredLists, enter
from training.contest.lists import Ground
from training.peers.errors import PeerNotInstalled
from training.peers.tuning import Tuned

TUNED = Tuned({"all": {"days": 7}, "novel": {"days": 14}}, {"all": 0.5, "novel": 0.25}, 3, 1.5)


def test_a_contender_is_asked_for_those_who_agreed_alone(ground: Ground) -> None:
    asked: list[tuple[list[str], Task, int]] = []

    class Asked:
        name = "other"

        def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
            asked.append((list(customer_ids), task, k))
            return ground.fallback.rank(customer_ids, task=task, k=k)

    seen: list[Tuned] = []

    def fit(tuned: Tuned) -> Recommender:
        seen.append(tuned)
        return Asked()

    entry = enter(Contender("pop", "Popularity", fit, lambda: TUNED), ground.test_set, 4)
    people = ["ann", "bob", "cyd"]
    assert asked == [(people, "all", 4), (people, "novel", 4)]
    assert seen == [TUNED]
    assert entry.lists is not None
    assert entry.lists.name == "pop"
    assert entry.method.chosen == {"all": {"days": 7}, "novel": {"days": 14}}
    assert (entry.method.n_tried, entry.method.validated["novel"], entry.tuning_cpu_s) == (3, 0.25, 1.5)
    assert entry.peak_memory_gb > 0


def test_memory_of_a_process_beside_counts(ground: Ground) -> None:
    class Heavy(Popularity):
        peak_memory_gb = 5e6

    heavy = Heavy.__new__(Heavy)
    heavy.__dict__.update(ground.fallback.__dict__)
    assert enter(Contender("heavy", "heavy", lambda _: heavy), ground.test_set, 2).peak_memory_gb == 5e6


@pytest.mark.parametrize("step", ["tune", "fit"])
def test_who_cannot_take_part_is_left_out_with_the_reason(ground: Ground, step: str) -> None:
    def fail(*_: object) -> Recommender:
        raise PeerNotInstalled(name="als", package="implicit")

    def tune() -> Tuned:
        if step == "tune":
            fail()
        return TUNED

    entry = enter(Contender("als", "ALS", fail, tune), ground.test_set, 4)
    assert entry.lists is None
    assert "implicit" in str(entry.method.left_out)


def test_stored_lists_are_looked_up_and_cut() -> None:
    ranked = (np.array([[3, 1], [2, 0]]), np.array([[0.9, 0.1], [0.8, 0.2]], dtype=np.float32))
    lists = StoredLists("some", ["ann", "bob"], {"all": ranked, "novel": ranked})
    positions, scores = lists.rank(["bob"], task="all", k=1)
    assert positions.tolist() == [[2]]
    assert scores[0, 0] == pytest.approx(0.8)
    with pytest.raises(KeyError, match="1 customers"):
        lists.rank(["bob", "eve"], task="all", k=1)
