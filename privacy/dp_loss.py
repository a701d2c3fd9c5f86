"""Losses that see one customer and public data, so that a customer's gradient is nobody else's business."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, CustomerExample
from privacy.errors import DpLossRefused
from privacy.randomness import Randomness

_CATALOGUE: Final = "catalogue"
_HIDDEN: Final = -1e9  # score of a negative that the customer bought


@dataclass(frozen=True, eq=False)
class PublicValues:
    """Numbers that owe nothing to any customer.

    Attributes:
        values: (n_products,) the numbers.
        source: Where they come from, in words; told in the privacy statement.
    """

    values: Tensor
    source: str


@dataclass(frozen=True, eq=False)
class ReleasedValues:
    """Numbers worked out from a differentially private release and from nothing else.

    Attributes:
        values: (n_products,) the numbers.
        release: Name of the release that the ledger charged.
    """

    values: Tensor
    release: str


Prior = PublicValues | ReleasedValues


class PerCustomerLoss(ABC):
    """The loss of one customer, from the model and that customer's example alone.

    It is handed a single example without a batch axis, so other customers of the batch are out of its reach. What it
    keeps must be public or released.

    Attributes:
        negatives: What a target is held against; only the catalogue is the same whoever is in the batch.
    """

    negatives: ClassVar[Literal["catalogue"]] = "catalogue"

    @abstractmethod
    def __call__(self, model: nn.Module, example: CustomerExample) -> Tensor:
        """Give the customer's loss, a scalar: all targets together, so that they are clipped together."""

    def redraw(self, randomness: Randomness) -> None:  # noqa: B027 - most losses draw nothing
        """Draw afresh what a step shares among its customers; called before each step, without any example."""


class InBatchLoss(ABC):
    """A loss in which customers of a batch are each other's negatives or normalisers. It cannot be trained privately.

    Clipping each row bounds nothing here: taking one customer away changes every other row, and the clipped sum moves
    by up to the size of the batch instead of by `max_grad_norm`. Mark such losses with this class.
    """

    @abstractmethod
    def __call__(self, model: nn.Module, batch: CustomerExample) -> Tensor:
        """Give the loss of each customer of a batch."""


def check_loss(loss: object) -> PerCustomerLoss:
    """Let through a loss whose per-customer clipping means something.

    Raises:
        DpLossRefused: If the loss looks at the batch, or does not say that it does not.
    """
    name = type(loss).__name__
    if isinstance(loss, InBatchLoss):
        raise DpLossRefused(loss=name, reason="its negatives or normalisers are the other customers of the batch")
    if not isinstance(loss, PerCustomerLoss):
        raise DpLossRefused(loss=name, reason="it does not promise to see one customer alone")
    if loss.negatives != _CATALOGUE:
        raise DpLossRefused(loss=name, reason=f"its negatives come from {loss.negatives!r}, not from the catalogue")
    return loss


class CatalogueSoftmax(PerCustomerLoss):
    """Cross-entropy of a customer's targets among all products of a public or released catalogue.

    The model is called with the example and gives (n_products,) scores. The example holds `TARGETS` and
    `TARGET_WEIGHTS`.

    Args:
        log_prior: Added to the scores, such as released log popularity; None adds nothing.

    Raises:
        DpLossRefused: If the prior does not say where it comes from.
    """

    def __init__(self, log_prior: Prior | None) -> None:
        self._log_prior = None if log_prior is None else stated_values(self, log_prior)

    def __call__(self, model: nn.Module, example: CustomerExample) -> Tensor:
        """Give the weighted sum over the customer's targets."""
        scores = model(example)  # (n_products,)
        if self._log_prior is not None:
            scores = scores + self._log_prior
        log_shares = functional.log_softmax(scores, dim=-1)
        return -(example[TARGET_WEIGHTS] * log_shares[example[TARGETS]]).sum()


class SampledSoftmax(PerCustomerLoss):
    """Cross-entropy of each target among negatives drawn from the catalogue, the same for all customers of a step.

    The model is called with the example and (k,) product positions and gives (k,) scores. Scores are corrected for how
    likely a product is drawn. A negative that the customer bought is left out for that customer.

    Args:
        proposal: (n_products,) how likely each product is drawn, above 0; public or released.
        n_negatives: How many are drawn for a step, with replacement.

    Raises:
        DpLossRefused: If the proposal does not say where it comes from.
    """

    def __init__(self, proposal: Prior, n_negatives: int) -> None:
        shares = stated_values(self, proposal)
        self._cumulative = torch.cumsum(shares / shares.sum(), 0)
        self._log_proposal = torch.log(shares / shares.sum())
        self._n_negatives = n_negatives
        self._negatives = torch.empty(0, dtype=torch.int64)

    def redraw(self, randomness: Randomness) -> None:
        """Draw the step's negatives."""
        draws = torch.from_numpy(randomness.uniform(self._n_negatives))
        found = torch.searchsorted(self._cumulative, draws, right=True)
        self._negatives = found.clamp(max=len(self._cumulative) - 1)

    def __call__(self, model: nn.Module, example: CustomerExample) -> Tensor:
        """Give the weighted sum over the customer's targets."""
        targets = example[TARGETS]  # (M,)
        asked = torch.cat([targets, self._negatives])
        scores = model(example, asked) - self._log_proposal[asked]
        positives, negatives = scores[: len(targets)], scores[len(targets) :]
        bought = (self._negatives[:, None] == targets) & (example[TARGET_WEIGHTS] > 0)  # (k, M)
        rest = torch.logsumexp(torch.where(bought.any(1), _HIDDEN, negatives), dim=0)
        lost: Tensor = (example[TARGET_WEIGHTS] * (torch.logaddexp(positives, rest) - positives)).sum()
        return lost


def stated_values(loss: PerCustomerLoss, prior: Prior) -> Tensor:
    """Take a prior's numbers, as float64, where it says where they come from.

    Raises:
        DpLossRefused: If it does not.
    """
    if not isinstance(prior, PublicValues | ReleasedValues):
        raise DpLossRefused(
            loss=type(loss).__name__,
            reason="its normaliser is neither public nor released; counts of a batch or of the purchases are neither",
        )
    return prior.values.double()
