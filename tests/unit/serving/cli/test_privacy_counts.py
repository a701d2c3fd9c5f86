"""`fairshelf privacy count`."""

import json
from collections.abc import Callable

import pytest

from configs.settings import PROJECT_ROOT

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def ingested(call: Call) -> Call:
    """The commands, in a house that holds the corner shop."""
    assert call("ingest", "files", PROJECT_ROOT / "docs" / "own-data")[0] == 0
    return call


def test_asking_again_gives_the_same_answer_and_costs_nothing(ingested: Call) -> None:
    asked = ("privacy", "count", "--purpose", "marketing", "--json")
    first = json.loads(ingested(*asked)[1])
    assert first["customers, about"] >= 0
    assert first["within, 95 of 100 times"] == 30
    assert all(json.loads(ingested(*asked)[1]) == first for _ in range(2))
    budget = json.loads(ingested("privacy", "budget", "--json")[1])
    assert budget["lineages"][0]["epsilon"] == pytest.approx(0.1, rel=0.01)


def test_the_true_count_is_that_of_customers_who_allow_it_now(ingested: Call) -> None:
    sharp = ("--set", "privacy.small_counts.scale=0.13")  # noise other than 0 once in a thousand times
    told = json.loads(ingested("privacy", "count", "--purpose", "personalization", "--json", *sharp)[1])
    assert abs(told["customers, about"] - 7) <= 1


def test_an_unknown_purpose_costs_nothing(ingested: Call) -> None:
    code, printed = ingested("privacy", "count", "--purpose", "research")
    assert code == 2
    assert "unknown purpose" in printed
    assert json.loads(ingested("privacy", "budget", "--json")[1])["lineages"] == []


def test_a_spent_budget_is_a_refusal(ingested: Call) -> None:
    tight = ("--set", "privacy.budget.cap_epsilon=0.05")
    code, printed = ingested("privacy", "count", "--purpose", "marketing", *tight)
    assert code == 3
    assert "0.05" in printed
