"""The private model: public product levels, released popularity, and one learned scale for each level."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training.histories import PAIR_FIELDS, Histories
from training.two_tower.repeat_head import PAIR_FEATURES

ADAPTER: Final = "adapter.weight"
N_SIGNALS: Final = 2  # log popularity, log first purchases
_SINCE_LAST: Final = PAIR_FIELDS.index("days_since_last")
_TYPICAL_LOG_PRODUCTS: Final = 5.5  # log of the products in a middling history; public, moves nothing but the constants
_LEAST_ACTIVE, _MOST_ACTIVE = -2.5, 1.5  # logs beside that; histories past these are treated alike
_DECAY_OFFSET: Final = 1e-3  # what `bought_features` adds before its logarithm
_FEWEST, _MOST = 1e-9, 50.0  # purchases expected; within these the log-odds stay finite in float32
_LOG_LONG, _KNOWN, _TOWER = (PAIR_FEATURES.index(name) for name in ("log_long", "known", "tower_log_p"))

Floats = npt.NDArray[np.float32]


class FrozenProducts(nn.Module):
    """Products as public content and the release say they are; nothing here is learned.

    Args:
        vectors: (N, D) from `content_vectors`: what is similar to what.
        groups: (N, L) from `content_groups`: which group of each level a product is in, all levels numbered as one.
        rarity: (G,) what one purchase in a group says of its buyer, from the released counts alone.
        signals: (N, 2) released log shares of recent buyers and of first purchases.
    """

    def __init__(self, vectors: Tensor, groups: Tensor, rarity: Tensor, signals: Tensor) -> None:
        super().__init__()
        for name, values in (("vectors", vectors), ("groups", groups), ("rarity", rarity), ("signals", signals)):
            self.register_buffer(name, values)
        levels = torch.zeros(len(rarity), dtype=torch.int64)
        for level in range(groups.shape[1]):
            levels[groups[:, level]] = level
        self.register_buffer("levels", levels, persistent=False)
        self.vectors: Tensor
        self.groups: Tensor
        self.rarity: Tensor
        self.signals: Tensor
        self.levels: Tensor  # (G,)

    def history_vectors(self, content: Tensor) -> Tensor:  # noqa: ARG002 - the towers' interface
        """Give the frozen vectors, (N, D)."""
        return self.vectors

    def forward(self, history_vectors: Tensor, numeric: Tensor) -> Tensor:  # noqa: ARG002 - the towers' interface
        """Give products as candidates: (N, G + 2), sparse; a 1 for each of a product's groups, then its signals."""
        n, n_levels = self.groups.shape
        n_groups, width = len(self.rarity), n_levels + N_SIGNALS
        places = torch.arange(n_groups, n_groups + N_SIGNALS).expand(n, N_SIGNALS)
        return torch.sparse_csr_tensor(
            torch.arange(0, width * n + 1, width),
            torch.cat([self.groups, places], dim=1).flatten(),
            torch.cat([torch.ones(n, n_levels), self.signals.float()], dim=1).flatten(),
            size=(n, n_groups + N_SIGNALS),
            check_invariants=False,  # as by default, but said aloud, or torch warns
        )


class PrivateTowers(nn.Module):
    """The same interface as `TwoTower`; the score is released popularity plus what the history says of each level.

    Whoever bought much in a group of products lately, for the popularity of that group, is expected to try more of it;
    how far, is one learned number per level. The longer a history, the more first purchases count instead of
    popularity: who never bought the most popular product in a long time is not about to.

    Args:
        products: Frozen.
        constants: (5,) half-life of a purchase in days; weight of popularity and its slope, weight of first purchases
            and its slope, slopes per log of products in the history. Public settings.
        adapter: (1, L) to start from.
    """

    n_reserved: Final = 20  # few small suppliers are among the best by noisy counts, and room is for candidates only

    def __init__(self, products: FrozenProducts, constants: Tensor, adapter: Tensor) -> None:
        super().__init__()
        self.products = products
        self.register_buffer("constants", constants)
        self.constants: Tensor
        self.adapter = nn.Linear(adapter.shape[1], 1, bias=False)
        with torch.no_grad():
            self.adapter.weight.copy_(adapter)

    def fresh(self, start: float) -> "PrivateTowers":
        """Give the same towers with every scale at its start, as a training begins with them."""
        return PrivateTowers(self.products, self.constants, torch.full_like(self.adapter.weight, start))

    def affinities(self, histories: Histories) -> Tensor:
        """Tell what each history says of each group: (B, G) float32, 0 where nothing of the group was bought.

        Log of one plus the decayed number of distinct products bought in the group, times the group's rarity.
        """
        groups, n_groups = self.products.groups, len(self.products.rarity)
        days = torch.from_numpy(histories.pairs[:, _SINCE_LAST])
        decayed = torch.exp2(-days.clamp(min=0) / self.constants[0])
        owners = np.repeat(np.arange(len(histories)), np.diff(histories.session_offsets))
        product_idx = torch.from_numpy(np.concatenate([histories.product_idx, histories.session_idx]))
        owner_idx = torch.from_numpy(np.concatenate([histories.customer_of_pair, owners]))
        weights = torch.cat([decayed, torch.ones(len(owners))]).unsqueeze(1).expand(-1, groups.shape[1])
        cells = owner_idx.unsqueeze(1) * n_groups + groups[product_idx]  # (T, L)
        own = torch.zeros(len(histories) * n_groups).index_add_(0, cells.flatten(), weights.flatten().float())
        return torch.log1p(own.view(len(histories), n_groups) * self.products.rarity)

    def mix(self, histories: Histories) -> Tensor:
        """Weigh the two signals for each customer: (B, 2); popularity alone without a history."""
        n_products = torch.from_numpy(np.diff(histories.offsets)).float()
        active = (torch.log1p(n_products) - _TYPICAL_LOG_PRODUCTS).clamp(_LEAST_ACTIVE, _MOST_ACTIVE)
        _, popular, popular_slope, first, first_slope = self.constants.tolist()
        weights = torch.stack([popular + popular_slope * active, first + first_slope * active], dim=1)
        return torch.where(n_products.unsqueeze(1) > 0, weights, torch.tensor([1.0, 0.0]))

    def queries(self, history_vectors: Tensor, histories: Histories, keep: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Embed a batch of customers: (B, G + 2)."""
        scales = self.adapter.weight[0][self.products.levels]  # (G,)
        return torch.cat([self.affinities(histories) * scales, self.mix(histories)], dim=1)


class OwnRateHead(nn.Module):
    """The chance of a purchase in the target window, by public formula: own past rate and the towers' share.

    A product bought before is expected as often as its long decayed count says, and a little more where the towers
    expect it too; a new one as often as its share of the new products that a customer takes up in a window. Nothing is
    learned, so nothing is charged: the rates are the person's own and never leave his answer.

    Args:
        constants: (4,) expected purchases per unit of long decayed count, purchases per window that the towers share
            out over products bought before and over new ones, and the length of the window in days for the record.
    """

    def __init__(self, constants: Tensor) -> None:
        super().__init__()
        self.register_buffer("constants", constants)
        self.constants: Tensor

    @classmethod
    def of(
        cls, *, half_life_long_days: float, window_days: float, known_products: float, new_products: float
    ) -> "OwnRateHead":
        """Work the constants out of the settings; a decayed count divided by half-life / ln 2 is a rate a day."""
        per_unit = window_days * float(np.log(2)) / half_life_long_days
        return cls(torch.tensor([per_unit, known_products, new_products, window_days]))

    def forward(self, features: Tensor) -> Tensor:
        """Score (n, F) pair features: (n,) log-odds of at least one purchase, purchases being Poisson."""
        rate, known, new, _ = self.constants
        share = features[:, _TOWER].exp()
        own = rate * (features[:, _LOG_LONG].exp() - _DECAY_OFFSET).clamp(min=0) + known * share
        expected = torch.where(features[:, _KNOWN] > 0, own, new * share)
        return torch.log(torch.expm1(expected.clamp(_FEWEST, _MOST)))


def rebuild_private(model: Mapping[str, Tensor], head: Mapping[str, Tensor]) -> tuple[PrivateTowers, OwnRateHead]:
    """Make model and head from the weights of a bundle, without their prefixes."""
    frozen = FrozenProducts(*(model[f"products.{name}"] for name in ("vectors", "groups", "rarity", "signals")))
    return PrivateTowers(frozen, model["constants"], model[ADAPTER]), OwnRateHead(head["constants"])
