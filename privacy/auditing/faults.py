"""Trainings that are wrong on purpose, to see whether the audit notices: for tests and benchmarks alone."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from privacy.dp import train_private
from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, CustomerExample, Customers
from privacy.dp_gradients import clipped_sum
from privacy.dp_loss import PerCustomerLoss
from privacy.dp_plan import DpPlan
from privacy.randomness import Ints, Randomness, SystemRandomness, Words

_HIDDEN: Final = -1e9


def halved_noise(model: nn.Module, customers: Customers, loss: PerCustomerLoss, plan: DpPlan, **options: Any) -> object:
    """Add half of the noise that is claimed."""
    return train_private(model, customers, loss, replace(plan, noise_multiplier=plan.noise_multiplier / 2), **options)


def per_transaction(
    model: nn.Module, customers: Customers, loss: PerCustomerLoss, plan: DpPlan, **options: Any
) -> object:
    """Take each purchase for an example: drawn by itself, clipped by itself."""
    return train_private(model, split_by_purchase(customers), loss, plan, **options)


def fixed_batches(
    model: nn.Module, customers: Customers, loss: PerCustomerLoss, plan: DpPlan, **options: Any
) -> object:
    """Shuffle, and cut into batches of one size, but account as if each customer had been drawn by himself."""
    options["randomness"] = Shuffled(options.get("randomness"))
    return train_private(model, customers, loss, plan, **options)


def in_batch(model: nn.Module, customers: Customers, loss: PerCustomerLoss, plan: DpPlan, **options: Any) -> object:  # noqa: ARG001
    """Take the other customers' products of the batch for negatives."""
    peeking = InBatchNegatives()
    options["randomness"] = _Watched(options.get("randomness"), customers, peeking)
    return train_private(model, customers, peeking, plan, **options)


def in_batch_sum(
    model: nn.Module,
    batch: Customers,
    loss: PerCustomerLoss,  # noqa: ARG001
    *,
    max_grad_norm: float,
    microbatch_size: int,
) -> Tensor:
    """Sum as `in_batch` does, each row clipped."""
    peeking = InBatchNegatives()
    peeking.look_at(batch)
    return clipped_sum(model, batch, peeking, max_grad_norm=max_grad_norm, microbatch_size=microbatch_size)


def per_transaction_sum(
    model: nn.Module, batch: Customers, loss: PerCustomerLoss, *, max_grad_norm: float, microbatch_size: int
) -> Tensor:
    """Sum as `per_transaction` does, each purchase clipped."""
    split = split_by_purchase(batch)
    return clipped_sum(model, split, loss, max_grad_norm=max_grad_norm, microbatch_size=microbatch_size)


def split_by_purchase(customers: Customers) -> Customers:
    """Give every purchase an example of its own."""
    weights = customers.fields[TARGET_WEIGHTS]
    owners, places = torch.nonzero(weights, as_tuple=True)
    split = customers.take(owners)
    alone = torch.zeros_like(split.fields[TARGET_WEIGHTS])
    alone[torch.arange(len(owners)), places] = 1.0
    return Customers({**split.fields, TARGET_WEIGHTS: alone})


class Shuffled(Randomness):
    """Draws batches of one size from a shuffled list, and shuffles anew when it is used up."""

    secure = False

    def __init__(self, inner: Randomness | None) -> None:
        self._inner = inner or SystemRandomness()
        self._waiting: Ints = np.empty(0, dtype=np.int64)

    def words(self, n: int) -> Words:
        """Draw (n,) words."""
        return self._inner.words(n)

    def poisson_sample(self, n: int, rate: float) -> Ints:
        """Take the next batch; Poisson in name alone."""
        size = max(round(n * rate), 1)
        if len(self._waiting) < size:
            self._waiting = np.argsort(self._inner.words(n), kind="stable").astype(np.int64)
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken


class InBatchNegatives(PerCustomerLoss):
    """Softmax over the products of the batch; it says that it sees the catalogue, and lies."""

    def __init__(self) -> None:
        self._in_batch = torch.empty(0, dtype=torch.int64)

    def look_at(self, batch: Customers) -> None:
        """Take the batch's products for negatives."""
        held = batch.fields[TARGET_WEIGHTS] > 0
        self._in_batch = torch.unique(batch.fields[TARGETS][held])

    def __call__(self, model: nn.Module, example: CustomerExample) -> Tensor:
        """Give the weighted sum over the customer's targets."""
        scores: Tensor = model(example)
        hidden = torch.full_like(scores, _HIDDEN)
        hidden[self._in_batch] = 0.0
        log_shares = functional.log_softmax(scores + hidden, dim=-1)
        return -(example[TARGET_WEIGHTS] * log_shares[example[TARGETS]]).sum()


class _Watched(Randomness):
    """Shows each batch to a loss before its gradients are taken."""

    secure = False

    def __init__(self, inner: Randomness | None, customers: Customers, loss: InBatchNegatives) -> None:
        self._inner, self._customers, self._loss = inner or SystemRandomness(), customers, loss

    def words(self, n: int) -> Words:
        """Draw (n,) words."""
        return self._inner.words(n)

    def poisson_sample(self, n: int, rate: float) -> Ints:
        """Draw as asked, and show who was drawn."""
        rows = self._inner.poisson_sample(n, rate)
        self._loss.look_at(self._customers.take(torch.from_numpy(rows)))
        return rows
