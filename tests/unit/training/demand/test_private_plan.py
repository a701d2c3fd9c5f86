"""The releases of a private version keep to their target together, whatever their shares."""

import pytest

from configs.demand import PrivateDemandSettings
from configs.loading import load_settings
from privacy.accounting import epsilon
from training.demand.private_plan import demand_plan


def settings(**changed: float) -> PrivateDemandSettings:
    private = load_settings("test", []).demand.private
    return PrivateDemandSettings.model_validate(private.model_dump() | changed)


@pytest.mark.parametrize("target", [2.5, 3.0])
def test_both_releases_together_keep_to_the_target(target: float) -> None:
    asked = settings(target_epsilon=target)
    plan = demand_plan(asked)
    assert [step.what for step in plan.steps] == [
        "sums by product, week and store",
        "sums by category and kind of promotion",
    ]
    assert 0.99 * target < epsilon(plan.events, asked.delta) <= target
    alone = [epsilon((event,), asked.delta) for event in plan.events]
    assert alone[1] < alone[0] < target < sum(alone)


def test_the_shares_of_each_release_are_all_of_it() -> None:
    for step in demand_plan(settings(target_epsilon=3)).steps:
        assert sum(family.share for family in step.families) == pytest.approx(1)


def test_below_the_limit_levels_get_all() -> None:
    plan = demand_plan(settings(target_epsilon=1, min_epsilon_to_fit=2))
    assert plan.responses is None
    assert len(plan.events) == 1
    assert 0.999 < epsilon(plan.events, 1e-5) <= 1


def test_shares_that_leave_products_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="not below 1"):
        settings(share_on_weeks=0.6, share_on_stores=0.4)
