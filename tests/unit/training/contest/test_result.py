"""Looking figures of a contest up."""

import pytest

from training.contest.errors import DisciplineUnknown
from training.contest.result import Contest, discipline_of
from training.errors import ScoreUnknown


def test_own_rows_and_compared_ones_are_told_apart(contest: Contest) -> None:
    assert contest.value("mine", "all.ndcg@20").ratio is None
    assert contest.against_best_peer("mine", "all.ndcg@20").ratio == 1.24
    assert [method.name for method in contest.ranked] == ["mine", "pop"]


def test_what_was_not_measured_is_said(contest: Contest) -> None:
    with pytest.raises(ScoreUnknown, match="recall@100"):
        contest.value("mine", "all.recall@100")
    with pytest.raises(ScoreUnknown):
        contest.against_best_peer("pop", "all.ndcg@20")


def test_disciplines_go_by_name() -> None:
    assert [discipline_of(name) for name in ("lists", "basket")] == ["lists", "basket"]
    with pytest.raises(DisciplineUnknown, match=r"'rank'.*lists, basket"):
        discipline_of("rank")


def test_it_survives_being_written(contest: Contest) -> None:
    assert Contest.model_validate_json(contest.model_dump_json()) == contest
