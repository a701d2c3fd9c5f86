"""Fit the split among stores on what stores sold after origins of the past."""

from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from configs.demand import StoreSettings
from training.demand.forecaster import LEAST_WEEKS, Forecaster
from training.demand.network import negative_binomial_loss
from training.demand.panel import Floats, Panel, StorePanel
from training.demand.plan import Plan, Track
from training.demand.store_split import StoreSplit, pair_state, positions_of

if TYPE_CHECKING:
    import numpy.typing as npt

_BATCH_PAIRS: Final = 4096
_HORIZON: Final = 4
_TRACK: Final[Track] = "full"  # shares are learnt under the sharpest chain forecast, so that they mend nothing of it


def fit_store_split(
    forecaster: Forecaster, panel: Panel, stores: StorePanel, settings: StoreSettings, seed: int
) -> tuple[StoreSplit, float]:
    """Fit shares and dispersion by likelihood, given what the forecaster expects of the chain.

    Pairs that sell often are drawn more often.

    Returns:
        The split, and its mean loss over the last tenth of the steps.
    """
    rng = np.random.default_rng(seed)
    origins = range(max(LEAST_WEEKS, len(panel.weeks) - settings.n_origins), len(panel.weeks))
    stores = _draw(stores, settings.max_pairs, rng)
    products = np.unique(positions_of(stores.product_ids, panel.product_ids, "panel"))
    parts = [_rows(forecaster, panel, products, stores, n_known) for n_known in origins]
    log_shares, features, log_chain, units, known = (
        torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True)
    )
    model = StoreSplit(seed)
    model.standardise(features.numpy())
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    losses = []
    for step in range(settings.n_steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * (1 - step / settings.n_steps)
        rows = torch.from_numpy(rng.integers(0, len(units), _BATCH_PAIRS))
        share, log_dispersion = model(log_shares[rows], features[rows], log_chain[rows])
        mask = known[rows]
        log_mean = (share[:, None] + log_chain[rows])[mask]
        loss = negative_binomial_loss(units[rows][mask], log_mean, log_dispersion[mask])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    return model.eval().requires_grad_(False), float(np.mean(losses[-max(len(losses) // 10, 1) :]))


def _draw(stores: StorePanel, n: int, rng: np.random.Generator) -> StorePanel:
    if len(stores) <= n:
        return stores
    often = (stores.units[:, -52:] > 0).sum(axis=1) + 0.2
    rows: npt.NDArray[np.int64] = np.sort(rng.choice(len(stores), n, replace=False, p=often / often.sum()))
    return StorePanel(stores.product_ids[rows], stores.store_ids[rows], stores.weeks, stores.units[rows])


def _rows(
    forecaster: Forecaster, panel: Panel, products: "npt.NDArray[np.int64]", stores: StorePanel, n_known: int
) -> tuple[Floats, ...]:
    """Form one origin's rows; horizons that the panel does not reach are marked unknown."""
    history, future = panel.until(panel.weeks[n_known]), panel.since(panel.weeks[n_known])
    future = future.until(panel.weeks[n_known] + np.timedelta64(7 * _HORIZON, "D"))
    forecast = forecaster.forecast(history.take(products), Plan.observed(future.take(products)), track=_TRACK)
    past = StorePanel(stores.product_ids, stores.store_ids, history.weeks, stores.units[:, :n_known])
    pairs = pair_state(history, past)
    row = positions_of(stores.product_ids, forecast.product_ids, "forecast")
    n_ahead = len(future.weeks)
    log_chain = np.zeros((len(stores), _HORIZON))
    units, known = np.zeros_like(log_chain), np.zeros_like(log_chain, dtype=bool)
    log_chain[:, :n_ahead] = np.log(np.maximum(forecast.mean, 1e-9))[row]
    units[:, :n_ahead] = stores.units[:, n_known : n_known + n_ahead]
    known[:, :n_ahead] = True
    floats = tuple(part.astype(np.float32) for part in (pairs.log_shares, pairs.features, log_chain, units))
    return (*floats, known)
