"""What somebody who sees every noisy sum can tell about planted customers: the strongest observer that is promised for.

The observer knows everybody's records, the public constants and the weights at every step; he does not know the coins,
who was drawn, or the noise. He takes off each step's sum what he expects of everybody, and for each canary adds up how
far the rest points where that canary's own clipped gradient would have pushed it.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from privacy.dp import DpStep
from privacy.dp_examples import Customers
from privacy.dp_gradients import double_precision, per_customer_gradients
from privacy.dp_loss import PerCustomerLoss
from privacy.dp_plan import DpPlan

_TINY: Final = 1e-30

Pushes = Callable[[], tuple[Tensor, Tensor]]


def clipped_gradients(
    model: nn.Module, customers: Customers, loss: PerCustomerLoss, *, max_grad_norm: float, microbatch_size: int
) -> Tensor:
    """Clip each customer's gradient by itself, without the training's own code for clipping and summing.

    Returns:
        (N, n_trainable) float64, no row longer than `max_grad_norm`.
    """
    rows = torch.split(torch.arange(len(customers)), microbatch_size)
    with double_precision(model):
        gradients = per_customer_gradients(model, loss)
        order = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        parts = [gradients(customers.take(part).double()) for part in rows]
        flat = torch.cat([torch.cat([part[name].flatten(1) for name in order], dim=1) for part in parts])
    shrink = (max_grad_norm / torch.linalg.vector_norm(flat, dim=1, keepdim=True).clamp(min=_TINY)).clamp(max=1.0)
    clipped: Tensor = flat * shrink
    return clipped


class Alignment:
    """Listens to a training and keeps one score per canary, and the energy of all it heard.

    Args:
        pushes: Gives the canaries' (m, n_trainable) clipped gradients at the weights as they are, and the
            (n_trainable,) sum of those of all others; asked once per step.
        plan: What the training claims to do.

    Attributes:
        scores: (m,) sums over steps of the inner products with the canaries' pushes, in units of the squared norm.
        energy: Sum of squares of all entries of the noisy sums, in units of the squared norm.
        n_entries: How many entries those were.
    """

    def __init__(self, pushes: Pushes, plan: DpPlan) -> None:
        self._ask, self._plan = pushes, plan
        self._pushes, self._others = pushes()
        self.scores = np.zeros(len(self._pushes))
        self.energy, self.n_entries = 0.0, 0

    def __call__(self, step: DpStep) -> None:
        """Take in one step, less what the others and half of the canaries add to it on average."""
        plan, unit = self._plan, self._plan.max_grad_norm**2
        centred = step.noisy_sum - plan.sample_rate * (self._others + 0.5 * self._pushes.sum(dim=0))
        self.scores += (self._pushes @ centred).numpy() / unit
        self.energy += float(centred @ centred) / unit
        self.n_entries += len(centred)
        if step.number < plan.steps:
            self._pushes, self._others = self._ask()


class DrawCounter:
    """Listens to a training in which all customers are alike and the weights stand still, and counts the drawn ones.

    Args:
        push: (n_trainable,) everybody's clipped gradient.
        noise_std: Standard deviation of the noise on each entry of a sum, as claimed.

    Attributes:
        drawn: How many customers each step drew, with noise.
        noise_std: Standard deviation of the noise on those numbers.
    """

    def __init__(self, push: Tensor, noise_std: float) -> None:
        self._direction = push / (push @ push).clamp(min=_TINY)
        self.noise_std = noise_std * float(self._direction.norm())
        self.drawn: list[float] = []

    def __call__(self, step: DpStep) -> None:
        """Count one step's."""
        self.drawn.append(float(step.noisy_sum @ self._direction))


def largest_change(summed: Callable[[Customers], Tensor], customers: Customers, n_tried: int) -> float:
    """Take customers out of a batch one at a time, and give the longest that its sum moved. No chance is involved.

    Args:
        summed: The clipped sum of a batch, as a training step makes it before its noise.
        customers: A batch.
        n_tried: How many of them to take out at most, the first ones.

    Returns:
        The L2 norm, in the unit of the gradients; at most `max_grad_norm` for the right code.
    """
    whole, rows = summed(customers), torch.arange(len(customers))
    return max(
        float((whole - summed(customers.take(rows[rows != one]))).norm()) for one in range(min(n_tried, len(rows)))
    )


def losses_of(model: nn.Module, customers: Customers, loss: PerCustomerLoss) -> npt.NDArray[np.float64]:
    """Give each customer's loss at the weights as they are: what an attacker with the weights alone goes by.

    Returns:
        (N,) float64.
    """
    with double_precision(model), torch.no_grad():
        doubled = customers.double()
        values = torch.func.vmap(lambda example: loss(model, example), randomness="different")(dict(doubled.fields))
    return np.asarray(values.numpy(), dtype=np.float64)
