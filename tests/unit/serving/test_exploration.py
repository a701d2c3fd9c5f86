"""Exploration: the declared policy draws what it says it draws, and nobody who did not agree is explored."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations, permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.exploration import ExplorationSettings
from configs.loading import load_settings
from configs.settings import ServingSettings
from privacy.consent import MODEL_TRAINING
from serving.exploration import Design, design, drawn, generator_of, record
from serving.lists import Pick
from serving.shelf import Shelf

SWITCHES = ("max_share=0.5", "protected=1", "pool=4", "rate=0.8")
ON = [f"serving.recommend.exploration.{switch}" for switch in SWITCHES]
N = 12


def policy(**changes: Any) -> ExplorationSettings:
    return load_settings("test", ON).serving.recommend.exploration.model_copy(update=changes)


def shelf_of(classes: list[str] | None) -> Shelf:
    columns: dict[str, Any] = {name: ["x"] * N for name in ("department", "category", "product_type", "brand")}
    if classes is not None:
        columns["supplier_class"] = classes
    return Shelf.of([str(i) for i in range(N)], columns | {"price_usd": np.ones(N)})


def lists(k: int, n_behind: int) -> tuple[list[Pick], list[Pick]]:
    picks = [Pick(i, 1 - i / 100, "repeat", -1) for i in range(k + n_behind)]
    return picks[:k], picks[k:]


def every_draw(plan: Design) -> Iterator[tuple[float, dict[int, int]]]:
    """The slow way: all sets of places, all coins, all orders of the stand-ins, each with its probability."""
    sets = list(combinations(range(len(plan.places)), plan.n_drawn))
    orders = [list(permutations(found)) for found in plan.stand_ins.values()]
    for chosen, coins, ordered in product(sets, product((True, False), repeat=plan.n_drawn), product(*orders)):
        p = 1 / len(sets) / np.prod([len(o) for o in orders])
        p *= np.prod([plan.rate if coin else 1 - plan.rate for coin in coins])
        left = dict(zip(plan.stand_ins, map(list, ordered), strict=True))
        explored = [at for at, coin in zip(chosen, coins, strict=True) if coin]
        yield float(p), {plan.places[at]: left[plan.classes[at]].pop().position for at in explored}


MIXED = ["a", "b", "a", "b", "a", "a", "a", "b", "a", "b", "c", "b"]


@pytest.mark.parametrize("classes", [None, MIXED])
def test_the_probabilities_are_those_of_all_draws_enumerated(classes: list[str] | None) -> None:
    picks, behind = lists(6, 5)
    shelf = shelf_of(classes)
    plan = design(picks, behind, shelf, policy(max_share=0.34))
    assert plan is not None
    assert plan.n_drawn == 2
    expected: defaultdict[tuple[int, int], float] = defaultdict(float)
    for p, stands in every_draw(plan):
        for place in range(6):
            expected[place, stands.get(place, place)] += p
    for place, kind in zip(plan.places, plan.classes, strict=True):
        assert expected[place, place] == pytest.approx(1 - plan.p_explored)
        for stand_in in plan.stand_ins[kind]:
            assert expected[place, stand_in.position] == pytest.approx(plan.p_stand_in(kind))
    n_pairs = len(plan.places) + sum(len(plan.stand_ins[kind]) for kind in plan.classes)
    assert len(expected) == n_pairs + 6 - len(plan.places)  # and nothing else ever happens


def test_what_is_drawn_follows_the_probabilities_that_are_logged() -> None:
    picks, behind = lists(6, 6)
    shelf = shelf_of(MIXED)
    plan = design(picks, behind, shelf, policy(max_share=0.5))
    assert plan is not None
    n = 10_000
    seen: Counter[tuple[int, int]] = Counter()
    logged: dict[tuple[int, int], float] = {}
    generator = np.random.default_rng(5)
    for _ in range(n):
        for place, pick in enumerate(drawn(picks, plan, generator)):
            seen[place, pick.position] += 1
            logged[place, pick.position] = pick.propensity
    for pair, p in logged.items():
        assert abs(seen[pair] / n - p) <= 4.5 * np.sqrt(p * (1 - p) / n), pair


@given(
    k=st.integers(1, 8),
    n_behind=st.integers(0, 4),
    share=st.floats(0, 1),
    protected=st.integers(0, 5),
    classes=st.lists(st.sampled_from("abc"), min_size=N, max_size=N),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_the_bounds_hold_whatever_is_asked(
    k: int, n_behind: int, share: float, protected: int, classes: list[str], seed: int
) -> None:
    picks, behind = lists(k, n_behind)
    shelf = shelf_of(classes)
    plan = design(picks, behind, shelf, policy(max_share=share, protected=protected, rate=1.0))
    if plan is None:
        return
    shown = drawn(picks, plan, np.random.default_rng(seed))
    changed = [place for place in range(k) if shown[place].position != picks[place].position]
    assert len({pick.position for pick in shown}) == k
    assert 0 < len(changed) == plan.n_drawn <= share * k + 1e-6
    assert all(place >= protected for place in changed)
    assert [classes[pick.position] for pick in shown] == [classes[pick.position] for pick in picks]
    assert [shown[place].source for place in changed] == ["explore"] * len(changed)
    assert all(0 < pick.propensity <= 1 or pick.source != "explore" for pick in shown)


def test_a_class_short_of_stand_ins_is_left_alone() -> None:
    picks, behind = lists(4, 2)
    classes = ["a", "a", "a", "b", "a", "b"] + ["c"] * 6  # one stand-in each; two places of `a` could be drawn
    plan = design(picks, behind, shelf_of(classes), policy(max_share=0.5, protected=1))
    assert plan is not None
    assert (plan.places, plan.n_drawn) == ((3,), 1)


@pytest.mark.parametrize(("share", "n_drawn"), [(0.29, 29), (0.1, 10), (0.999, 99)])
def test_a_share_of_a_list_is_rounded_down_to_whole_products(share: float, n_drawn: int) -> None:
    picks = [Pick(i % N, 0.5, "repeat", -1) for i in range(100)]
    behind = [Pick(i % N, 0.1, "repeat", -1) for i in range(100)]
    plan = design(picks, behind, shelf_of(None), policy(max_share=share, protected=0))
    assert plan is not None
    assert plan.n_drawn == n_drawn


def test_nothing_to_draw_is_no_exploration() -> None:
    picks, behind = lists(4, 4)
    assert design(picks, behind, shelf_of(None), policy(max_share=0.0)) is None
    assert design(picks, behind, shelf_of(None), policy(max_share=0.2)) is None  # less than one product
    assert design(picks, behind, shelf_of(None), policy(rate=0.0)) is None
    assert design(picks, behind, shelf_of(None), policy(protected=4)) is None
    assert design(picks, [], shelf_of(None), policy()) is None


def test_a_decision_can_be_drawn_again_from_its_id_and_its_record_names_everything() -> None:
    picks, behind = lists(5, 4)
    shelf = shelf_of(None)
    plan = design(picks, behind, shelf, policy())
    assert plan is not None
    again = [drawn(picks, plan, generator_of("dec_1")) for _ in range(2)]
    assert again[0] == again[1]
    assert any(drawn(picks, plan, generator_of(f"dec_{i}")) != again[0] for i in range(2, 12))
    kept = record(picks, plan, shelf)
    assert kept["places"] == [{"rank": i + 1, "product_id": str(i), "stand_ins": "-1"} for i in range(1, 5)]
    assert kept["stand_ins"] == {"-1": ["5", "6", "7", "8"]}
    assert kept["p_explored"] == pytest.approx(0.8 * 2 / 4)


@pytest.fixture
def serving_settings() -> ServingSettings:
    """Those of the shop, with exploration on."""
    return load_settings("test", ON).serving


def known(shop: Any, customer_id: str = "42", *, training: bool | None = True) -> None:
    pseudonym = shop.know(customer_id, "12", "15")
    if training is not None:
        at = shop.services.recommender._now()
        shop.consent.record(pseudonym, MODEL_TRAINING, granted=training, at=at, version="c-7", source="test")


def explored(shop: Any, **asked: Any) -> list[dict[str, Any]]:
    """The answers to twenty equal requests."""
    return [shop.recommend(**{"limit": 4, **asked}) for _ in range(20)]


def sources(answers: list[dict[str, Any]]) -> set[str]:
    return {item["source"] for answer in answers for item in answer["items"]}


def test_an_explored_answer_says_so_and_its_decision_holds_every_propensity(shop: Any) -> None:
    known(shop)
    answers = explored(shop, customer_id="42")
    assert "explore" in sources(answers)
    assert len({tuple(item["product_id"] for item in answer["items"]) for answer in answers}) > 1
    answer = next(one for one in answers if "explore" in sources([one]))
    assert "now and then a product by chance" in answer["main_parameters"]
    (tried, *_) = [item for item in answer["items"] if item["source"] == "explore"]
    assert tried["propensity"] == pytest.approx(0.8 * 2 / 3 / 4)
    assert tried["reasons"][0]["code"] == "TRIED_OUT"
    assert "by chance" in tried["reasons"][0]["text"]
    found = shop.call("GET", f"/v1/decisions/{answer['decision_id']}").json()
    assert [item["propensity"] for item in found["items"]] == [item["propensity"] for item in answer["items"]]
    assert found["exploration"]["policy"] == "stand_in_v1"
    assert [place["product_id"] for place in found["exploration"]["places"]] == ["15", "10", "11"]
    assert answer["items"][0]["propensity"] == 1.0  # the protected place


@pytest.mark.parametrize(
    "asked",
    [
        {"mode": "non_profiled"},
        {"consent": {"personalization": False}},
        {"dry_run": True},
        {"placement": "reorder"},
        {"limit": 1},
    ],
)
def test_who_or_what_must_not_be_explored_is_not(shop: Any, asked: dict[str, Any]) -> None:
    known(shop)
    answers = explored(shop, customer_id="42", **asked)
    assert "explore" not in sources(answers)
    assert {item["propensity"] for answer in answers for item in answer["items"]} == {1.0}
    assert len({tuple(item["product_id"] for item in answer["items"]) for answer in answers}) == 1


@pytest.mark.parametrize("training", [False, None])
def test_people_nothing_may_be_learnt_from_are_not_explored(shop: Any, training: bool | None) -> None:
    known(shop, training=training)
    assert "explore" not in sources(explored(shop, customer_id="42"))


def test_a_ledger_that_fails_costs_the_exploration_and_not_the_answer(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(shop)
    in_force = shop.consent.in_force

    def failing(customer_id: str, purpose: str, now: Any) -> Any:
        if purpose == MODEL_TRAINING:
            raise ConnectionError("no answer")
        return in_force(customer_id, purpose, now)

    monkeypatch.setattr(shop.consent, "in_force", failing)
    answer = shop.recommend(customer_id="42", limit=4)
    assert answer["personalization"]["applied"]
    assert "explore" not in sources([answer])
