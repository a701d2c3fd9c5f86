"""The structured network: smoothers weighed by their standing, a residual, a learnt dispersion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 the field's own name

from training.demand.inputs import Inputs
from training.demand.panel import Floats

_WIDEST_INPUT = 5.0  # standard deviations; what lies farther is read as this
_LOG_DISPERSION = -0.9  # where the dispersion starts
_LOG_DISPERSION_RANGE = (-5.0, 2.5)
_DISPERSION_DIM = 32
_CHUNK_ROWS = 512  # always so many at once, so that a row's answer does not hang on how many are asked


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of a network.

    Attributes:
        n_members: Networks trained side by side from other starts; their logarithms are averaged.
        n_inputs: Columns of `Inputs.values`.
        n_candidates: Columns of `Inputs.candidates`.
        hidden_dim: Width of the residual's two layers.
    """

    n_members: int
    n_inputs: int
    n_candidates: int
    hidden_dim: int


class _Layer(nn.Module):
    """A linear layer for each member: (S, B, I) to (S, B, O)."""

    def __init__(
        self, n_members: int, n_in: int, n_out: int, generator: torch.Generator | None, bias: float = 0
    ) -> None:
        super().__init__()
        weight = torch.zeros(n_members, n_in, n_out)
        if generator is not None:
            weight = torch.randn(n_members, n_in, n_out, generator=generator) * (2 / n_in) ** 0.5
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.full((n_members, 1, n_out), float(bias)))

    def forward(self, values: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, values, self.weight)


class DemandNetwork(nn.Module):
    """Log mean and log dispersion of a negative binomial, for each of S members.

    The mean is a weighted mean of what the smoothers expect, times exp(residual). Weights come from a softmax over a
    linear map of the inputs; with it flat on one smoother and the residual at nought, the network is that smoother.
    It knows no product by name: dropping identities was worth 3.6% of wQL on the reference study's validation date.
    """

    def __init__(self, shape: NetworkShape, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        s, n = shape.n_members, shape.n_inputs
        self.shape = shape
        self.register_buffer("centre", torch.zeros(n))
        self.register_buffer("scale", torch.ones(n))
        self.gate = _Layer(s, n, shape.n_candidates, None)
        self.residual_in = _Layer(s, n, shape.hidden_dim, generator)
        self.residual_mid = _Layer(s, shape.hidden_dim, shape.hidden_dim, generator)
        self.residual_out = _Layer(s, shape.hidden_dim, 1, None)
        self.dispersion_in = _Layer(s, n + 1, _DISPERSION_DIM, generator)
        self.dispersion_out = _Layer(s, _DISPERSION_DIM, 1, None, bias=_LOG_DISPERSION)

    def standardise(self, values: npt.NDArray[np.float32]) -> None:
        """Learn centre and scale of the inputs from training rows (N, F)."""
        scale = values.std(axis=0)
        self.centre: Tensor = torch.from_numpy(values.mean(axis=0))
        self.scale: Tensor = torch.from_numpy(np.where(scale > 1e-6, scale, 1).astype(np.float32))

    def forward(self, values: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Compute log mean and log dispersion: (S, B) each, from (B, F) and (B, C)."""
        x = ((values - self.centre) / self.scale).clamp(-_WIDEST_INPUT, _WIDEST_INPUT)
        x = x.expand(self.shape.n_members, *x.shape)  # (S, B, F)
        level = (F.log_softmax(self.gate(x), dim=2) + candidates).logsumexp(dim=2)  # (S, B)
        hidden = F.gelu(self.residual_mid(F.gelu(self.residual_in(x))))
        log_mean = level + self.residual_out(hidden)[..., 0]
        seen = torch.cat([x, log_mean.detach()[..., None]], dim=2)
        log_dispersion = self.dispersion_out(F.gelu(self.dispersion_in(seen)))[..., 0]
        return log_mean, log_dispersion.clamp(*_LOG_DISPERSION_RANGE)

    @torch.inference_mode()
    def predict(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Average the members' logarithms: (N,) log mean and (N,) log dispersion."""
        parts = [np.zeros((2, 0), dtype=np.float32)]
        for start in range(0, len(inputs), _CHUNK_ROWS):
            values, candidates = (_whole_chunk(part[start:]) for part in (inputs.values, inputs.candidates))
            parts.append(torch.stack(self(values, candidates)).mean(dim=1).numpy())
        joined = np.concatenate(parts, axis=1)[:, : len(inputs)].astype(np.float64)
        return joined[0], joined[1]

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> "DemandNetwork":
        """Rebuild a network from its weights alone."""
        s, n, hidden_dim = state["residual_in.weight"].shape
        network = cls(NetworkShape(s, n, state["gate.weight"].shape[2], hidden_dim), seed=0)
        network.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in state.items()})
        return network.eval()


def _whole_chunk(rows: npt.NDArray[np.float32]) -> Tensor:
    """Take the first chunk of rows, filled up with noughts where there are fewer."""
    chunk = rows[:_CHUNK_ROWS]
    filled = np.zeros((_CHUNK_ROWS, rows.shape[1]), dtype=np.float32)
    filled[: len(chunk)] = chunk
    return torch.from_numpy(filled)


def negative_binomial_loss(units: Tensor, log_mean: Tensor, log_dispersion: Tensor) -> Tensor:
    """Compute the mean negative log-likelihood of (B,) units under (S, B) parameters, constant terms left out."""
    size = torch.exp(-log_dispersion)
    log_total = torch.logaddexp(torch.log(size), log_mean)
    likelihood = (
        torch.lgamma(units + size)
        - torch.lgamma(size)
        + size * (torch.log(size) - log_total)
        + units * (log_mean - log_total)
    )
    return -likelihood.mean()
