"""The private steps against plain SGD, written out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from configs.privacy import BudgetSettings
from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, Customers
from privacy.dp_plan import DpPlan
from privacy.events import Gaussian
from privacy.ledger import open_ledger
from privacy.randomness import Floats, SeededRandomness
from training.two_tower.private_charge import ChargedRun
from training.two_tower.private_examples import AFFINITIES, KNOWN, MIX, MOMENTS
from training.two_tower.private_model import FrozenProducts, PrivateTowers
from training.two_tower.private_plan import PrivatePlan
from training.two_tower.private_popularity import ReleasedPopularity
from training.two_tower.private_training import train_adapter

N, N_LEVELS = 30, 3
POPULARITY = ReleasedPopularity(
    np.array([9.0, 0.5, 4, 7, 0.5, 3]), np.array([1.0, 2, 3, 4, 5, 6]), np.array([0, 2, 3, 5])
)


def plan_with(noise: float, steps: int = 8) -> DpPlan:
    return DpPlan(
        sample_rate=1.0, expected_batch_size=N, steps=steps, noise_multiplier=noise, max_grad_norm=1e3, delta=1e-5
    )


@pytest.fixture
def customers() -> Customers:
    generator = torch.Generator().manual_seed(8)
    said = torch.randn(N, 2, 4, N_LEVELS, generator=generator)
    return Customers(
        {
            AFFINITIES: said,
            MIX: torch.rand(N, 2, 2, generator=generator),
            KNOWN: torch.zeros(N, 2, 4, dtype=torch.bool),
            MOMENTS: torch.randint(2, (N, 1), generator=generator),
            TARGETS: (said[:, :1, 1, 0] > 0).long(),
            TARGET_WEIGHTS: torch.ones(N, 1, dtype=torch.float64),
        }
    )


@pytest.fixture
def towers() -> PrivateTowers:
    groups = torch.tensor([[0, 2, 4], [0, 3, 4], [1, 3, 5], [1, 2, 5], [0, 2, 4], [1, 3, 4]])
    frozen = FrozenProducts(torch.rand(6, 2), groups, torch.ones(6), torch.from_numpy(POPULARITY.signals))
    return PrivateTowers(frozen, torch.ones(5), torch.full((1, N_LEVELS), 0.1))


@pytest.fixture
def run(settings: Any, tmp_path: Path) -> ChargedRun:
    budget = BudgetSettings(cap_epsilon=20, delta=1e-5, window_days=90, clock_tolerance_s=5)
    plan = PrivatePlan(Gaussian(noise_multiplier=3.0), plan_with(5.0))
    ledger = open_ledger(settings.storage, budget)
    return ChargedRun.open(ledger, plan, tmp_path / "run", run="r", lineage="shop", resume=False)


class Silent(SeededRandomness):
    """Noise of no size."""

    def gaussian(self, n: int) -> Floats:
        """Draw zeros."""
        return np.zeros(n)


def slow_sgd(towers: PrivateTowers, customers: Customers, steps: int, learning_rate: float) -> torch.Tensor:
    weight = towers.adapter.weight.detach().double().requires_grad_()
    signals = torch.from_numpy(POPULARITY.signals[POPULARITY.taught]).double()
    for _ in range(steps):
        total = torch.zeros((), dtype=torch.float64)
        for row in range(N):
            moment = customers.fields[MOMENTS][row, 0]
            said = customers.fields[AFFINITIES][row, moment].double()
            prior = signals @ customers.fields[MIX][row, moment].double()
            shares = torch.log_softmax(said @ weight[0] + prior, dim=0)
            total = total - shares[customers.fields[TARGETS][row, 0]]
        (gradient,) = torch.autograd.grad(total / N, weight)
        weight = (weight - learning_rate * gradient).detach().requires_grad_()
    return weight.detach()


def test_without_noise_it_is_plain_sgd(towers: PrivateTowers, customers: Customers, run: ChargedRun) -> None:
    expected = slow_sgd(towers, customers, 8, 0.5)
    trained = train_adapter(towers, customers, POPULARITY, plan_with(0.1), 0.5, run, Silent(1))
    torch.testing.assert_close(towers.adapter.weight.detach().double(), expected, rtol=1e-4, atol=1e-5)
    assert (trained.steps_done, trained.secure) == (8, False)
    assert run.began_to_train


def test_with_noise_it_is_not(towers: PrivateTowers, customers: Customers, run: ChargedRun) -> None:
    expected = slow_sgd(towers, customers, 8, 0.5)
    train_adapter(towers, customers, POPULARITY, plan_with(0.1), 0.5, run, SeededRandomness(1))
    assert (towers.adapter.weight.detach() - expected).norm().item() > 0.1


def test_nothing_but_the_adapter_changes(towers: PrivateTowers, customers: Customers, run: ChargedRun) -> None:
    before = {name: values.clone() for name, values in towers.state_dict().items()}
    train_adapter(towers, customers, POPULARITY, plan_with(0.1), 0.5, run, SeededRandomness(1))
    changed = {name for name, values in towers.state_dict().items() if not torch.equal(values, before[name])}
    assert changed == {"adapter.weight"}
