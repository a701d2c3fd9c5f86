"""The contest of lists: figures are those of the evaluation, ours is held against the best peer of each."""

from collections.abc import Sequence

import numpy as np
import pytest

from configs.loading import load_settings
from configs.settings import EvaluationSettings
from training.baselines import Ranked, Recommender, Task
from training.contest.contenders import Contender
from training.contest.lists import COSTS, Ground, hold, restricted
from training.contest.result import Contest
from training.evaluation import TestSet, mark_hits
from training.peers.errors import PeerNotInstalled
from training.top_k import top_k


class Guess:
    """Ranks one product first, then the others in order."""

    def __init__(self, ground: Ground, first: int) -> None:
        self.name = f"guess {first}"
        self._ground, self._first = ground, first

    def rank(self, customer_ids: Sequence[str], *, task: Task, k: int) -> Ranked:
        """Leave out nothing, whatever the task."""
        assert task in ("all", "novel")
        scores = np.arange(5.0, 0, -1)
        scores[self._first] = 9
        return top_k(np.tile(scores, (len(customer_ids), 1)), k)


def contender(ground: Ground, first: int, *, ours: bool = False) -> Contender:
    def fit(_: object) -> Recommender:
        return Guess(ground, first)

    return Contender(f"guess-{first}", f"Guess {first}", fit, ours=ours)


def gone(_: object) -> Recommender:
    raise PeerNotInstalled(name="gone", package="nothing")


@pytest.fixture
def judging() -> EvaluationSettings:
    """Lists longer than the catalogue; one basket is cold, two are warm."""
    changes = {"list_length": 100, "warm_min_baskets": 2, "n_bootstrap": 200}
    return load_settings("test").evaluation.model_copy(update=changes)


@pytest.fixture
def contest(ground: Ground, judging: EvaluationSettings) -> Contest:
    """Ours puts milk first, the peers chips and bread."""
    told: list[str] = []
    found = hold(
        [contender(ground, 4, ours=True), contender(ground, 2), contender(ground, 1), Contender("gone", "Gone", gone)],
        ground,
        judging,
        progress=told.append,
    )
    assert [line.partition(":")[0] for line in told[:3]] == ["Guess 4", "Guess 2", "Guess 1"]
    return found


def slow_ndcg(ground: Ground, first: int, task: Task, customers: Sequence[str]) -> float:
    """Average over customers by hand; those without consent get the popular list."""
    test_set = ground.test_set
    values = []
    for who in customers:
        place = test_set.customer_ids.tolist().index(who)
        wanted = set(test_set.relevant[task][[place]].toarray()[0].nonzero()[0])
        ranker = Guess(ground, first) if test_set.consenting[place] else ground.fallback
        shown = ranker.rank([who], task=task, k=10)[0][0]
        gain = sum(1 / np.log2(rank + 2) for rank, product in enumerate(shown) if product in wanted)
        values.append(gain / sum(1 / np.log2(rank + 2) for rank in range(len(wanted))))
    return float(np.mean(values))


def test_figures_are_those_of_a_slow_walk(ground: Ground, contest: Contest) -> None:
    buyers = {"all": ["ann", "bob", "cyd"], "novel": ["ann", "cyd"]}  # bob bought nothing new
    for first in (4, 2, 1):
        for task, who in buyers.items():
            expected = slow_ndcg(ground, first, task, who)  # type: ignore[arg-type]
            assert contest.value(f"guess-{first}", f"{task}.ndcg@10").value == pytest.approx(expected)


def test_ours_is_held_against_the_best_peer_of_each_figure(contest: Contest) -> None:
    for figure in ("all.ndcg@10", "novel.ndcg@10"):
        peers = {name: contest.value(name, figure).value for name in ("guess-2", "guess-1")}
        row = contest.against_best_peer("guess-4", figure)
        best = max(peers, key=lambda name: peers[name])
        assert row.ratio_to == best
        assert row.ratio == pytest.approx(row.value / peers[best])
        assert row.interval_95 is not None
        assert row.ratio is not None
        assert row.interval_95[0] <= row.ratio <= row.interval_95[1]
    assert {row.name for row in contest.rows if row.ratio_to} == {"guess-4"}


def test_cold_customers_and_cold_products_stand_apart(ground: Ground, contest: Contest) -> None:
    relevant = ground.test_set.relevant["all"].toarray() & ground.cold
    (wanted,) = np.nonzero(relevant.any(axis=1))
    shown = Guess(ground, 2).rank(["x"], task="all", k=10)[0]
    hits = mark_hits(np.repeat(shown, len(wanted), axis=0), ground.test_set.relevant["all"][wanted])
    assert hits.any()
    assert contest.value("guess-2", "cold_customers.all.ndcg@20").value > 0  # cyd has one basket
    assert contest.value("guess-2", "cold_products.all.recall@100").value == 1


def test_spread_and_costs_are_told_of_everyone(contest: Contest) -> None:
    for name in ("guess-4", "guess-2", "guess-1"):
        assert 0 < contest.value(name, "all.coverage@10").value <= 1
        assert 0 <= contest.value(name, "novel.popularity_percentile@10").value <= 1
        assert [contest.value(name, figure).unit for figure in COSTS] == ["s", "s", "s", "GB"]


def test_who_was_left_out_has_no_rows(contest: Contest) -> None:
    assert contest.methods[-1].left_out
    assert "gone" not in {row.name for row in contest.rows}


def test_people_who_did_not_agree_get_the_same_list_from_all(contest: Contest) -> None:
    assert any(note.startswith("0 of the judged did not agree") for note in contest.notes)  # dee bought nothing


def test_peers_alone_are_compared_with_nobody(ground: Ground, judging: EvaluationSettings) -> None:
    found = hold([contender(ground, 2), contender(ground, 1)], ground, judging)
    assert not [row for row in found.rows if row.ratio_to]
    assert found.value("guess-1", "all.ndcg@10").value > 0


def test_short_lists_lack_what_they_cannot_show(ground: Ground, judging: EvaluationSettings) -> None:
    short = judging.model_copy(update={"list_length": 10})
    found = hold([contender(ground, 2, ours=True), contender(ground, 1)], ground, short)
    figures = {row.figure for row in found.rows}
    assert "all.ndcg@10" in figures
    assert not {"all.ndcg@20", "all.recall@100", "cold_products.all.recall@100"} & figures


def test_restricting_leaves_customers_and_lists(ground: Ground) -> None:
    one: TestSet = restricted(ground.test_set, np.array([True, False, False, False, False]))
    assert one.customer_ids is ground.test_set.customer_ids
    assert one.relevant["all"].toarray().sum(axis=0).tolist() == [1, 0, 0, 0, 0]
    assert one.judged.tolist() == [False, True, False, False]  # bob bought beer
