"""Customer-level differentially private training.

Promise: for any one customer, adding or removing all of that customer's rows changes the distribution of everything
this training gives out (the weights after every step, the noisy sums, every checkpoint) by at most the (epsilon, delta)
that the accountant gives for `DpPlan.events`.

Not covered: what the caller works out from the rows in other ways (a vocabulary, a popularity, a normaliser: see
`privacy.releases`), the initial weights and frozen parameters, which must be public or released, how long a step takes
and how much memory it needs, and a loss or model that keeps data of its own on the side.
"""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from opacus.optimizers import DPOptimizer
from torch import Tensor, nn

from privacy.dp_checkpoint import DpCheckpoint, Progress, block_from
from privacy.dp_checks import check_customers, check_model
from privacy.dp_examples import Customers
from privacy.dp_gradients import accumulate, double_precision, per_customer_gradients
from privacy.dp_loss import PerCustomerLoss, check_loss
from privacy.dp_plan import BATCH, DpPlan
from privacy.events import Event, require
from privacy.randomness import Randomness, SystemRandomness

MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


@dataclass(frozen=True, eq=False)
class DpStep:
    """What a step may show: nothing but what has its noise already.

    Attributes:
        number: Which of the plan's steps, from 1.
        noisy_sum: (n_trainable,) clipped sum plus noise, before the divisor, in the order of the parameters.
    """

    number: int
    noisy_sum: Tensor


@dataclass(frozen=True)
class TrainedPrivately:
    """A training that is over.

    Attributes:
        plan: Its public constants.
        steps_done: Steps that are in the weights; fewer than planned where a killed run lost some.
        resumed_at: Steps already used up when this process began.
        secure: Whether nobody can foretell the noise and the samples; False makes the guarantee void.
    """

    plan: DpPlan
    steps_done: int
    resumed_at: int
    secure: bool

    @property
    def events(self) -> tuple[Event, ...]:
        """What the accountant is told: all steps of the plan."""
        return self.plan.events


class NoisyOptimizer(DPOptimizer):  # type: ignore[misc]
    """Opacus's optimizer with float64 noise from a cryptographic generator and a divisor that is a public constant.

    Opacus's own noise comes from a Mersenne twister with a 64-bit seed, from whose output the rest can be foretold.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, plan: DpPlan, randomness: Randomness) -> None:
        super().__init__(
            optimizer,
            noise_multiplier=plan.noise_multiplier,
            max_grad_norm=plan.max_grad_norm,
            expected_batch_size=plan.expected_batch_size,
        )
        self._randomness = randomness
        self.noisy_sum = torch.empty(0)

    def add_noise(self) -> None:
        """Add noise to the sum of clipped gradients and make it the gradient."""
        std = self.noise_multiplier * self.max_grad_norm
        sums = torch.cat([p.summed_grad.flatten() for p in self.params])
        self.noisy_sum = sums + std * torch.from_numpy(self._randomness.gaussian(len(sums)))
        parts = torch.split(self.noisy_sum, [p.numel() for p in self.params])
        for parameter, part in zip(self.params, parts, strict=True):
            parameter.grad = part.view_as(parameter).clone()


def train_private(
    model: nn.Module,
    customers: Customers,
    loss: PerCustomerLoss,
    plan: DpPlan,
    *,
    make_optimizer: MakeOptimizer,
    microbatch_size: int,
    checkpoint: DpCheckpoint | None = None,
    resume: bool = False,
    on_step: Callable[[DpStep], None] = lambda _: None,
    randomness: Randomness | None = None,
) -> TrainedPrivately:
    """Train a model in place so that no customer can be told from its weights.

    Each step takes every customer with probability `plan.sample_rate`, sums their clipped gradients, adds noise,
    divides by `plan.expected_batch_size` and lets the optimizer go on from there. Budget is the caller's business:
    reserve and access `plan.events` in the ledger before calling.

    Args:
        model: Trained where `requires_grad`; called by the loss.
        customers: Everyone who may be learned from.
        loss: Sees one customer at a time.
        plan: Public constants.
        make_optimizer: Given the trainable parameters; learning rates and the like are its own.
        microbatch_size: Customers whose gradients are held at once; a whole number from 1. Changes memory alone.
        checkpoint: Where to keep progress; None keeps none.
        resume: Go on from the checkpoint. Steps lost with a killed run stay lost. Without it a checkpoint of the same
            run must not be there: its steps are used up.
        on_step: Told each step.
        randomness: Of noise and samples; None is the operating system's. Anything else is for tests.

    Raises:
        PrivacyParameterInvalid: If `microbatch_size` is out of range.
        DpLossRefused: If the loss looks at the batch.
        DpModelRefused: If customers meet inside the model.
        DpSamplingRefused: If a loader is given instead of customers.
        DpCheckpointMismatch: If the checkpoint is missing, damaged or another plan's.

    Source: Abadi et al. (2016), algorithm 1, with a customer as the example (McMahan et al., 2018).
    """
    require("microbatch_size", microbatch_size, *BATCH)
    check_loss(loss)
    check_model(model)
    check_customers(customers)
    stream = randomness or SystemRandomness()
    with double_precision(model):
        optimizer = NoisyOptimizer(make_optimizer([p for p in model.parameters() if p.requires_grad]), plan, stream)
        run = _Run(model, customers, loss, plan, optimizer, stream, microbatch_size)
        with nullcontext() if checkpoint is None else checkpoint.held():
            start = run.start(checkpoint, resume=resume)
            end = run.go(start, checkpoint, on_step)
    return TrainedPrivately(plan, end.steps_done, start.steps_taken, type(stream) is SystemRandomness)


@dataclass(frozen=True, eq=False)
class _Run:
    """All that a training holds."""

    model: nn.Module
    customers: Customers
    loss: PerCustomerLoss
    plan: DpPlan
    optimizer: NoisyOptimizer
    randomness: Randomness
    microbatch_size: int

    def start(self, checkpoint: DpCheckpoint | None, *, resume: bool) -> Progress:
        if checkpoint is None:
            return Progress(0, 0)
        if not resume:
            checkpoint.refuse_begun()
            return Progress(0, 0)
        progress, weights, optimizer = checkpoint.load(self.plan, self._weights())
        with torch.no_grad():
            for name, parameter in self._weights().items():
                parameter.copy_(weights[name])
        self.optimizer.original_optimizer.load_state_dict(dict(optimizer))
        return progress

    def go(self, start: Progress, checkpoint: DpCheckpoint | None, on_step: Callable[[DpStep], None]) -> Progress:
        gradients = per_customer_gradients(self.model, self.loss)
        progress = start
        while progress.steps_taken < self.plan.steps:
            first = progress.steps_taken
            progress = block_from(progress, self.plan, checkpoint.every if checkpoint else self.plan.steps)
            self._save(checkpoint, progress)
            for number in range(first + 1, progress.steps_taken + 1):
                rows = self.randomness.poisson_sample(len(self.customers), self.plan.sample_rate)
                self.loss.redraw(self.randomness)
                batch = self.customers.take(torch.from_numpy(rows))
                accumulate(self.optimizer, self.model, gradients, batch, self.microbatch_size)
                on_step(DpStep(number, self.optimizer.noisy_sum))
            progress = Progress(progress.steps_taken, progress.steps_done + progress.steps_taken - first)
        self._save(checkpoint, progress)
        return progress

    def _save(self, checkpoint: DpCheckpoint | None, progress: Progress) -> None:
        if checkpoint is not None:
            checkpoint.save(self.plan, progress, self._weights(), self.optimizer.original_optimizer.state_dict())

    def _weights(self) -> dict[str, Tensor]:
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}
