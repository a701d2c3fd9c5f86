"""The repeat head: the chance that a customer buys a candidate soon, from his own history with it and the towers."""

import numpy as np
import torch
from torch import Tensor, nn

from training.histories import PAIR_FIELDS, PROFILE_FIELDS, Histories
from training.two_tower.products import NUMERIC_FIELDS
from training.two_tower.towers import Standardizer

_OWN = (
    "log_baskets",
    "log_short",
    "log_long",
    "log_since_last",
    "share_of_baskets",
    "overdue",
    "log_interval",
    "known",
)
_TOWER = ("tower_log_p",)
PAIR_FEATURES = (*_OWN, *_TOWER, *NUMERIC_FIELDS, *PROFILE_FIELDS)
_NEVER_DAYS = 400.0  # stands for "days since" of a product never bought


class RepeatHead(nn.Module):
    """A small net over one (customer, candidate) pair; bought and never bought candidates share it and its scale."""

    def __init__(self, hidden_dim: int) -> None:
        super().__init__()
        self.scale = Standardizer(len(PAIR_FEATURES))
        self.net = nn.Sequential(
            nn.Linear(len(PAIR_FEATURES), hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Score (n, F) pair features: (n,) log-odds of a purchase in the target window."""
        return self.net(self.scale(features)).squeeze(1)  # type: ignore[no-any-return]


def bought_features(histories: Histories) -> Tensor:
    """Describe each customer's past with each product he bought: (T, 8)."""
    pairs = torch.from_numpy(histories.pairs)
    n, short, long, last, first = (pairs[:, i] for i in range(len(PAIR_FIELDS)))
    total = torch.from_numpy(histories.profiles[:, PROFILE_FIELDS.index("n_baskets_total")])
    baskets = torch.maximum(torch.nan_to_num(total)[torch.from_numpy(histories.customer_of_pair)], n)
    interval = torch.where(n > 1, (first - last) / (n - 1).clamp(min=1), _NEVER_DAYS)
    return torch.stack(
        [
            torch.log1p(n),
            torch.log(short + 1e-3),
            torch.log(long + 1e-3),
            torch.log1p(last.clamp(min=0)),
            n / baskets.clamp(min=1),
            torch.log1p(last.clamp(min=0) / (interval + 1)),
            torch.log1p(interval.clamp(min=0)),
            torch.ones_like(n),
        ],
        dim=1,
    )


def new_features(n: int) -> Tensor:
    """Describe candidates their customers never bought: (n, 8), every row the same."""
    past = np.log([1e-3, 1e-3])
    row = [0.0, *past, np.log1p(_NEVER_DAYS), 0.0, 0.0, np.log1p(_NEVER_DAYS), 0.0]
    return torch.tensor(row, dtype=torch.float32).repeat(n, 1)


def pair_features(own: Tensor, tower_log_p: Tensor, numeric: Tensor, profiles: Tensor) -> Tensor:
    """Join what is known of n pairs.

    Args:
        own: (n, 8) of `bought_features` or `new_features`.
        tower_log_p: (n,) log-probability the towers give the product among all.
        numeric: (n, 10) of the product.
        profiles: (n, 8) of the customer, raw, NaN where unknown.

    Returns:
        (n, F) in the order of `PAIR_FEATURES`.
    """
    return torch.cat([own, tower_log_p.unsqueeze(1), numeric, torch.log1p(profiles.clamp(min=0))], dim=1)
