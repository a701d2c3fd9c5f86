"""The training that measures what privacy costs."""

import torch
from torch import nn

from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, Customers
from privacy.dp_loss import CatalogueSoftmax
from privacy.dp_plan import DpPlan
from privacy.dp_twin import train_openly
from privacy.randomness import SeededRandomness


class Popular(nn.Module):
    """A score per product."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(3))

    def forward(self, _example: object) -> torch.Tensor:
        """Score every product."""
        return self.scores


def plan(sample_rate: float) -> DpPlan:
    return DpPlan(
        sample_rate=sample_rate,
        expected_batch_size=5,
        steps=300,
        noise_multiplier=1.0,
        max_grad_norm=0.01,
        delta=1e-5,
    )


def test_it_learns_what_there_is_without_clip_or_noise() -> None:
    model = Popular()
    customers = Customers({TARGETS: torch.tensor([[0], [0], [0], [1]]), TARGET_WEIGHTS: torch.ones(4, 1)})
    train_openly(
        model,
        customers,
        CatalogueSoftmax(None),
        plan(1.0),
        make_optimizer=lambda trained: torch.optim.SGD(trained, lr=1.0),
        randomness=SeededRandomness(0),
    )
    shares = torch.softmax(model.scores, 0).detach()
    assert torch.allclose(shares, torch.tensor([0.75, 0.25, 0.0]), atol=0.01)


def test_an_empty_sample_changes_nothing() -> None:
    model = Popular()
    customers = Customers({TARGETS: torch.tensor([[0]]), TARGET_WEIGHTS: torch.ones(1, 1)})
    train_openly(
        model,
        customers,
        CatalogueSoftmax(None),
        plan(1e-9),
        make_optimizer=lambda trained: torch.optim.SGD(trained, lr=1.0),
        randomness=SeededRandomness(0),
    )
    assert model.scores.tolist() == [0, 0, 0]
