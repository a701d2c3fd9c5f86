"""Proxies: areas under curves against the pairwise definition, planted proxies found, noise not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from configs.loading import load_settings
from fairness.errors import TableMismatch
from fairness.groups import Grouping, intersection
from fairness.measures import UNKNOWN, Measure
from fairness.policy import Policy
from fairness.proxies import DEFINITIONS, auc_by_group, definition_of, proxy_measures

POLICY = Policy(load_settings("test").fairness, "two-tower")
CODES = np.random.default_rng(1).choice(3, size=400, p=[0.25, 0.35, 0.4]).astype(np.int64)
IDS = [f"c{place}" for place in range(400)]


def grouping(codes: np.ndarray = CODES) -> Grouping:
    return Grouping("income", ("low", "high", UNKNOWN), codes)


def tables(**columns: object) -> dict[str, pd.DataFrame]:
    return {"inputs": pd.DataFrame(columns)}


def noise(seed: int, n: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def judged(given_tables: dict[str, pd.DataFrame], where: Grouping | None = None) -> dict[str, Measure]:
    return {m.measure: m for m in proxy_measures(given_tables, IDS, [where or grouping()], POLICY)}


def pairwise_auc(scores: np.ndarray, member: np.ndarray, folds: np.ndarray, weights: np.ndarray) -> float:
    """The slow, obvious version: every pair of a member and another of the same fold."""
    total = won = 0.0
    for i in np.flatnonzero(member):
        for j in np.flatnonzero(~member & (folds == folds[i])):
            pair = weights[i] * weights[j]
            total += pair
            won += pair * (1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0)
    return won / total if total else np.nan


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 1), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=25
    )
)
def test_areas_are_those_of_all_pairs_within_a_fold(rows: list[tuple[int, int, int, int]]) -> None:
    scores, codes, folds, weights = (np.array(column) for column in zip(*rows, strict=True))
    both = np.column_stack([-scores, scores]).astype(float)
    areas = auc_by_group(both, codes, folds, weights[None].astype(np.float32))
    for group in (0, 1):
        expected = pairwise_auc(both[:, group], codes == group, folds, weights)
        np.testing.assert_allclose(areas[group, 0], expected, rtol=1e-6)


def test_areas_of_one_fold_are_scikit_learns() -> None:
    scores = np.random.default_rng(0).normal(size=(400, 3)).round(1)
    areas = auc_by_group(scores, CODES, np.zeros(400, np.int64))[:, 0]
    np.testing.assert_allclose(areas, [roc_auc_score(group == CODES, scores[:, group]) for group in range(3)])


def test_a_planted_proxy_is_readable_and_says_what_follows() -> None:
    found = judged(tables(spend=noise(2) + 2 * (CODES == 0), other=noise(3)))["proxy_auc_inputs"]
    assert (found.surface, found.family, found.verdict) == ("proxies", "exploratory", "FAIL")
    assert found.margin == pytest.approx(0.2)
    assert found.contrast is not None
    assert found.contrast.best_group == "tossing a coin"
    assert found.groups[0].value == pytest.approx(0.92, abs=0.04)
    assert "no model of purchases is free of proxies" in found.note
    assert "not that the model uses it" in found.note


def test_a_text_is_read_too() -> None:
    stores = np.where((CODES == 0) ^ (np.random.default_rng(5).random(400) < 0.1), "north", "south")
    assert judged(tables(shelf=stores))["proxy_auc_inputs"].verdict == "FAIL"


def test_noise_passes() -> None:
    found = judged(tables(one=noise(7), two=noise(8)))["proxy_auc_inputs"]
    assert found.verdict == "PASS"
    assert all(abs(group.value - 0.5) < 0.12 for group in found.groups if group.value is not None)


@pytest.mark.parametrize("column", ["store_id", "home_store"])
def test_the_home_store_is_judged_alone_where_a_table_holds_it(column: str) -> None:
    found = judged(tables(**{column: np.where(CODES == 1, "a", "b"), "other": noise(1)}))
    assert set(found) == {"proxy_auc_inputs", "proxy_auc_home_store"}
    assert found["proxy_auc_home_store"].groups[0].value == 1.0


def test_reruns_agree_to_the_last_digit() -> None:
    assert judged(tables(a=noise(1))) == judged(tables(a=noise(1)))


def test_the_unknown_are_neither_guessed_nor_used() -> None:
    values = noise(1) + (CODES == 0)
    moved = np.where(CODES == 2, 1e6, values)
    assert judged(tables(a=values)) == judged(tables(a=moved))


def test_three_groups_are_each_told_from_the_rest() -> None:
    where = Grouping("age", ("a", "b", "c", UNKNOWN), CODES)
    found = judged(tables(x=noise(4) + 3 * (CODES == 2)), where)["proxy_auc_inputs"]
    areas = {group.group: group.value for group in found.groups}
    assert areas["c"] is not None
    assert areas["c"] > 0.9
    assert found.contrast is not None
    assert found.contrast.worst_group == "c"


def test_customers_without_data_are_left_out_and_counted() -> None:
    held = np.arange(400) % 2 == 0
    table = pd.DataFrame({"a": np.where(held, noise(1), np.nan), "store_id": np.where(held, "s", "")})
    found = judged({"inputs": table})["proxy_auc_inputs"]
    n_known = int((CODES < 2).sum())
    n_held = int(((CODES < 2) & held).sum())
    assert sum(group.n or 0 for group in found.groups) == n_held
    assert f"{n_known - n_held} customers of whom the table holds nothing are left out." in found.note


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_broken_numbers_are_insufficient_and_never_a_pass(broken: float) -> None:
    scores = noise(1)
    scores[:3] = broken
    found = judged({"outputs": pd.DataFrame({"score": scores, "other": noise(2)})})["proxy_auc_outputs"]
    assert found.verdict == "INSUFFICIENT"
    assert "missing or infinite for 3 of 400 customers" in found.note


@pytest.mark.parametrize("table", [pd.DataFrame(index=range(400)), pd.DataFrame({"a": np.full(400, np.nan)})])
def test_an_empty_table_is_insufficient(table: pd.DataFrame) -> None:
    found = judged({"outputs": table})["proxy_auc_outputs"]
    assert found.verdict == "INSUFFICIENT"
    assert "holds nothing about any customer" in found.note


def test_a_constant_tells_nothing() -> None:
    found = judged(tables(a=np.ones(400)))["proxy_auc_inputs"]
    assert {group.value for group in found.groups} == {0.5}


@pytest.mark.parametrize(
    "codes", [np.full(400, 2), np.zeros(400), np.where(np.arange(400) < 29, 0, 1)], ids=["unknown", "one", "29"]
)
def test_fewer_than_two_groups_of_thirty_are_insufficient(codes: np.ndarray) -> None:
    found = judged(tables(a=noise(1)), grouping(codes.astype(np.int64)))["proxy_auc_inputs"]
    assert found.verdict == "INSUFFICIENT"
    assert "is known of too few" in found.note
    assert "30 customers or more" in found.note


def test_too_many_levels_are_insufficient() -> None:
    codes = (np.arange(6000) % 150).astype(np.int64)
    where = Grouping("income", (*(f"level {place}" for place in range(150)), UNKNOWN), codes)
    (found,) = proxy_measures({"inputs": pd.DataFrame({"a": noise(1, 6000)})}, [""] * 6000, [where], POLICY)
    assert found.verdict == "INSUFFICIENT"
    assert "150 groups; at most 20" in found.note


def test_intersections_are_left_out() -> None:
    pair = intersection(grouping(), Grouping("age", ("x", "y", UNKNOWN), CODES))
    assert proxy_measures(tables(a=noise(1)), IDS, [pair], POLICY) == []


def test_a_table_of_other_customers_is_refused() -> None:
    with pytest.raises(TableMismatch, match="the table 'inputs' has 3 rows for 400 customers"):
        proxy_measures({"inputs": pd.DataFrame({"a": [1, 2, 3]})}, IDS, [grouping()], POLICY)


def test_definitions_name_the_tables_that_audits_hand_in() -> None:
    assert [d.measure for d in DEFINITIONS] == ["proxy_auc_inputs", "proxy_auc_outputs", "proxy_auc_home_store"]
    assert definition_of("inputs") in DEFINITIONS
    assert all((d.ideal, d.side, d.reference) == (0.5, "high", "ideal") for d in DEFINITIONS)
