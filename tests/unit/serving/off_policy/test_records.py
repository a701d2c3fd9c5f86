"""Lists on record: which are taken, what could have stood on them, and which purchase counts for which list."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serving.decisions import Decision
from serving.off_policy.records import Purchase, ShownList, bought_from, shown_lists

NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
DRAW = {
    "policy": "stand_in_v1",
    "p_explored": 0.4,
    "places": [
        {"rank": 2, "product_id": "b", "stand_ins": "0"},
        {"rank": 3, "product_id": "c", "stand_ins": "1"},
    ],
    "stand_ins": {"0": ["x", "y"], "1": ["z"]},
}
SHOWN = ShownList("dec_1", "ada", NOON, ("a", "y", "c"), (1.0, 0.2, 0.6), DRAW)


def decision(decision_id: str, **facts: Any) -> Decision:
    items = [{"product_id": "a", "rank": 1, "propensity": 1.0}, {"product_id": "y", "rank": 2, "propensity": 0.2}]
    subject = facts.pop("subject_id", "ada")
    at = facts.pop("created_at", "2025-03-01T12:00:00.000Z")
    kept = {"kind": "recommendations", "request": {}, "items": items, "exploration": DRAW, **facts}
    return Decision(decision_id, at, subject, kept)


def test_what_could_have_stood_in_each_place() -> None:
    assert SHOWN.possible() == [{"a": 1.0}, {"b": 0.6, "x": 0.2, "y": 0.2}, {"c": 0.6, "z": 0.4}]
    assert [SHOWN.possible()[place][product] for place, product in enumerate(SHOWN.product_ids)] == pytest.approx(
        SHOWN.propensities
    )
    assert SHOWN.as_ranked() == ["a", "b", "c"]


def test_a_list_without_a_draw_could_be_no_other() -> None:
    plain = replace(SHOWN, exploration=None)
    assert plain.possible() == [{"a": 1.0}, {"y": 1.0}, {"c": 1.0}]
    assert plain.as_ranked() == ["a", "y", "c"]


def test_lists_of_others_other_places_and_too_young_ones_are_left_out() -> None:
    decisions = [
        decision("dec_1"),
        decision("dec_2", subject_id="bob"),
        decision("dec_3", subject_id=None),
        decision("dec_4", kind="price_suggestions"),
        decision("dec_5", request={"placement": "discover"}),
        decision("dec_6", created_at="2025-03-02T12:00:00.000Z"),
        decision("dec_7", items=[]),
        decision("dec_8", exploration=None, request={"placement": "home"}),
    ]
    found = shown_lists(decisions, customers={"ada"}, placement="home", until=NOON)
    assert [shown.decision_id for shown in found] == ["dec_1", "dec_8"]
    assert found[0].product_ids == ("a", "y")
    assert found[0].at == NOON
    discover = shown_lists(decisions, customers={"ada"}, placement="discover", until=NOON)
    assert [shown.decision_id for shown in discover] == ["dec_5"]


def test_a_purchase_counts_for_the_newest_list_that_held_it_within_the_window() -> None:
    lists = [SHOWN, replace(SHOWN, decision_id="dec_2", at=NOON + timedelta(days=2), product_ids=("c", "a", "q"))]

    def bought(
        product_id: str, days: float, decision_id: str | None = None, who: str = "ada"
    ) -> list[tuple[bool, ...]]:
        purchase = Purchase(who, product_id, NOON + timedelta(days=days), decision_id)
        return bought_from(lists, [purchase], WEEK)

    nothing = (False, False, False)
    assert bought("a", 1) == [(True, False, False), nothing]
    assert bought("a", 3) == [nothing, (False, True, False)]
    assert bought("a", 3, "dec_1") == [(True, False, False), nothing]  # the storefront knows better
    assert bought("a", 3, "dec_9") == [nothing, (False, True, False)]
    assert bought("y", 6.9) == [(False, True, False), nothing]
    assert bought("y", 7.0) == [nothing, nothing]
    assert bought("a", -0.1) == [nothing, nothing]
    assert bought("a", 1, who="bob") == [nothing, nothing]
    assert bought("unseen", 1) == [nothing, nothing]


def test_a_product_bought_twice_counts_once_for_one_list() -> None:
    twice = [Purchase("ada", "a", NOON + timedelta(hours=hours), None) for hours in (1, 2)]
    assert bought_from([SHOWN], twice, WEEK) == [(True, False, False)]
