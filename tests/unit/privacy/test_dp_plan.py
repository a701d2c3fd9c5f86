"""The public constants of a private training."""

import inspect
from typing import Any

import pytest

from privacy.dp_plan import DpPlan
from privacy.errors import PrivacyParameterInvalid
from privacy.events import GaussianPoisson

PLAN: dict[str, Any] = {
    "sample_rate": 0.1,
    "expected_batch_size": 256,
    "steps": 100,
    "noise_multiplier": 2.0,
    "max_grad_norm": 0.5,
    "delta": 1e-5,
}


def test_the_accountant_is_told_every_planned_step() -> None:
    assert DpPlan(**PLAN).events == (GaussianPoisson(noise_multiplier=2.0, sample_rate=0.1, steps=100),)
    assert DpPlan(**PLAN).facts() == PLAN


def test_nothing_in_a_plan_knows_how_many_customers_there_are() -> None:
    assert set(inspect.signature(DpPlan).parameters) == set(PLAN)


@pytest.mark.parametrize(
    ("constant", "value"),
    [
        ("sample_rate", 0.0),
        ("sample_rate", 1.5),
        ("expected_batch_size", 0),
        ("steps", 0),
        ("noise_multiplier", 0.0),
        ("noise_multiplier", float("inf")),
        ("noise_multiplier", float("nan")),
        ("max_grad_norm", 0.0),
        ("max_grad_norm", float("inf")),
        ("delta", 0.0),
        ("delta", 1.0),
    ],
)
def test_a_constant_out_of_range_is_named(constant: str, value: float) -> None:
    with pytest.raises(PrivacyParameterInvalid, match=constant):
        DpPlan(**PLAN | {constant: value})
