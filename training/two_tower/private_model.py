"""The private model: frozen public content, a small learned adapter, a released popularity, no other parameter."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.two_tower.histories import Histories
from training.two_tower.repeat_head import PAIR_FEATURES
from training.two_tower.towers import N_POOLS, pool

ADAPTER: Final = "adapter.weight"
_DECAY_OFFSET: Final = 1e-3  # what `bought_features` adds before its logarithm
_FEWEST, _MOST = 1e-9, 50.0  # purchases expected; within these the log-odds stay finite in float32
_LOG_SHORT, _LOG_LONG, _KNOWN, _TOWER = (
    PAIR_FEATURES.index(name) for name in ("log_short", "log_long", "known", "tower_log_p")
)

Floats = npt.NDArray[np.float32]


class FrozenProducts(nn.Module):
    """Products as their public content says they are; nothing here is learned.

    Args:
        vectors: (N, D) from `content_vectors`.
        pool_weights: (N,) how much a purchase says of its buyer, from the released counts alone.
    """

    def __init__(self, vectors: Tensor, pool_weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors)
        self.register_buffer("pool_weights", pool_weights)
        self.register_buffer("pool_vectors", vectors * pool_weights.unsqueeze(1), persistent=False)
        self.vectors: Tensor
        self.pool_weights: Tensor
        self.pool_vectors: Tensor  # made once: a request has no time for it

    def history_vectors(self, content: Tensor) -> Tensor:  # noqa: ARG002 - the towers' interface
        """Give the frozen vectors, (N, D)."""
        return self.vectors

    def forward(self, history_vectors: Tensor, numeric: Tensor) -> Tensor:
        """Give products as candidates: (N, D) and (N, F) to (N, D + 1), the last column the released log-popularity."""
        return torch.cat([history_vectors, numeric[:, :1]], dim=1)


class PrivateTowers(nn.Module):
    """The same interface as `TwoTower`; the score is popularity plus the adapted history times the content.

    Args:
        vectors: (N, D) frozen content.
        pool_weights: (N,) for pooling histories.
        adapter: (D, D) to start from.
    """

    def __init__(self, vectors: Tensor, pool_weights: Tensor, adapter: Tensor) -> None:
        super().__init__()
        self.products = FrozenProducts(vectors, pool_weights)
        self.adapter = nn.Linear(vectors.shape[1], vectors.shape[1], bias=False)
        with torch.no_grad():
            self.adapter.weight.copy_(adapter)

    def pooled(self, histories: Histories) -> Tensor:
        """Describe customers by the content of what they bought: (B, D) of length 1, zeros without history."""
        pools = pool(self.products.pool_vectors, histories).view(len(histories), N_POOLS, -1)  # (B, 3, D)
        return functional.normalize(pools.mean(dim=1), dim=1)

    def queries(self, history_vectors: Tensor, histories: Histories, keep: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Embed a batch of customers: (B, D + 1), the last column 1."""
        return torch.cat([self.adapter(self.pooled(histories)), torch.ones(len(histories), 1)], dim=1)


class OwnRateHead(nn.Module):
    """The chance of a purchase in the target window, by public formula: own past rates, or the towers' share.

    A product bought before is expected as often as the mean of its short and long decayed rates says; a new one as
    often as its share of the new products that a customer takes up in a window. Nothing is learned, so nothing is
    charged: the rates are the person's own and never leave his answer.

    Args:
        constants: (4,) expected purchases per unit of short and of long decayed count, new products per window, and
            the length of the window in days for the record.
    """

    def __init__(self, constants: Tensor) -> None:
        super().__init__()
        self.register_buffer("constants", constants)
        self.constants: Tensor

    @classmethod
    def of(
        cls, *, half_life_short_days: float, half_life_long_days: float, window_days: float, new_products: float
    ) -> "OwnRateHead":
        """Work the constants out of the settings; a decayed count divided by half-life / ln 2 is a rate a day."""
        per_day = [float(np.log(2)) / half_life for half_life in (half_life_short_days, half_life_long_days)]
        return cls(torch.tensor([*(window_days * rate for rate in per_day), new_products, window_days]))

    def forward(self, features: Tensor) -> Tensor:
        """Score (n, F) pair features: (n,) log-odds of at least one purchase, purchases being Poisson."""
        short, long = ((features[:, column].exp() - _DECAY_OFFSET).clamp(min=0) for column in (_LOG_SHORT, _LOG_LONG))
        own = (self.constants[0] * short + self.constants[1] * long) / 2
        expected = torch.where(features[:, _KNOWN] > 0, own, self.constants[2] * features[:, _TOWER].exp())
        return torch.log(torch.expm1(expected.clamp(_FEWEST, _MOST)))


def rebuild_private(model: Mapping[str, Tensor], head: Mapping[str, Tensor]) -> tuple[PrivateTowers, OwnRateHead]:
    """Make model and head from the weights of a bundle, without their prefixes."""
    towers = PrivateTowers(model["products.vectors"], model["products.pool_weights"], model[ADAPTER])
    return towers, OwnRateHead(head["constants"])
