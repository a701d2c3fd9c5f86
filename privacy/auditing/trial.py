"""One training on planted customers, and every test that can be made of it.

The observer of the strong tests sees all noisy sums and all weights, knows every canary and every constant, and lacks
the coins, the samples and the noise: what differential privacy grants him. The weak test sees the last weights alone.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from privacy.accounting import epsilon
from privacy.auditing.alignment import Alignment, DrawCounter, clipped_gradients, largest_change, losses_of
from privacy.auditing.coins import flip
from privacy.auditing.gaussian import epsilon_of, noise_upper_bound, separation
from privacy.auditing.one_run import OneRunBound, epsilon_lower_bound
from privacy.auditing.record import Finding, Release, Test
from privacy.auditing.sampling import judge_sampling
from privacy.dp import DpStep, MakeOptimizer, train_private
from privacy.dp_examples import Customers
from privacy.dp_gradients import clipped_sum
from privacy.dp_loss import PerCustomerLoss
from privacy.dp_plan import DpPlan
from privacy.events import NOISE
from privacy.randomness import Randomness

BATCHES: Final = (2, 3, 8, 32)  # sizes of the batches that customers are taken out of
N_TAKEN_OUT: Final = 8  # at most so many of each, one at a time
ROUNDING: Final = 1e-5  # relative, that a clipped sum may move beyond the norm


class Summed(Protocol):
    """The clipped sum of a batch: `clipped_sum`, or something that claims to be as good."""

    def __call__(
        self,
        model: nn.Module,
        batch: Customers,
        loss: PerCustomerLoss,
        *,
        max_grad_norm: float,
        microbatch_size: int,
    ) -> Tensor:
        """Add up the clipped gradients."""


class Train(Protocol):
    """What is on trial: `train_private`, or something that claims to be as good."""

    def __call__(
        self,
        model: nn.Module,
        customers: Customers,
        loss: PerCustomerLoss,
        plan: DpPlan,
        *,
        make_optimizer: MakeOptimizer,
        microbatch_size: int,
        on_step: Callable[[DpStep], None],
        randomness: Randomness | None,
    ) -> object:
        """Train a model in place, telling each noisy sum."""


@dataclass(frozen=True, eq=False)
class Trial:
    """What a training is tried on.

    Attributes:
        model: At its start; it is copied, not changed.
        canaries: Planted customers, each in or out by a coin.
        others: Made-up customers who are always in.
        loss: As shipped.
        plan: What is claimed.
        make_optimizer: As shipped.
        microbatch_size: Customers whose gradients are held at once.
        error: Chance that one test fails the right code.
        train: What is on trial.
        randomness: Of coins, samples and noise; None is the operating system's. Anything else is for tests.
    """

    model: nn.Module
    canaries: Customers
    others: Customers
    loss: PerCustomerLoss
    plan: DpPlan
    make_optimizer: MakeOptimizer
    microbatch_size: int
    error: float
    train: Train = train_private
    randomness: Randomness | None = None


def try_guessing(trial: Trial, release: Release, *, apart: bool) -> tuple[Finding, ...]:
    """Train on the canaries whose coin says so, guess the coins, and hold the guesses against the claim.

    Args:
        trial: What is on trial.
        release: What the findings are called.
        apart: Whether canaries push in directions of their own, so that their scores are independent and the noise can
            be told from what customers add. Without it the Gaussian test and the noise are left out: neither would be
            right.

    Raises:
        CanariesTooFew: If too few canaries are in or out.
    """
    model, plan, sure = copy.deepcopy(trial.model), trial.plan, 1 - trial.error
    coins = flip(len(trial.canaries), trial.randomness)
    members = _together(trial.canaries.take(torch.from_numpy(np.flatnonzero(coins))), trial.others)
    known, rest = trial.canaries.double(), trial.others.double()  # once, not at every step
    heard = Alignment(lambda: (_pushes(trial, model, known), _pushes(trial, model, rest).sum(dim=0)), plan)
    before = losses_of(model, trial.canaries, trial.loss)
    _train(trial, model, members, trial.make_optimizer, heard)
    after = losses_of(model, trial.canaries, trial.loss)
    claim = epsilon(plan.events, plan.delta)
    seen = epsilon_lower_bound(heard.scores, coins, delta=plan.delta, confidence=sure)
    weights = epsilon_lower_bound(before - after, coins, delta=plan.delta, confidence=sure)
    findings = [
        _bound(release, "one-run, all sums seen", seen.epsilon, claim, _guessed(seen)),
        _bound(release, "one-run, weights alone", weights.epsilon, claim, _guessed(weights)),
    ]
    if apart:
        lie = separation(heard.scores, coins, confidence=sure)
        noise = noise_upper_bound(heard.energy, heard.n_entries, confidence=sure)
        far = f"canaries that were in lie {lie.mu:.3f} standard deviations from the others, at least {lie.low:.3f}"
        loud = f"noise of at most {noise:.4f} clipping norms was added, and {plan.noise_multiplier:.4f} is claimed"
        findings += [
            _bound(release, "gaussian", epsilon_of(lie.low, plan.delta), claim, far),
            _bound(release, "noise", _epsilon_at(plan, noise), claim, loud),
        ]
    return tuple(findings)


def try_sampling(trial: Trial, release: Release) -> tuple[Finding, Finding]:
    """Train on copies of one canary with the weights standing still: sums then count who was drawn."""
    model, plan = copy.deepcopy(trial.model), trial.plan
    n = max(round(plan.expected_batch_size / plan.sample_rate), 1)
    alike = trial.canaries.take(torch.zeros(n, dtype=torch.int64))
    push = _pushes(trial, model, alike.take(torch.zeros(1, dtype=torch.int64)))[0]
    counter = DrawCounter(push, plan.noise_multiplier * plan.max_grad_norm)
    _train(trial, model, alike, lambda parameters: torch.optim.SGD(parameters, lr=0.0), counter)
    found = judge_sampling(np.array(counter.drawn), n, sample_rate=plan.sample_rate, noise_std=counter.noise_std)
    rate = f"a step drew {found.rate:.4f} of the customers on average, and {plan.sample_rate:g} is claimed"
    spread = f"the number drawn varied {found.spread:.3f} times as much as Poisson sampling makes it vary"
    return (
        _chance(release, "sampling rate", found.rate_p, trial.error, rate),
        _chance(release, "sampling spread", found.spread_p, trial.error, spread),
    )


def try_sensitivity(trial: Trial, release: Release, summed: Summed = clipped_sum) -> Finding:
    """Take one canary out of batches of several sizes: in-batch losses move most where few are left.

    Args:
        trial: What is on trial.
        release: What the finding is called.
        summed: The clipped sum of a batch as it is made before the noise.
    """
    model, norm = copy.deepcopy(trial.model), trial.plan.max_grad_norm
    everyone = _together(trial.canaries, trial.others)
    spread = torch.linspace(0, len(everyone) - 1, sum(BATCHES)).long()

    def sums(customers: Customers) -> Tensor:
        return summed(model, customers, trial.loss, max_grad_norm=norm, microbatch_size=trial.microbatch_size)

    batches = [everyone.take(rows) for rows in torch.split(spread, list(BATCHES))]
    moved = max(largest_change(sums, batch, N_TAKEN_OUT) for batch in batches)
    return Finding(
        release=release,
        test="sensitivity",
        value=moved / norm,
        limit=1 + ROUNDING,
        passes="at_most",
        unit="clipping norms",
        said=f"the most that the sum of a batch moved when one customer was taken out; batches of {BATCHES}",
    )


def _pushes(trial: Trial, model: nn.Module, customers: Customers) -> Tensor:
    return clipped_gradients(
        model, customers, trial.loss, max_grad_norm=trial.plan.max_grad_norm, microbatch_size=trial.microbatch_size
    )


def _train(
    trial: Trial,
    model: nn.Module,
    customers: Customers,
    make_optimizer: MakeOptimizer,
    on_step: Callable[[DpStep], None],
) -> None:
    trial.train(
        model,
        customers,
        trial.loss,
        trial.plan,
        make_optimizer=make_optimizer,
        microbatch_size=trial.microbatch_size,
        on_step=on_step,
        randomness=trial.randomness,
    )


def _epsilon_at(plan: DpPlan, noise: float) -> float:
    """Reckon epsilon at the noise that was heard, rounded up to three digits: a lower bound, and reckoned once."""
    at = min(max(noise, NOISE[0]), NOISE[1])
    digits = 2 - math.floor(math.log10(at))
    rounded = min(math.ceil(at * 10**digits) / 10**digits, NOISE[1])
    return epsilon(replace(plan, noise_multiplier=rounded).events, plan.delta)


def _together(first: Customers, second: Customers) -> Customers:
    return Customers({name: torch.cat([values, second.fields[name]]) for name, values in first.fields.items()})


def _guessed(bound: OneRunBound) -> str:
    return f"{bound.n_correct} of {bound.n_guesses} guesses were right"


def _bound(release: Release, test: Test, value: float, claim: float, said: str) -> Finding:
    return Finding(release=release, test=test, value=value, limit=claim, passes="at_most", unit="epsilon", said=said)


def _chance(release: Release, test: Test, p: float, error: float, said: str) -> Finding:
    return Finding(release=release, test=test, value=p, limit=error, passes="at_least", unit="p-value", said=said)
