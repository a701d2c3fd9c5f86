"""The loss by hand, and the adjacency that the whole promise rests on."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, Customers
from privacy.dp_gradients import clipped_sum
from privacy.dp_loss import ReleasedValues, check_loss
from privacy.errors import DpLossRefused
from training.two_tower.private_examples import AFFINITIES, KNOWN, MIX, MOMENTS
from training.two_tower.private_loss import FirstPurchases, VocabularyScores

N_MOMENTS, N_LEVELS, N_TAUGHT, N_TARGETS = 3, 4, 6, 5
SIGNALS = torch.log(torch.tensor([[0.3, 0.2, 0.2, 0.1, 0.1, 0.1], [0.1, 0.1, 0.3, 0.3, 0.1, 0.1]])).T
MAX_NORM = 0.7


def make_customers(n: int, *, seed: int, size: float = 1.0) -> Customers:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(n, N_TARGETS, generator=generator, dtype=torch.float64)
    return Customers(
        {
            AFFINITIES: torch.randn(n, N_MOMENTS, N_TAUGHT, N_LEVELS, generator=generator) * size,
            MIX: torch.rand(n, N_MOMENTS, 2, generator=generator),
            KNOWN: torch.rand(n, N_MOMENTS, N_TAUGHT, generator=generator) < 0.2,
            MOMENTS: torch.randint(N_MOMENTS, (n, N_TARGETS), generator=generator),
            TARGETS: torch.randint(N_TAUGHT, (n, N_TARGETS), generator=generator),
            TARGET_WEIGHTS: weights / weights.sum(1, keepdim=True),
        }
    )


@pytest.fixture
def model() -> VocabularyScores:
    generator = torch.Generator().manual_seed(1)
    return VocabularyScores(torch.randn(1, N_LEVELS, generator=generator))


@pytest.fixture
def loss() -> FirstPurchases:
    return FirstPurchases(ReleasedValues(SIGNALS, "counts"))


def example(customers: Customers, row: int) -> dict[str, Tensor]:
    return {name: values[row] for name, values in customers.fields.items()}


def test_the_loss_is_the_mean_surprise_of_first_purchases(model: VocabularyScores, loss: FirstPurchases) -> None:
    customers, model = make_customers(4, seed=2).double(), model.double()
    for row in range(4):
        one = example(customers, row)
        scales = model.adapter.weight.detach().numpy()[0]
        expected = 0.0
        for weight, moment, answer in zip(one[TARGET_WEIGHTS], one[MOMENTS], one[TARGETS], strict=True):
            prior = SIGNALS.numpy() @ one[MIX][moment].numpy()
            scores = one[AFFINITIES][moment].numpy() @ scales + prior
            open_ones = [j for j in range(N_TAUGHT) if not one[KNOWN][moment, j]]
            if one[KNOWN][moment, answer]:
                continue  # such rows are not made
            expected -= float(weight) * (scores[answer] - np.log(np.exp(scores[open_ones]).sum()))
        known = one[KNOWN][one[MOMENTS], one[TARGETS]]
        one[TARGET_WEIGHTS] = torch.where(known, 0.0, one[TARGET_WEIGHTS])
        assert loss(model, one).item() == pytest.approx(expected, rel=1e-5)


def test_signals_of_unknown_origin_are_refused() -> None:
    unknown: Any = SIGNALS
    with pytest.raises(DpLossRefused, match="neither public nor released"):
        FirstPurchases(unknown)


def test_it_is_let_through_and_only_the_adapter_learns(model: VocabularyScores, loss: FirstPurchases) -> None:
    assert check_loss(loss) is loss
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["adapter.weight"]


def test_a_customer_with_nothing_to_teach_adds_nothing(model: VocabularyScores, loss: FirstPurchases) -> None:
    customers = make_customers(2, seed=3)
    customers.fields[TARGET_WEIGHTS][1] = 0
    both = clipped_sum(model, customers, loss, max_grad_norm=MAX_NORM, microbatch_size=2)
    alone = clipped_sum(model, customers.take(torch.tensor([0])), loss, max_grad_norm=MAX_NORM, microbatch_size=2)
    torch.testing.assert_close(both, alone)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_removing_a_customer_moves_the_clipped_sum_by_at_most_the_norm(
    model: VocabularyScores, loss: FirstPurchases, size: float
) -> None:
    customers = make_customers(24, seed=5, size=size)
    customers.fields[AFFINITIES][3] *= 1e6  # an adversary
    whole = clipped_sum(model, customers, loss, max_grad_norm=MAX_NORM, microbatch_size=7)
    moved = []
    for removed in range(24):
        rest = customers.take(torch.tensor([i for i in range(24) if i != removed]))
        fewer = clipped_sum(model, rest, loss, max_grad_norm=MAX_NORM, microbatch_size=7)
        moved.append(float((whole - fewer).norm()))
    assert max(moved) <= MAX_NORM * (1 + 1e-5)
    if size >= 1:
        assert max(moved) > MAX_NORM * 0.5  # the bound is not idle


def test_the_gradient_is_that_of_the_plain_sum(model: VocabularyScores, loss: FirstPurchases) -> None:
    customers = make_customers(5, seed=6)
    got: Any = clipped_sum(model, customers, loss, max_grad_norm=1e9, microbatch_size=5)
    double = model.double()
    total = sum(loss(double, example(customers.double(), row)) for row in range(5))
    assert isinstance(total, Tensor)
    total.backward()  # type: ignore[no-untyped-call]
    assert model.adapter.weight.grad is not None
    torch.testing.assert_close(got, model.adapter.weight.grad.flatten(), rtol=1e-8, atol=1e-10)
