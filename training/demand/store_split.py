"""Split a chain's forecast among stores: shrunken recent shares, a small learnt correction, and a learnt dispersion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 the field's own name

from training.demand.errors import StorePairsMismatch
from training.demand.forecast import Forecast
from training.demand.panel import Floats, Panel, StorePanel
from training.demand.quantiles import negative_binomial_quantiles

WINDOWS: Final = (4, 8, 26, 52)  # weeks that shares are measured over
_MAIN: Final = 2  # the 26-week share, from which the others are told
_PRIOR_UNITS: Final = (2.0, 2.0, 1.0, 1.0)  # units that the department's share of the store weighs, by window
_STORE_PRIOR_UNITS: Final = 20.0
_LEAST_SHARE: Final = 1e-7
_HIDDEN_DIM: Final = 16
_N_FEATURES: Final = 9
_LARGEST_CORRECTION: Final = 0.7  # log points that the net may move a share
_LOG_DISPERSION_RANGE: Final = (-5.0, 3.0)
_CHUNK_ROWS: Final = 262_144


@dataclass(frozen=True, eq=False)
class PairState:
    """R product-store pairs as known at the end of a panel.

    Attributes:
        chain_row: (R,) position of the product in the chain's panel.
        log_shares: (R, 4) log share of the product's units sold at the store, by window.
        features: (R, F) what speaks for a departure from them.
        left_out: (P,) share of the product's units sold at pairs not given.
    """

    chain_row: npt.NDArray[np.int64]
    log_shares: Floats
    features: Floats
    left_out: Floats


def pair_state(panel: Panel, stores: StorePanel) -> PairState:
    """Measure what each store sold of each product, against what the chain sold of it.

    Raises:
        StorePairsMismatch: If weeks differ, or a pair's product is not in the panel.
    """
    chain_row = positions_of(stores.product_ids, panel.product_ids, "panel")
    if not np.array_equal(stores.weeks, panel.weeks):
        raise StorePairsMismatch(problem="their weeks are not those of the panel")
    prior = _store_shares(panel, stores, chain_row)
    shares = np.empty((len(stores), len(WINDOWS)))
    for i, (window, weight) in enumerate(zip(WINDOWS, _PRIOR_UNITS, strict=True)):
        sold = stores.units[:, -window:].sum(axis=1)
        of = panel.units[:, -window:].sum(axis=1)[chain_row]
        shares[:, i] = (sold + weight * prior) / (of + weight)
    log_shares = np.log(np.maximum(shares, _LEAST_SHARE))
    given = np.bincount(chain_row, stores.units[:, -26:].sum(axis=1), len(panel))
    total = panel.units[:, -26:].sum(axis=1)
    left_out = np.where(total - given > 1e-6 * (1 + total), (total - given) / np.maximum(total, 1e-9), 0).clip(0, 1)
    return PairState(chain_row, log_shares, _features(panel, stores, chain_row, log_shares, prior), left_out)


def positions_of(ids: npt.NDArray[np.str_], known: npt.NDArray[np.str_], where: str) -> npt.NDArray[np.int64]:
    """Find products among others.

    Raises:
        StorePairsMismatch: If one is missing.
    """
    missing = ids[~np.isin(ids, known)]
    if len(missing):
        raise StorePairsMismatch(problem=f"product {missing[0]} is not in the {where}")
    order = np.argsort(known)
    return order[np.searchsorted(known, ids, sorter=order)].astype(np.int64)


class StoreSplit(nn.Module):
    """Share and dispersion of each pair: a weighted mean of its shares, times exp(a small correction)."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("centre", torch.zeros(_N_FEATURES))
        self.register_buffer("scale", torch.ones(_N_FEATURES))
        start = torch.zeros(len(WINDOWS))
        start[_MAIN] = 1.0
        self.weights = nn.Linear(_N_FEATURES, len(WINDOWS))
        self.inner = nn.Linear(_N_FEATURES, _HIDDEN_DIM)
        self.correction = nn.Linear(_HIDDEN_DIM, 1)
        self.dispersion = nn.Linear(_HIDDEN_DIM + 1, 1)
        with torch.no_grad():
            self.inner.weight.copy_(torch.randn(self.inner.weight.shape, generator=generator) / _N_FEATURES**0.5)
            for layer in (self.weights, self.correction, self.dispersion, self.inner):
                layer.bias.zero_()
            for layer in (self.weights, self.correction, self.dispersion):
                layer.weight.zero_()
            self.weights.bias.copy_(start)

    def standardise(self, features: Floats) -> None:
        """Learn centre and scale of the features from training pairs."""
        scale = features.std(axis=0)
        self.centre: Tensor = torch.from_numpy(features.mean(axis=0).astype(np.float32))
        self.scale: Tensor = torch.from_numpy(np.where(scale > 1e-6, scale, 1).astype(np.float32))

    def forward(self, log_shares: Tensor, features: Tensor, log_chain: Tensor) -> tuple[Tensor, Tensor]:
        """Compute log share (R,) and log dispersion (R, H) from chain means (R, H)."""
        x = ((features - self.centre) / self.scale).clamp(-5, 5)
        hidden = torch.tanh(self.inner(x))  # (R, 16)
        share = (F.log_softmax(self.weights(x), dim=1) + log_shares).logsumexp(dim=1)
        share = share + _LARGEST_CORRECTION * torch.tanh(self.correction(hidden)[:, 0])
        log_mean = (share[:, None] + log_chain).detach()[..., None]  # (R, H, 1)
        seen = torch.cat([hidden[:, None].expand(-1, log_chain.shape[1], -1), log_mean / 3], dim=2)
        return share, self.dispersion(seen)[..., 0].clamp(*_LOG_DISPERSION_RANGE)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Hand out the weights as arrays."""
        return {name: np.ascontiguousarray(values.detach().numpy()) for name, values in self.state_dict().items()}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> "StoreSplit":
        """Rebuild from the weights."""
        split = cls(seed=0)
        split.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in state.items()})
        return split.eval()


def split_among_stores(
    model: StoreSplit,
    forecast: Forecast,
    panel: Panel,
    stores: StorePanel,
    rows: npt.NDArray[np.int64] | None = None,
) -> Forecast:
    """Split a chain's forecast: a row per pair, in the order given.

    The means of a product's pairs and of the pairs left out sum to the chain's mean.

    Args:
        model: Shares and dispersions.
        forecast: Of the chain.
        panel: What it was made from.
        stores: Pairs that share the products.
        rows: Positions of the pairs to answer for, the others only take their share; None answers for all.

    Raises:
        StorePairsMismatch: If the pairs' weeks or products are not those of the panel and the forecast.
    """
    row = positions_of(stores.product_ids, forecast.product_ids, "forecast")
    pairs = pair_state(panel, stores)
    log_chain = np.log(np.maximum(forecast.mean, 1e-9))[row]  # (R, H)
    log_share, dispersion = _run(model, pairs, log_chain)
    raw = np.exp(log_share)
    total = np.bincount(pairs.chain_row, raw, len(panel))[pairs.chain_row]
    share = raw / total * (1 - pairs.left_out[pairs.chain_row])
    kept = np.arange(len(stores)) if rows is None else rows
    mean, dispersion = (share[:, None] * forecast.mean[row])[kept], dispersion[kept]
    return Forecast(
        product_ids=stores.product_ids[kept],
        store_ids=stores.store_ids[kept],
        origin=forecast.origin,
        weeks=forecast.weeks,
        mean=mean,
        dispersion=dispersion,
        quantiles=negative_binomial_quantiles(mean, dispersion),
    )


@torch.inference_mode()
def _run(model: StoreSplit, pairs: PairState, log_chain: Floats) -> tuple[Floats, Floats]:
    shares, dispersions = [np.zeros(0)], [np.zeros((0, log_chain.shape[1]))]
    for start in range(0, len(log_chain), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        parts = (pairs.log_shares[rows], pairs.features[rows], log_chain[rows])
        share, dispersion = model(*(torch.from_numpy(part.astype(np.float32)) for part in parts))
        shares.append(share.numpy().astype(np.float64))
        dispersions.append(np.exp(dispersion.numpy().astype(np.float64)))
    return np.concatenate(shares), np.concatenate(dispersions)


def _store_shares(panel: Panel, stores: StorePanel, chain_row: npt.NDArray[np.int64]) -> Floats:
    """Measure each store's share of its product's department in the last 26 weeks: (R,), leaning on all it sells."""
    sold = stores.units[:, -26:].sum(axis=1)
    total = panel.units[:, -26:].sum(axis=1)
    store = np.unique(stores.store_ids, return_inverse=True)[1]
    department = np.unique(panel.attributes["department"].astype(str), return_inverse=True)[1]
    given = np.zeros(len(panel), dtype=bool)
    given[chain_row] = True
    n_departments = int(department.max(initial=0)) + 1
    of_all = np.bincount(store, sold)[store] / max(total[given].sum(), 1e-9)
    cell = store * n_departments + department[chain_row]
    in_cell = np.bincount(cell, sold)[cell]
    of_department = np.bincount(department[given], total[given], n_departments)[department[chain_row]]
    share: Floats = (in_cell + _STORE_PRIOR_UNITS * of_all) / (of_department + _STORE_PRIOR_UNITS)
    return share


def _features(
    panel: Panel, stores: StorePanel, chain_row: npt.NDArray[np.int64], log_shares: Floats, prior: Floats
) -> Floats:
    sold = stores.units > 0
    recent = sold[:, -26:]
    ago = np.where(sold.any(axis=1), sold[:, ::-1].argmax(axis=1), sold.shape[1])
    chain = panel.units[:, -26:].mean(axis=1)[chain_row]
    main = log_shares[:, _MAIN]
    return np.stack(
        [
            main,
            log_shares[:, 0] - main,
            log_shares[:, 1] - main,
            log_shares[:, 3] - main,
            np.log(np.maximum(prior, _LEAST_SHARE)) - main,
            recent.mean(axis=1),
            np.log1p(ago),
            np.log(chain + 0.05),
            np.log(np.maximum(stores.units[:, -26:].sum(axis=1), 1) / np.maximum(recent.sum(axis=1), 1)),
        ],
        axis=1,
    )
