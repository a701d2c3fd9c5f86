"""Policies to be judged: the ranked list itself and lists from a file; and the way from a real draw to its value."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from configs.loading import load_settings
from serving.exploration import design, drawn, record
from serving.lists import Pick
from serving.off_policy.errors import TargetListsBroken
from serving.off_policy.records import ShownList
from serving.off_policy.targets import as_ranked, from_file, rows_of
from serving.shelf import Shelf
from training.off_policy.estimators import evaluate

NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
DRAW = {
    "p_explored": 0.5,
    "places": [{"rank": 2, "product_id": "b", "stand_ins": "0"}],
    "stand_ins": {"0": ["x", "y"]},
}
LISTS = [
    ShownList("dec_1", "ada", NOON, ("a", "y"), (1.0, 0.25), DRAW),
    ShownList("dec_2", "bob", NOON, ("a", "c"), (1.0, 1.0), None),
]


def test_the_ranked_list_as_a_policy_by_hand() -> None:
    rows = rows_of(LISTS, [(True, True), (False, False)], as_ranked(LISTS))
    assert rows.p_target().tolist() == [1.0, 0.0, 1.0, 1.0]
    assert (rows.p_target() / rows.p_logged).tolist() == [1.0, 0.0, 1.0, 1.0]
    assert rows.reward.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert rows.customer.tolist() == [0, 0, 1, 1]
    assert rows.slot.tolist() == [0, 1, 0, 1]
    assert rows.supported.tolist() == [1.0] * 4
    assert rows.action[0] == rows.action[2] != rows.action[1]


def write(path: Path, rows: Sequence[tuple[object, ...]], columns: list[str]) -> Path:
    frame = pd.DataFrame(rows, columns=columns)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["lists.csv", "lists.parquet"])
def test_lists_from_a_file_and_what_could_not_have_been_shown(tmp_path: Path, name: str) -> None:
    columns = ["customer_id", "task", "rank", "product_id"]
    lines = [("ada", "all", 1, "a"), ("ada", "all", 2, "x"), ("ada", "novel", 1, "q"), ("eve", "all", 1, "a")]
    known, policy = from_file(write(tmp_path / name, lines, columns), LISTS, "all")
    assert [shown.customer_id for shown in known] == ["ada"]
    assert policy == [[{"a": 1.0}, {"x": 1.0}]]
    rows = rows_of(known, [(True, False)], policy)
    assert rows.p_target().tolist() == [1.0, 0.0]
    assert rows.supported.tolist() == [1.0, 1.0]
    _, other = from_file(tmp_path / name, LISTS, "novel")
    assert rows_of(known, [(True, False)], other).supported.tolist() == [0.0, 0.0]


def test_lists_that_are_drawn_carry_their_propensities(tmp_path: Path) -> None:
    columns = ["customer_id", "rank", "product_id", "propensity"]
    lines = [("ada", 1, "a", 1.0), ("ada", 2, "y", 0.5), ("ada", 2, "never", 0.5)]
    known, policy = from_file(write(tmp_path / "l.csv", lines, columns), LISTS, "all")
    rows = rows_of(known, [(True, False)], policy)
    assert rows.p_target().tolist() == [1.0, 0.5]
    assert rows.supported.tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("rows", "columns", "named"),
    [
        ([("ada", 1)], ["customer_id", "rank"], "no column product_id"),
        ([("eve", 1, "a")], ["customer_id", "rank", "product_id"], "none of its 1 customers"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, rows: list[tuple[object, ...]], columns: list[str], named: str
) -> None:
    with pytest.raises(TargetListsBroken, match=named):
        from_file(write(tmp_path / "lists.csv", rows, columns), LISTS, "all")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetListsBroken, match=r"nowhere\.parquet"):
        from_file(tmp_path / "nowhere.parquet", LISTS, "all")


def test_what_the_explorer_draws_tells_what_the_ranked_list_is_worth() -> None:
    """The whole way: real draws, purchases by chance, and the value of drawing nothing, which is known here."""
    settings = load_settings(
        "test", ["serving.recommend.exploration.max_share=0.4", "evaluation.policy.n_bootstrap=200"]
    )
    policy = settings.serving.recommend.exploration
    columns = {name: ["x"] * 12 for name in ("department", "category", "product_type", "brand")}
    shelf = Shelf.of([str(i) for i in range(12)], columns | {"price_usd": [1.0] * 12})
    picks = [Pick(i, 1.0, "repeat", -1) for i in range(12)]
    p_bought = np.linspace(0.5, 0.06, 12)
    generator = np.random.default_rng(8)
    plan = design(picks[:8], picks[8:], shelf, policy)
    assert plan is not None
    kept = record(picks[:8], plan, shelf)
    lists, bought = [], []
    for number in range(1500):
        shown = drawn(picks[:8], plan, generator)
        ids, chances = zip(*[(str(pick.position), pick.propensity) for pick in shown], strict=True)
        lists.append(ShownList(f"dec_{number}", f"c{number}", NOON, ids, chances, kept))
        bought.append(tuple(generator.random(8) < p_bought[[pick.position for pick in shown]]))
    found = evaluate(rows_of(lists, bought, as_ranked(lists)), settings.evaluation.policy)
    truth = p_bought[:8].mean()
    for name in ("ips", "snips", "doubly_robust"):
        low, high = found.of(name).interval
        assert low <= truth <= high, name
    shown_interval = found.of("logged").interval
    assert shown_interval[1] < truth  # exploration costs, and the estimate takes the cost off again
    assert found.mean_weight == pytest.approx(1, abs=0.02)
    assert found.supported_share == 1.0
