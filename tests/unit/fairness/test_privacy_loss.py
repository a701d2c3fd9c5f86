"""Who pays for privacy: each group's loss against the average loss."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from configs.loading import load_settings
from fairness.groups import Grouping
from fairness.measures import UNKNOWN, Measure
from fairness.policy import Policy, policy_digest
from fairness.privacy_loss import DEFINITIONS, Compared, not_compared, privacy_loss_measures

POLICY = Policy(load_settings("test").fairness, "two-tower")
N = 400  # customers of each group
GROUPING = Grouping("income", ("low", "high", UNKNOWN), np.repeat([0, 1, 2], N).astype(np.int64))


def compared(*losses: float, spread: float = 0.02) -> Compared:
    """NDCG of a reference, and of a version whose groups lose the given amounts, give or take a spread."""
    rng = np.random.default_rng(1)
    before = rng.uniform(0.2, 0.4, 3 * N)
    after = before - np.repeat(losses, N) + rng.normal(0, spread, 3 * N)
    return Compared(
        private={"all": after, "novel": after},
        reference={"all": before, "novel": before},
        n_bought={"all": np.full(3 * N, 5.0), "novel": np.full(3 * N, 5.0)},
        name="version 2, not private",
    )


def first(found: Compared, grouping: Grouping = GROUPING) -> Measure:
    return privacy_loss_measures(found, [grouping], POLICY)[0]


def test_equal_losses_pass_and_the_figures_are_shares_of_the_average() -> None:
    found = compared(0.03, 0.03, 0.03)
    measure = first(found)
    assert (measure.verdict, measure.family, measure.margin) == ("PASS", "exploratory", 0.5)
    lost = found.reference["all"] - found.private["all"]
    wanted = {label: lost[GROUPING.codes == place].mean() / lost.mean() for place, label in enumerate(GROUPING.labels)}
    assert {group.group: group.value for group in measure.groups} == pytest.approx(wanted)
    assert "version 2, not private" in measure.note


def test_a_group_that_loses_twice_the_average_fails() -> None:
    measure = first(compared(0.06, 0.01, 0.02))  # 2.0, 0.33 and 0.67 times the average of 0.03
    assert measure.verdict == "FAIL"
    assert measure.contrast is not None
    assert (measure.contrast.worst_group, measure.contrast.best_group) == ("low", "an equal share")
    assert measure.contrast.value == pytest.approx(1.0, abs=0.1)


def test_a_group_may_gain_while_others_lose() -> None:
    measure = first(compared(0.025, -0.01, 0.045))  # 1.25, -0.5 and, not judged, 2.25 times the average of 0.02
    assert measure.verdict == "PASS"
    assert [group.value for group in measure.groups] == pytest.approx([1.25, -0.5, 2.25], abs=0.2)


def test_what_cannot_be_told_is_said() -> None:
    measure = first(compared(0.04, 0.03, 0.03, spread=0.4))
    assert (measure.verdict, measure.contrast) == ("INSUFFICIENT", None)
    assert "cannot be told from none" in measure.note
    assert first(compared(-0.03, -0.03, -0.03)).verdict == "INSUFFICIENT", "everybody gains: nothing to share out"
    close = first(compared(0.0438, 0.02, 0.03, spread=0.1))
    assert (close.verdict, close.contrast is not None) == ("INSUFFICIENT", True)


def test_small_groups_are_not_judged() -> None:
    codes = np.full(3 * N, 2, np.int64)
    codes[:20], codes[20:40] = 0, 1
    measure = first(compared(0.03, 0.03, 0.03), replace(GROUPING, codes=codes))
    assert measure.verdict == "INSUFFICIENT"
    assert "fewer than 30" in measure.note


def test_who_bought_nothing_is_in_no_figure() -> None:
    found = compared(0.03, 0.03, 0.03)
    silent: npt.NDArray[np.bool_] = np.arange(3 * N) % 2 == 0
    partly = replace(
        found, private={task: np.where(silent, np.nan, figures) for task, figures in found.private.items()}
    )
    assert [group.n for group in first(partly).groups] == [N // 2] * 3
    nobody = replace(found, private={task: np.full(3 * N, np.nan) for task in found.private})
    assert first(nobody).verdict == "INSUFFICIENT"
    assert "Nobody bought" in first(nobody).note


def test_each_task_and_attribute_has_its_measure() -> None:
    other = replace(GROUPING, attribute="age")
    keys = [one.key for one in privacy_loss_measures(compared(0.03, 0.03, 0.03), [GROUPING, other], POLICY)]
    names = ("income", "age", "known_demographics")
    assert keys == [f"privacy_loss_{task} by {name}" for task in ("all", "novel") for name in names]


def test_who_is_in_no_group_is_compared_as_such() -> None:
    measure = privacy_loss_measures(compared(0.01, 0.01, 0.07), [GROUPING], POLICY)[1]
    assert (measure.attribute, measure.verdict) == ("known_demographics", "FAIL")
    assert measure.contrast is not None
    assert measure.contrast.worst_group == "not known"
    everybody = replace(GROUPING, codes=np.repeat([0, 0, 1], N).astype(np.int64))
    assert len(privacy_loss_measures(compared(0.03, 0.03, 0.03), [everybody], POLICY)) == 2


def test_a_comparison_that_cannot_be_made_says_so() -> None:
    measures = not_compared(POLICY, "There is no reference.")
    assert [one.measure for one in measures] == [one.measure for one in DEFINITIONS]
    assert {(one.verdict, one.note, one.attribute) for one in measures} == {
        ("INSUFFICIENT", "There is no reference.", None)
    }


def test_the_limit_decides_nothing_and_leaves_the_policys_digest() -> None:
    settings = POLICY.settings
    wider = settings.model_copy(update={"privacy_loss": settings.privacy_loss.model_copy(update={"max_ratio": 3.0})})
    assert policy_digest(wider) == policy_digest(settings)
    found = compared(0.06, 0.01, 0.02)
    assert privacy_loss_measures(found, [GROUPING], Policy(wider, "two-tower"))[0].verdict == "PASS"
