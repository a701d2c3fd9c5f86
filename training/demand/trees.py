"""Boosted trees for the mean: a correction of the structured level, learnt from the same inputs."""

from collections.abc import Callable
from typing import Final

import lightgbm
import numpy as np
import numpy.typing as npt

from configs.demand import TreeSettings
from training.demand.inputs import Inputs
from training.demand.panel import Floats

_LARGEST_SEED: Final = 2**31 - 1
_LARGEST_LOG_MEAN: Final = 12.0
_LEAST_CURVATURE: Final = 1e-3


def fit_trees(inputs: Inputs, units: npt.NDArray[np.float32], settings: TreeSettings, seed: int) -> lightgbm.Booster:
    """Fit one track's trees by negative-binomial likelihood, with the level and response as offset.

    Tweedie deviance weighs fast sellers by a power of their volume; here weights level off with the mean instead, as
    the variance of counts that vary beyond chance does.
    """
    rows = lightgbm.Dataset(columns_of(inputs), units, init_score=inputs.reference.astype(np.float64))
    parameters = {
        "objective": _gradient_of(settings.dispersion),
        "num_leaves": settings.num_leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": min(settings.least_rows, max(len(inputs) // 20, 1)),
        "min_sum_hessian_in_leaf": min(20.0, len(inputs) / 100),
        "feature_fraction": 0.6,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "max_delta_step": 0.5,  # without it a leaf of rows that sold nothing can leap by orders of magnitude
        "max_bin": 127,
        "seed": seed % _LARGEST_SEED,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": settings.n_threads,
        "verbosity": -1,
    }
    return lightgbm.train(parameters, rows, num_boost_round=settings.n_trees)


def _gradient_of(dispersion: float) -> Callable[[Floats, lightgbm.Dataset], tuple[Floats, Floats]]:
    """Make the objective: gradient and curvature of the negative log-likelihood in the log mean."""

    def objective(log_mean: Floats, rows: lightgbm.Dataset) -> tuple[Floats, Floats]:
        units = np.asarray(rows.get_label(), dtype=np.float64)
        mean = np.exp(np.clip(log_mean, -_LARGEST_LOG_MEAN, _LARGEST_LOG_MEAN))
        spread = 1 + dispersion * mean
        return (mean - units) / spread, mean * (1 + dispersion * units) / spread**2 + _LEAST_CURVATURE

    return objective


def predict_trees(trees: lightgbm.Booster, inputs: Inputs) -> Floats:
    """Forecast the log mean of each row: (N,)."""
    correction = trees.predict(columns_of(inputs), raw_score=True)
    log_mean: Floats = np.asarray(correction, dtype=np.float64) + inputs.reference
    return log_mean


def columns_of(inputs: Inputs) -> npt.NDArray[np.float32]:
    """Join what trees read: (N, F + C) inputs, and what each smoother expects over the reference."""
    return np.concatenate([inputs.values, inputs.candidates - inputs.reference[:, None]], axis=1)


def trees_text(trees: lightgbm.Booster) -> str:
    """Write trees in LightGBM's own text form."""
    return str(trees.model_to_string())


def trees_of(text: str) -> lightgbm.Booster:
    """Read trees back."""
    return lightgbm.Booster(model_str=text)
