"""Who is placed where, and when nothing can be compared."""

import numpy as np
import pandas as pd
import pytest

from configs.fairness import AttributeSettings, StatisticsSettings
from fairness.groups import Grouping, grouping_of, intersection, known_or_not, unusable

STATISTICS = StatisticsSettings(
    n_draws=400, confidence=0.95, alpha=0.05, power=0.8, min_cell=10, min_n=30, min_events=10, max_levels=5, seed=3
)
INCOME = AttributeSettings(name="income", column="income", groups={"low": ("Under 15K", "15-24K"), "high": ("250K+",)})
DEMOGRAPHICS = pd.DataFrame(
    {"customer_id": ["a", "b", "c", "d", "e"], "income": ["Under 15K", "250K+", None, "50-74K", " Unknown "]}
)


def placed(grouping: Grouping) -> list[str]:
    return [grouping.labels[code] for code in grouping.codes]


def test_levels_fall_into_the_groups_of_the_policy_and_unlisted_ones_are_groups_of_their_own() -> None:
    grouping = grouping_of(DEMOGRAPHICS, ["b", "a", "d", "c", "e", "nobody"], INCOME, STATISTICS)
    assert grouping.labels == ("low", "high", "50-74K", "unknown")
    assert placed(grouping) == ["high", "low", "50-74K", "unknown", "unknown", "unknown"]
    assert grouping.counts.tolist() == [1, 1, 1, 3]


@pytest.mark.parametrize("table", [None, pd.DataFrame({"customer_id": ["a"], "age": ["19-24"]})])
def test_without_demographics_everybody_is_unknown_and_nothing_can_be_compared(table: pd.DataFrame | None) -> None:
    grouping = grouping_of(table, ["a", "b"], INCOME, STATISTICS)
    assert placed(grouping) == ["unknown", "unknown"]
    reason = unusable(grouping, STATISTICS)
    assert reason is not None
    assert "none of the 2 customers is known" in reason


def test_one_group_alone_cannot_be_compared() -> None:
    grouping = grouping_of(DEMOGRAPHICS.iloc[[0, 2]], ["a", "c"], INCOME, STATISTICS)
    reason = unusable(grouping, STATISTICS)
    assert reason is not None
    assert "'low'" in reason


def test_three_hundred_levels_are_neither_judged_nor_named() -> None:
    ids = [f"customer {place}" for place in range(300)]
    table = pd.DataFrame({"customer_id": ids, "income": [f"post code {place}" for place in range(300)]})
    grouping = grouping_of(table, ids, INCOME, STATISTICS)
    reason = unusable(grouping, STATISTICS)
    assert reason is not None
    assert "300 groups; at most 5" in reason
    assert not [label for label in grouping.labels if "post code" in label]


def test_a_usable_grouping_has_no_complaint() -> None:
    assert unusable(grouping_of(DEMOGRAPHICS, ["a", "b"], INCOME, STATISTICS), STATISTICS) is None


def test_a_customer_listed_twice_counts_once() -> None:
    twice = pd.concat([DEMOGRAPHICS, DEMOGRAPHICS])
    assert placed(grouping_of(twice, ["a", "b"], INCOME, STATISTICS)) == ["low", "high"]


def test_an_intersection_is_unknown_where_either_part_is() -> None:
    income = Grouping("income", ("low", "high", "unknown"), np.array([0, 0, 1, 1, 2]))
    age = Grouping("age", ("young", "old", "unknown"), np.array([0, 1, 1, 2, 0]))
    both = intersection(income, age)
    assert both.attribute == "income x age"
    assert placed(both) == ["low, young", "low, old", "high, old", "unknown", "unknown"]
    assert both.cells[2] == ("high", "young")


def test_the_unknown_can_be_set_against_the_known() -> None:
    income = Grouping("income", ("low", "high", "unknown"), np.array([0, 2, 1]))
    either = known_or_not(income)
    assert placed(either) == ["income is known", "income is not known", "income is known"]
    assert unusable(either, STATISTICS) is None
