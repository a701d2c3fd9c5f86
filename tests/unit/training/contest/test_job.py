"""Whole contests on a made-up village: who takes part, on which lines, and what comes out."""

from datetime import UTC, datetime

import pytest

from configs.settings import Settings
from training.contest.job import run_contest
from training.contest.result import Contest
from training.errors import NoChampion
from training.peers.errors import PeerUnknown

CUTOFF = datetime(2025, 4, 14, tzinfo=UTC)


def hold(settings: Settings, **changes: object) -> Contest:
    asked = {"task": "lists", "train_until": CUTOFF, "peers": [], "version": None, "progress": lambda _: None}
    return run_contest(settings, **{**asked, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lists(village: Settings) -> Contest:
    told: list[str] = []
    contest = hold(village, peers=["personal_frequency", "tifu_knn", "sasrec"], progress=told.append)
    assert any("TIFU-KNN" in line for line in told)
    return contest


@pytest.fixture(scope="module")
def baskets(village: Settings) -> Contest:
    return hold(village, task="basket")


def test_ours_and_the_peers_take_part_and_who_cannot_is_named(lists: Contest) -> None:
    assert [(method.name, method.ours) for method in lists.ranked] == [
        ("two-tower", True), ("personal_frequency", False), ("tifu_knn", False)
    ]  # fmt: skip
    (gone,) = [method for method in lists.methods if method.left_out]
    assert gone.name == "sasrec"
    assert "rectools" in str(gone.left_out)


def test_peers_are_tuned_and_ours_is_not_told_as_tuned(lists: Contest) -> None:
    tried = {method.name: method.n_tried for method in lists.ranked}
    assert tried["two-tower"] == 0
    assert tried["personal_frequency"] > 1
    assert lists.value("tifu_knn", "tuning_cpu_s").value > 0
    assert lists.value("two-tower", "tuning_cpu_s").value == 0


def test_favourites_are_found_again(lists: Contest) -> None:
    assert lists.value("personal_frequency", "all.ndcg@10").value > 0.5  # two favourites of about five a basket
    row = lists.against_best_peer("two-tower", "all.ndcg@20")
    assert row.ratio_to in ("personal_frequency", "tifu_knn")


def test_the_window_and_the_people_are_told(lists: Contest) -> None:
    assert (lists.train_until, lists.test_end) == (CUTOFF, datetime(2025, 4, 28, tzinfo=UTC))
    assert lists.n_judged == 24
    assert any(note.startswith("1 of the judged did not agree") for note in lists.notes)


def test_baskets_are_completed_by_ours_and_four_peers(baskets: Contest) -> None:
    assert [method.name for method in baskets.ranked if method.ours] == ["two-tower-basket", "two-tower-customer"]
    assert len(baskets.ranked) == 6
    assert baskets.n_judged == 23  # one refused personalisation
    for method in baskets.ranked:
        assert 0 <= baskets.value(method.name, "basket.recall@10").value <= 1
    assert baskets.value("personal_frequency", "basket.recall@10").value > 0.5


def test_an_unknown_peer_is_refused_before_anything_begins(village: Settings) -> None:
    def progress(line: str) -> None:
        raise AssertionError(line)

    with pytest.raises(PeerUnknown, match="nobody"):
        hold(village, peers=["nobody"], progress=progress)


def test_without_a_champion_there_is_no_recipe_of_one(village: Settings) -> None:
    with pytest.raises(NoChampion):
        hold(village, version="champion")
