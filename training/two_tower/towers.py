"""The two towers: a customer vector from pooled history and context, a product vector from content, id and sales."""

import warnings
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.histories import PAIR_FIELDS, PROFILE_FIELDS, Histories
from training.two_tower.products import NUMERIC_FIELDS

# torch says so once per process; products of a CSR matrix and a dense one have been stable since 1.13.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")

N_POOLS = 3
_CHUNK_ROWS = 65_536  # scaled at a time; bounds memory
_PROFILE_NOISE = 0.1  # dropout inside the customer tower's hidden layer


class Shape(NamedTuple):
    """Sizes that rebuild a model before its weights are loaded."""

    n_products: int
    content_sizes: list[int]
    embedding_dim: int
    hidden_dim: int


class Standardizer(nn.Module):
    """Centre and scale features with figures fixed at fit time; a missing value (NaN) becomes the mean."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("std", torch.ones(n_features))
        self.mean: Tensor
        self.std: Tensor

    def fit(self, values: Tensor) -> None:
        """Take mean and standard deviation from (n, F) values, ignoring NaN; a chunk of rows at a time."""
        n, total, squares = (torch.zeros(len(self.mean), dtype=torch.float64) for _ in range(3))
        for chunk in torch.split(values, _CHUNK_ROWS):
            known = ~chunk.isnan()
            filled = torch.nan_to_num(chunk).double()
            n += known.sum(0)
            total += filled.sum(0)
            squares += (filled**2).sum(0)
        mean = total / n.clamp(min=1)
        variance = (squares / n.clamp(min=1) - mean**2).clamp(min=0)
        self.mean.copy_(mean)
        self.std.copy_(variance.sqrt().clamp(min=1e-6))

    def forward(self, values: Tensor) -> Tensor:
        """Standardise (n, F) values."""
        return torch.nan_to_num((values - self.mean) / self.std)


class ProductTower(nn.Module):
    """Embed products by content and id; sales features enter as themselves and through a small net.

    The same content-and-id vectors pool the customers' histories.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        dim = shape.embedding_dim
        self.id = nn.Embedding(shape.n_products, dim)
        self.shift = nn.Embedding(shape.n_products, dim)  # what a product is to buyers, apart from what it says of them
        self.bias = nn.Embedding(shape.n_products, 1)
        self.content = nn.ModuleList(nn.Embedding(size, dim) for size in shape.content_sizes)
        self.scale = Standardizer(len(NUMERIC_FIELDS))
        self.net = nn.Sequential(nn.Linear(len(NUMERIC_FIELDS), 32), nn.GELU(), nn.Linear(32, dim))
        for table in (self.shift, self.bias):
            nn.init.zeros_(table.weight)
        for embedding in self.content:
            assert isinstance(embedding, nn.Embedding)  # noqa: S101 - narrows the type for mypy
            nn.init.normal_(embedding.weight, std=0.02)
        _start_at_zero(self.net[-1])

    def history_vectors(self, content: Tensor) -> Tensor:
        """Embed what a purchase says of its buyer: (N, C) content codes to (N, D)."""
        vectors = self.id.weight
        for field, table in enumerate(self.content):
            vectors = vectors + table(content[:, field])
        return vectors

    def forward(self, history_vectors: Tensor, numeric: Tensor) -> Tensor:
        """Embed products as candidates: (N, D) and (N, F) to (N, D + F + 1), the last column a bias.

        The first numeric feature, a log-probability, passes unscaled; the others are standardised.
        """
        scaled = torch.cat([numeric[:, :1], self.scale(numeric)[:, 1:]], dim=1)
        vectors = history_vectors + self.shift.weight + self.net(scaled)
        return torch.cat([vectors, scaled, self.bias.weight], dim=1)


class CustomerTower(nn.Module):
    """Turn pooled history and profile into a query vector; no customer has parameters of his own."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        dim, n_numeric = shape.embedding_dim, len(NUMERIC_FIELDS)
        self.scale = Standardizer(len(PROFILE_FIELDS))
        self.linear = nn.Linear(N_POOLS * dim, dim)
        self.net = nn.Sequential(
            nn.Linear(N_POOLS * dim + len(PROFILE_FIELDS), shape.hidden_dim),
            nn.GELU(),
            nn.Dropout(_PROFILE_NOISE),
            nn.Linear(shape.hidden_dim, dim + n_numeric),
        )
        self.numeric_weights = nn.Parameter(torch.eye(1, n_numeric)[0])  # starts as the log-probability alone
        with torch.no_grad():
            self.linear.weight.copy_(torch.eye(dim).repeat(1, N_POOLS) / N_POOLS)
            self.linear.bias.zero_()
        _start_at_zero(self.net[-1])

    def forward(self, pools: Tensor, profiles: Tensor) -> Tensor:
        """Embed customers: (B, 3 D) pooled histories and (B, P) raw profiles to (B, D + F + 1)."""
        dim = self.linear.out_features
        scaled = self.scale(torch.log1p(profiles.clamp(min=0)))
        learned = self.net(torch.cat([pools, scaled], dim=1))
        taste = self.linear(pools) + learned[:, :dim]
        sales = self.numeric_weights + learned[:, dim:]
        return torch.cat([taste, sales, torch.ones(len(pools), 1)], dim=1)


class TwoTower(nn.Module):
    """Both towers; the score of a product for a customer is the dot product of their vectors."""

    n_reserved: Final = 0  # the best new products hold enough of every class of supplier

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.products = ProductTower(shape)
        self.customers = CustomerTower(shape)

    def queries(self, history_vectors: Tensor, histories: Histories, keep: Tensor | None = None) -> Tensor:
        """Embed a batch of customers.

        Args:
            history_vectors: (N, D) of every product.
            histories: B customers.
            keep: (T,) which history pairs to see; None sees all.

        Returns:
            (B, D + F + 1).
        """
        pools = pool(history_vectors, histories, keep)
        return self.customers(pools, torch.from_numpy(histories.profiles))  # type: ignore[no-any-return]


def pool(history_vectors: Tensor, histories: Histories, keep: Tensor | None = None) -> Tensor:
    """Pool each history three ways: by short decayed count, long decayed count and log count, each of length 1.

    A session product weighs 1 in each pool, like one bought this moment.

    Returns:
        (B, 3 D); zeros where a customer has no history.
    """
    pairs = torch.from_numpy(histories.pairs)
    short, long, n = (pairs[:, PAIR_FIELDS.index(field)] for field in ("decayed_short", "decayed_long", "n_baskets"))
    weights = torch.stack([short, long, torch.log1p(n)])  # (3, T)
    if keep is not None:
        weights = weights * keep
    product_idx, offsets = histories.product_idx, histories.offsets
    if len(histories.session_idx):
        product_idx, offsets, weights = _append_session(histories, weights)
    n_pairs = len(product_idx)
    starts = [offsets[:-1] + i * n_pairs for i in range(N_POOLS)]
    by_customer = torch.sparse_csr_tensor(  # (3 B, N); a product of this costs a third of three embedding bags
        torch.from_numpy(np.concatenate([*starts, [N_POOLS * n_pairs]])),
        torch.from_numpy(np.tile(product_idx, N_POOLS)),
        weights.reshape(-1),
        size=(N_POOLS * len(histories), len(history_vectors)),
        check_invariants=False,  # as by default, but said aloud, or torch warns; repeated columns add up
    )
    pools = (by_customer @ history_vectors).view(N_POOLS, len(histories), -1)  # (3, B, D)
    return functional.normalize(pools, dim=2).transpose(0, 1).flatten(1)


def _append_session(histories: Histories, weights: Tensor) -> tuple[np.ndarray, np.ndarray, Tensor]:
    """Interleave session products with the pairs of their customers."""
    lengths, session_lengths = np.diff(histories.offsets), np.diff(histories.session_offsets)
    owners = np.concatenate(
        [np.repeat(np.arange(len(histories)), lengths), np.repeat(np.arange(len(histories)), session_lengths)]
    )
    order = np.argsort(owners, kind="stable")
    product_idx = np.concatenate([histories.product_idx, histories.session_idx])[order]
    once = torch.ones(N_POOLS, len(histories.session_idx))
    offsets = histories.offsets + histories.session_offsets
    return product_idx, offsets, torch.cat([weights, once], dim=1)[:, torch.from_numpy(order)]


def _start_at_zero(layer: nn.Module) -> None:
    assert isinstance(layer, nn.Linear)  # noqa: S101 - narrows the type for mypy
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
