"""A release in units: noise in units is the noise multiplier times the family's scale."""

from privacy.events import Gaussian
from training.demand.private_steps import DemandPlan, Family, Step


def test_a_small_share_pays_with_a_large_scale() -> None:
    assert Family("products", 6.0, 1.0).scale == 6
    assert Family("products", 6.0, 0.25).scale == 12


def test_a_plan_charges_each_step_once() -> None:
    levels = Step("a", Gaussian(noise_multiplier=1.0), (Family("weeks", 1.0, 1.0),))
    responses = Step("b", Gaussian(noise_multiplier=2.0), (Family("regimes", 1.0, 1.0),))
    assert DemandPlan(levels, None).events == (levels.event,)
    assert DemandPlan(levels, responses).events == (levels.event, responses.event)
