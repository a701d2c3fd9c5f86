"""The same training without privacy: the measure of what privacy costs. It protects nobody and is never released."""

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from privacy.dp import MakeOptimizer
from privacy.dp_examples import CustomerExample, Customers
from privacy.dp_gradients import Objective
from privacy.dp_loss import PerCustomerLoss
from privacy.dp_plan import DpPlan
from privacy.randomness import Randomness


def train_openly(
    model: nn.Module,
    customers: Customers,
    loss: PerCustomerLoss,
    plan: DpPlan,
    *,
    make_optimizer: MakeOptimizer,
    randomness: Randomness,
) -> None:
    """Train a model in place on the samples a private training would take, without clipping and without noise.

    Args:
        model: Trained where `requires_grad`, in its own precision.
        customers: Everyone who may be learned from.
        loss: Sees one customer at a time.
        plan: Sampling rate and steps; clipping norm and noise are ignored, and the divisor is the sample's own size.
        make_optimizer: Given the trainable parameters.
        randomness: Of the samples.
    """
    objective = Objective(model, loss)
    optimizer = make_optimizer([p for p in model.parameters() if p.requires_grad])

    def loss_of(example: CustomerExample) -> Tensor:
        called: Tensor = functional_call(objective, {}, (example,))
        return called

    losses = vmap(loss_of, randomness="different")
    for _ in range(plan.steps):
        rows = torch.from_numpy(randomness.poisson_sample(len(customers), plan.sample_rate))
        loss.redraw(randomness)
        if len(rows) == 0:
            continue
        optimizer.zero_grad(set_to_none=True)
        losses(dict(customers.take(rows).fields)).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
