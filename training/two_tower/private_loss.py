"""What private training optimises: each customer's first purchases among a released vocabulary."""

from typing import Final

import torch
from torch import Tensor, nn

from privacy.dp_examples import TARGET_WEIGHTS, TARGETS, CustomerExample
from privacy.dp_loss import PerCustomerLoss, Prior, stated_values
from training.two_tower.private_examples import AFFINITIES, KNOWN, MIX, MOMENTS

_HIDDEN: Final = -1e9  # score of what the customer had bought before


class VocabularyScores(nn.Module):
    """What histories say of the vocabulary, level by level: the only module with a trainable parameter.

    Args:
        adapter: (1, L) to start from.
    """

    def __init__(self, adapter: Tensor) -> None:
        super().__init__()
        self.adapter = nn.Linear(adapter.shape[1], 1, bias=False)
        with torch.no_grad():
            self.adapter.weight.copy_(adapter)

    def forward(self, example: CustomerExample) -> Tensor:
        """Score the vocabulary at each moment of one customer: (S, V)."""
        scores: Tensor = self.adapter(example[AFFINITIES]).squeeze(-1)
        return scores


class FirstPurchases(PerCustomerLoss):
    """Cross-entropy of one customer's first purchases among the whole vocabulary without what he had before.

    Negatives are the vocabulary, the same whoever else is drawn; the mask is the customer's own history.

    Args:
        signals: (V, 2) log shares from the released counts; each customer's own mix of them is the prior.

    Raises:
        DpLossRefused: If the signals do not say where they come from.
    """

    def __init__(self, signals: Prior) -> None:
        self._signals = stated_values(self, signals)

    def __call__(self, model: nn.Module, example: CustomerExample) -> Tensor:
        """Give the mean over the customer's first purchases; 0 where he has none."""
        prior = example[MIX] @ self._signals.T  # (S, V)
        scores = torch.where(example[KNOWN], _HIDDEN, model(example) + prior)
        log_shares = torch.log_softmax(scores, dim=-1)
        return -(example[TARGET_WEIGHTS] * log_shares[example[MOMENTS], example[TARGETS]]).sum()
