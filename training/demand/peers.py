"""Peers of the demand benchmark: what others would run on the same panel. Nothing in production imports this."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from training.demand.baselines import counts_forecast
from training.demand.counts import LEAST_DISPERSION
from training.demand.errors import PeersMissing
from training.demand.forecast import LEVELS, Forecast
from training.demand.panel import Floats, Panel
from training.demand.peer_features import LEVEL, peer_features, peer_rows
from training.demand.plan import TRACKS, Plan, Track

AUTO_ETS: Final = "statsforecast_auto_ets"
TWEEDIE: Final = "lightgbm_tweedie_nb"

_INTERVALS: Final = (20, 40, 60, 80)  # central intervals whose edges are the levels 0.4 … 0.6, … 0.1 … 0.9
_TRAINING_WEEKS: Final = 26  # origins learnt from, the newest ones
_HELD_OUT: Final = 0.2  # share of products that tells the dispersion and when to stop
_N_BANDS: Final = 10  # of expected units, each with a dispersion of its own
_MOST_TREES: Final = 600
_LEAST_MEAN: Final = 1e-6
_PATIENCE: Final = 40  # trees without a gain on the products held out
_TREES: Final[dict[str, Any]] = {
    "objective": "tweedie",
    "tweedie_variance_power": 1.3,
    "learning_rate": 0.04,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "verbosity": -1,
}


def require_peers() -> None:
    """Check that the peers can be imported, before anything long begins.

    Raises:
        PeersMissing: If one of them is not installed.
    """
    for package in ("statsforecast", "lightgbm"):
        _load(package)


class AutoEts:
    """Nixtla's AutoETS without a season, one series after the other, normal intervals cut off at 0."""

    name: str = AUTO_ETS
    tracks: Sequence[Track] = ("none",)

    def forecast(self, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        """Forecast from the units alone."""
        del track
        models = _load("statsforecast.models")
        n_weeks = len(plan.weeks)
        quantiles = np.zeros((len(panel), n_weeks, len(LEVELS)))
        mean = np.zeros((len(panel), n_weeks))
        for row, units in enumerate(panel.units):
            said = models.AutoETS(season_length=1).forecast(y=units, h=n_weeks, level=list(_INTERVALS))
            mean[row] = said["mean"]
            low = [said[f"lo-{share}"] for share in reversed(_INTERVALS)]
            high = [said[f"hi-{share}"] for share in _INTERVALS]
            quantiles[row] = np.stack([*low, said["mean"], *high], axis=1)
        quantiles = np.maximum.accumulate(np.maximum(quantiles, 0), axis=2)
        spread = (quantiles[:, :, -1] - quantiles[:, :, 0]) / 2.5631  # standard deviations between q10 and q90
        expected = np.maximum(mean, 0)
        excess = (spread**2 - expected) / np.maximum(expected, 0.1) ** 2
        dispersion = np.maximum(excess, LEAST_DISPERSION)
        return Forecast(panel.product_ids, None, panel.weeks[-1], plan.weeks, expected, dispersion, quantiles)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Trees of one track, and the dispersion by expected units."""

    booster: Any
    log_means: Floats
    dispersions: Floats


class TweedieTrees:
    """LightGBM with Tweedie loss on lags, means, promotions and prices; a negative binomial around its mean.

    One model per track. The dispersion comes from products held out, by bands of expected units: residuals of the
    products learnt from would make it too sure.

    Args:
        known: Weeks to learn from.
        horizon_weeks: Weeks it will be asked for.
        seed: Of the trees and of the choice of products held out.
        tracks: Tracks it will be asked for.
    """

    name: str = TWEEDIE

    def __init__(self, known: Panel, *, horizon_weeks: int, seed: int, tracks: Sequence[Track] = TRACKS) -> None:
        self.tracks = tracks
        self._fitted = {track: _fit(known, horizon_weeks, seed, track) for track in tracks}

    def forecast(self, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        """Forecast from the last weeks and what the track knows of the plan."""
        fitted = self._fitted[track]
        features = peer_features(panel, plan, track)  # (P * H, F)
        mean = _predict(fitted.booster, features).reshape(len(panel), len(plan.weeks)) * plan.uplift
        dispersion = np.interp(np.log(mean), fitted.log_means, fitted.dispersions)
        return counts_forecast(panel, plan, mean, dispersion)


def _fit(known: Panel, horizon_weeks: int, seed: int, track: Track) -> _Fitted:
    lightgbm = _load("lightgbm")
    features, units, product = peer_rows(known, horizon_weeks, track, n_origins=_TRAINING_WEEKS)
    held_out = np.random.default_rng(seed).uniform(size=len(known)) < _HELD_OUT
    aside = held_out[product]
    start = np.log(features[:, LEVEL])
    training = lightgbm.Dataset(features[~aside], units[~aside], init_score=start[~aside])
    judging = lightgbm.Dataset(features[aside], units[aside], init_score=start[aside], reference=training)
    booster = lightgbm.train(
        {**_TREES, "seed": seed},
        training,
        num_boost_round=_MOST_TREES,
        valid_sets=[judging],
        callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
    )
    return _Fitted(booster, *_dispersion_by_mean(units[aside], _predict(booster, features[aside])))


def _predict(booster: Any, features: Floats) -> Floats:
    """Expect units: the recent level times what the trees make of it."""
    mean: Floats = features[:, LEVEL] * np.exp(booster.predict(features, raw_score=True))
    return np.maximum(mean, _LEAST_MEAN)


def _dispersion_by_mean(units: Floats, mean: Floats) -> tuple[Floats, Floats]:
    """Estimate the dispersion in bands of expected units: log means, ascending, and dispersions."""
    parts = np.array_split(np.argsort(mean, kind="stable"), min(_N_BANDS, len(mean)))
    centres = [np.log(mean[part]).mean() for part in parts]
    excess = [((units[part] - mean[part]) ** 2 - mean[part]).sum() / (mean[part] ** 2).sum() for part in parts]
    return np.array(centres), np.maximum(excess, LEAST_DISPERSION)


def _load(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise PeersMissing(package=module.partition(".")[0]) from None
