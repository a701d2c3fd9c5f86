"""What private training optimises: each customer's first purchases among a released vocabulary."""

from typing import Final

import torch
from torch import Tensor, nn

from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, CustomerExample
from privacy.dp_loss import PerCustomerLoss, ReleasedValues
from training.two_tower.private_examples import KNOWN, MOMENTS, POOLS

_HIDDEN: Final = -1e9  # score of what the customer had bought before


class VocabularyScores(nn.Module):
    """Adapted histories times frozen content: the only module with a trainable parameter.

    Args:
        adapter: (D, D) to start from.
        vectors: (V, D) content of the vocabulary; public, not trained.
    """

    def __init__(self, adapter: Tensor, vectors: Tensor) -> None:
        super().__init__()
        self.adapter = nn.Linear(adapter.shape[1], adapter.shape[0], bias=False)
        with torch.no_grad():
            self.adapter.weight.copy_(adapter)
        self.register_buffer("vectors", vectors)
        self.vectors: Tensor

    def forward(self, example: CustomerExample) -> Tensor:
        """Score the vocabulary at each moment of one customer: (S, V)."""
        scores: Tensor = self.adapter(example[POOLS]) @ self.vectors.T
        return scores


class FirstPurchases(PerCustomerLoss):
    """Cross-entropy of one customer's first purchases among the whole vocabulary without what he had before.

    Negatives are the vocabulary, the same whoever else is drawn; the mask is the customer's own history.

    Args:
        log_prior: (V,) log popularity from the released counts.
    """

    def __init__(self, log_prior: ReleasedValues) -> None:
        self._log_prior = log_prior.values.double()

    def __call__(self, model: nn.Module, example: CustomerExample) -> Tensor:
        """Give the mean over the customer's first purchases; 0 where he has none."""
        scores = torch.where(example[KNOWN], _HIDDEN, model(example) + self._log_prior)  # (S, V)
        log_shares = torch.log_softmax(scores, dim=-1)
        return -(example[TARGET_WEIGHTS] * log_shares[example[MOMENTS], example[TARGETS]]).sum()
