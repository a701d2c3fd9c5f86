"""A model with one parameter per planted customer, so that a training engine can be heard customer by customer.

A version's own model may have so few parameters that its noise drowns a thousand canaries at once; that protects
people, and would hide a broken engine from the audit. The engine, its sampling and its noise do not know what they
train, so they are tried here with the version's plan on a model in which each canary pushes a parameter of his own.
"""

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from privacy.auditing.trial import Train, Trial
from privacy.dp import train_private
from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, CustomerExample, Customers
from privacy.dp_loss import CatalogueSoftmax
from privacy.dp_plan import DpPlan
from privacy.randomness import Randomness

N_PURCHASES: Final = 4  # of each canary, all of his own product: clipped one by one they would be four times as long
_LEARNING_RATE: Final = 1.0
_NORM: Final = 0.1  # clipping norm, which every gradient here reaches; epsilon does not depend on it


class Popularity(nn.Module):
    """The popularity of products, one number each.

    Args:
        n_products: How many.
    """

    def __init__(self, n_products: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(n_products))

    def forward(self, example: CustomerExample) -> Tensor:  # noqa: ARG002 - the same for everybody
        """Score all products: (n_products,)."""
        return self.scores


def probe(
    plan: DpPlan, n_canaries: int, *, error: float, train: Train = train_private, randomness: Randomness | None = None
) -> Trial:
    """Plant canaries of whom each bought a product that nobody else did.

    Args:
        plan: What is claimed; only its clipping norm is another here.
        n_canaries: How many.
        error: Chance that one test fails the right code.
        train: What is on trial.
        randomness: None is the operating system's. Anything else is for tests.
    """
    own = torch.arange(n_canaries).unsqueeze(1).expand(-1, N_PURCHASES)
    weights = torch.full((n_canaries, N_PURCHASES), 1 / N_PURCHASES, dtype=torch.float64)
    canaries = Customers({TARGETS: own.clone(), TARGET_WEIGHTS: weights})
    return Trial(
        model=Popularity(n_canaries),
        canaries=canaries,
        others=canaries.take(torch.zeros(1, dtype=torch.int64)),
        loss=CatalogueSoftmax(None),
        plan=replace(plan, max_grad_norm=_NORM),
        make_optimizer=lambda parameters: torch.optim.SGD(parameters, lr=_LEARNING_RATE),
        microbatch_size=n_canaries,
        error=error,
        train=train,
        randomness=randomness,
    )
