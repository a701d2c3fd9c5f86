"""The budget is met, spent as the settings say, and planned without a look at the data."""

import pytest

from configs.loading import load_settings
from configs.settings import PrivateTrainingSettings
from privacy.accounting import epsilon
from privacy.events import Gaussian, GaussianPoisson
from training.two_tower.private_plan import private_plan


def settings_with(**changes: float) -> PrivateTrainingSettings:
    return load_settings("test", []).two_tower.private.model_copy(update={"steps": 20, **changes})


@pytest.mark.parametrize("target", [2.0, 6.0])
def test_counts_and_training_together_keep_to_the_target(target: float) -> None:
    settings = settings_with(target_epsilon=target)
    plan = private_plan(settings)
    assert plan.mechanism == "dp-sgd"
    assert 0.999 * target < epsilon(plan.events, settings.delta) <= target
    alone = epsilon((plan.counts,), settings.delta)
    assert alone == pytest.approx(settings.share_on_counts * target, rel=2e-3)
    assert plan.training is not None
    (steps,) = plan.charges["training of the adapter"]
    assert steps == GaussianPoisson(
        noise_multiplier=plan.training.noise_multiplier, sample_rate=settings.sample_rate, steps=20
    )
    assert plan.charges["popularity, first purchases and vocabulary"] == (plan.counts,)


def test_below_the_limit_everything_goes_to_the_counts() -> None:
    settings = settings_with(target_epsilon=1.0, min_epsilon_to_train=2.0)
    plan = private_plan(settings)
    assert plan.mechanism == "dp-counts"
    assert plan.training is None
    assert plan.events == (Gaussian(noise_multiplier=plan.counts.noise_multiplier),)
    assert 0.999 < epsilon(plan.events, settings.delta) <= 1.0


def test_the_constants_of_the_training_are_the_settings() -> None:
    settings = settings_with(target_epsilon=4.0)
    training = private_plan(settings).training
    assert training is not None
    assert (training.sample_rate, training.expected_batch_size, training.max_grad_norm, training.delta) == (
        settings.sample_rate,
        settings.expected_batch_size,
        settings.max_grad_norm,
        settings.delta,
    )
