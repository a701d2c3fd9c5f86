"""The contest on cold ground in a made-up village: each of whose kinds of household loves its own shelf."""

from collections.abc import Callable

import pytest

from training.contest.result import Contest
from training.errors import NobodyToJudge


@pytest.fixture(scope="module")
def cold(hold: Callable[..., Contest]) -> Contest:
    return hold(task="cold")


def test_every_heat_has_ours_and_its_peers(cold: Contest) -> None:
    def of(figure: str) -> set[str]:
        return {row.name for row in cold.rows if row.figure == figure}

    both = {"two-tower", "content_neighbours"}
    assert of("new_products.recall@10") == both | {"chance", "kin_popularity"}
    assert of("beginners.novel.ndcg@20") == both | {"popularity", "personal_frequency", "ease_popularity"}
    assert of("session.recall@10") == both | {"popularity", "co_occurrence", "basket_cosine"}


def test_each_kind_is_shown_the_new_products_of_its_shelf(cold: Contest) -> None:
    """Six come after the cut-off, three for each kind: content tells the shelf, chance does not."""
    content = cold.value("content_neighbours", "new_products.ndcg@20").value
    assert content > cold.value("kin_popularity", "new_products.ndcg@20").value
    assert content > cold.value("chance", "new_products.ndcg@20").value


def test_ours_is_held_against_the_best_peer_of_each_figure(cold: Contest) -> None:
    for figure in ("new_products.recall@100", "beginners.all.ndcg@20", "session.ndcg@10"):
        row = cold.against_best_peer("two-tower", figure)
        peers = {one.name: one.value for one in cold.rows if one.figure == figure and one.name != "two-tower"}
        assert peers[str(row.ratio_to)] == max(peers.values())


def test_a_method_of_two_heats_is_told_once_with_what_both_chose(cold: Contest) -> None:
    names = [method.name for method in cold.methods]
    assert len(set(names)) == len(names)
    (popular,) = [method for method in cold.methods if method.name == "popularity"]
    assert set(popular.chosen) == {"all", "novel", "basket"}
    assert len(cold.notes) == 3


def test_without_new_products_there_is_nobody_to_judge(hold: Callable[..., Contest], cold: Contest) -> None:
    before = cold.train_until.replace(month=3, day=10)
    with pytest.raises(NobodyToJudge):
        hold(task="cold", train_until=before, ours=False)
