"""Whole contests on a made-up village: who takes part, on which lines, and what comes out."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from training.contest.errors import NobodyContends
from training.contest.result import Contest
from training.errors import NoChampion
from training.peers.errors import PeerUnknown

CUTOFF = datetime(2025, 4, 14, tzinfo=UTC)


@pytest.fixture(scope="module")
def lists(hold: Callable[..., Contest]) -> Contest:
    told: list[str] = []
    contest = hold(told.append, peers=["personal_frequency", "tifu_knn", "sasrec"])
    assert any("TIFU-KNN" in line for line in told)
    return contest


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
    tuned = {method.name: (method.validated_from, method.validated_until) for method in lists.ranked}
    assert tuned == {
        "two-tower": (None, None),
        "personal_frequency": (CUTOFF - timedelta(days=7), CUTOFF),
        "tifu_knn": (CUTOFF - timedelta(days=7), CUTOFF),
    }


def test_favourites_are_found_again(lists: Contest) -> None:
    assert lists.value("personal_frequency", "all.ndcg@10").value > 0.5  # two favourites of about five a basket
    row = lists.against_best_peer("two-tower", "all.ndcg@20")
    assert row.ratio_to in ("personal_frequency", "tifu_knn")


def test_the_window_and_the_people_are_told(lists: Contest) -> None:
    assert (lists.train_until, lists.test_end) == (CUTOFF, datetime(2025, 4, 28, tzinfo=UTC))
    assert lists.n_judged == 24
    assert any(note.startswith("1 of the judged did not agree") for note in lists.notes)


def test_peers_can_be_compared_without_ours(hold: Callable[..., Contest]) -> None:
    alone = hold(peers=["popularity"], ours=False)
    assert [method.name for method in alone.ranked] == ["popularity"]
    with pytest.raises(NobodyContends, match="--no-ours"):
        hold(ours=False)


def test_an_unknown_peer_is_refused_before_anything_begins(hold: Callable[..., Contest]) -> None:
    def progress(line: str) -> None:
        raise AssertionError(line)

    with pytest.raises(PeerUnknown, match="nobody"):
        hold(progress, peers=["nobody"])


def test_without_a_champion_there_is_no_recipe_of_one(hold: Callable[..., Contest]) -> None:
    with pytest.raises(NoChampion):
        hold(version="champion")
