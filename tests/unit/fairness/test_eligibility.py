"""Which groups are judged."""

import numpy as np
import pytest

from configs.fairness import StatisticsSettings
from fairness.bootstrap import GroupDraws
from fairness.eligibility import Sifted, only, sift, too_many, why_not
from fairness.groups import Grouping
from fairness.measures import Definition

STATISTICS = StatisticsSettings(
    n_draws=400, confidence=0.95, alpha=0.05, power=0.8, min_cell=10, min_n=30, min_events=10, max_levels=2, seed=3
)
RATIO = Definition("segments", "selection_rate", "t", "m", "share", 1.0, "ratio", "s")
IDEAL = Definition("proxies", "auc", "t", "m", "AUC", 0.5, "difference", "s", reference="ideal")


def drawn(n: list[int], events: list[int], values: list[float]) -> GroupDraws:
    labels = (*(f"g{place}" for place in range(len(n) - 1)), "unknown")
    draws = np.repeat(np.array(values)[:, None], 200, axis=1)
    return GroupDraws(labels, np.array(n), np.array(events), np.array(values), draws)


def sifted(groups: GroupDraws, definition: Definition = RATIO, hidden: tuple[int, ...] = ()) -> Sifted:
    chosen = np.zeros(len(groups.labels), dtype=np.bool_)
    chosen[list(hidden)] = True
    return sift(definition, groups, chosen, STATISTICS, "")


def test_small_groups_rare_events_hidden_and_empty_groups_are_named_and_not_judged() -> None:
    groups = drawn(
        [100, 29, 100, 100, 0, 100, 500], [50, 29, 9, 40, 0, 30, 200], [0.5, 0.5, 0.1, 0.4, np.nan, 0.3, 0.4]
    )
    found = sifted(groups, hidden=(5,))
    assert found.places == (0, 3)
    assert found.problem == ""
    told = " ".join(found.left_out)
    assert "under 10 or giving such a group away by subtraction: g5." in told
    assert "fewer than 30: g1." in told
    assert "fewer than 10 events: g2." in told
    assert "Nobody is in: g4." in told


def test_a_large_group_almost_without_events_is_pointed_at() -> None:
    found = sifted(drawn([500, 500, 500, 0], [250, 250, 2, 0], [0.5, 0.5, 0.004, np.nan]))
    assert "Look into g2" in found.left_out[-1]
    assert "Look into" not in " ".join(sifted(drawn([500, 500, 40, 0], [90, 90, 2, 0], [0.2, 0.2, 0.1, 1])).left_out)


def test_a_figure_often_without_meaning_is_not_judged() -> None:
    groups = drawn([100, 100, 100, 0], [50, 50, 50, 0], [0.5, 0.5, 0.5, np.nan])
    groups.draws[1, :10] = np.nan
    groups.draws[2, :1] = np.nan
    assert sifted(groups).places == (0, 2)
    assert (only(groups, (0, 2)).draws == 0.5).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [([0.5, -0.1, 0.2], "negative"), ([0.0, 0.0, 0.2], "0 in every group")],
)
def test_some_figures_have_no_ratio(values: list[float], words: str) -> None:
    assert words in sifted(drawn([100, 100, 100], [50, 50, 50], values)).problem


def test_a_comparison_takes_two_groups_and_an_ideal_one() -> None:
    assert "Only one group" in sifted(drawn([100, 20, 100], [50, 20, 50], [0.5, 0.5, 0.2])).problem
    assert "No group" in sifted(drawn([20, 20, 100], [20, 20, 50], [0.5, 0.5, 0.2])).problem
    assert sifted(drawn([100, 20, 100], [50, 20, 50], [0.5, 0.5, 0.2]), IDEAL).problem == ""
    assert "No group" in sifted(drawn([20, 20, 100], [20, 20, 50], [0.5, 0.5, 0.2]), IDEAL).problem


def test_what_stands_in_the_way_before_any_figure() -> None:
    nobody = Grouping("income", ("low", "high", "unknown"), np.array([2, 2]))
    crowd = Grouping("income", ("a", "b", "c", "unknown"), np.array([0, 1, 2]))
    fine = Grouping("income", ("low", "high", "unknown"), np.array([0, 1]))
    figures = drawn([50, 50, 0], [50, 50, 0], [0.5, 0.5, np.nan])
    assert "is known" in why_not(RATIO, figures, nobody, STATISTICS)
    assert why_not(IDEAL, figures, nobody, STATISTICS) == ""
    assert too_many(crowd, STATISTICS)
    assert "3 groups" in why_not(IDEAL, figures, crowd, STATISTICS)
    assert "nothing to judge" in why_not(RATIO, None, fine, STATISTICS)
    assert why_not(RATIO, figures, fine, STATISTICS) == ""
