"""What units do at a price: elasticity and demand noise, always through the same draws.

The draws are quantiles shared by all products, so the answer to one ask depends on no other ask and on no order.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import gammaincinv, ndtr, ndtri

from serving.pricing.assortment import Floats
from serving.pricing.cases import Cases

N_NODES: Final = 24  # quantiles of the elasticity that a search looks at
N_DRAWS: Final = 256  # joint draws of elasticity and demand behind an interval
N_SHAPES: Final = 48  # grid of the table of gamma quantiles
LEAST: Final = -1e-6  # elasticities are below 0
MAX_LOG_CHANGE: Final = 10.0  # of units; beyond lies nothing that guardrails would let through


@dataclass(frozen=True, eq=False)
class Draws:
    """Quantile levels in (0, 1), Latin: each of the D slices is hit once in every column.

    Attributes:
        elasticity: (D,) level of the elasticity.
        demand: (D,) level of the week's luck.
        count: (D,) standard normal score of the count around its rate.
        log_shapes: (T,) grid of the gamma's shape, logarithms.
        gammas: (T, D) quantiles of the gamma of mean 1 at the demand levels.
    """

    elasticity: Floats
    demand: Floats
    count: Floats
    log_shapes: Floats
    gammas: Floats

    @classmethod
    def of(cls, seed: int, n_draws: int = N_DRAWS) -> "Draws":
        """Draw once."""
        generator = np.random.default_rng(seed)
        levels = (np.stack([generator.permutation(n_draws) for _ in range(3)]) + 0.5) / n_draws  # (3, D)
        log_shapes = np.linspace(np.log(1e-3), np.log(1e6), N_SHAPES)
        shapes = np.exp(log_shapes)[:, None]
        gammas: Floats = gammaincinv(shapes, levels[1][None, :]) / shapes
        return cls(levels[0], levels[1], ndtri(levels[2]), log_shapes, gammas)

    def luck(self, dispersion: Floats) -> Floats:
        """Draw the factor on the mean that makes a Poisson count negative binomial; (B,) -> (B, D)."""
        at = np.clip(-np.log(np.maximum(dispersion, 1e-6)), self.log_shapes[0], self.log_shapes[-1])
        place = (at - self.log_shapes[0]) / (self.log_shapes[1] - self.log_shapes[0])
        below = np.minimum(place.astype(np.int64), N_SHAPES - 2)
        weight = (place - below)[:, None]
        luck: Floats = self.gammas[below] * (1 - weight) + self.gammas[below + 1] * weight
        return luck


NODES: Final = (np.arange(N_NODES) + 0.5) / N_NODES


def elasticity_quantiles(cases: Cases, levels: Floats) -> Floats:
    """Take quantiles of the normal cut off at 0; (D,) levels -> (B, D), all below 0."""
    mass = ndtr(-cases.location / cases.scale)[:, None]
    with np.errstate(invalid="ignore", over="ignore"):
        values = cases.location[:, None] + cases.scale[:, None] * ndtri(levels[None, :] * mass)
    quantiles: Floats = np.minimum(np.nan_to_num(values, nan=LEAST, posinf=LEAST, neginf=LEAST), LEAST)
    return quantiles


def elasticity_mean(cases: Cases) -> Floats:
    """Take the mean of the normal cut off at 0; (B,)."""
    end = -cases.location / cases.scale
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.exp(-0.5 * end**2) / np.sqrt(2 * np.pi) / ndtr(end)
    mean = cases.location - cases.scale * hazard
    return np.minimum(np.where(np.isfinite(mean), mean, LEAST), LEAST)


def expected_units(cases: Cases, prices: Floats, elasticity: Floats) -> Floats:
    """Expect units in the window at each price under each elasticity.

    Args:
        cases: B cases.
        prices: (B, K) USD.
        elasticity: (B, D).

    Returns:
        (B, K, D) mean units: units at the reference price times (price / reference) ** elasticity.
    """
    change = np.log(np.maximum(prices, 1e-9) / cases.reference[:, None])  # (B, K)
    exponent = change[:, :, None] * elasticity[:, None, :]
    np.clip(exponent, -MAX_LOG_CHANGE, MAX_LOG_CHANGE, out=exponent)
    return cases.units[:, None, None] * np.exp(exponent, out=exponent)


def sold(cases: Cases, means: Floats) -> Floats:
    """Expect what is sold of what is wanted when the stock ends: E[min(demand, stock)].

    The demand is taken as lognormal with the negative binomial's mean and variance.

    Args:
        cases: B cases.
        means: (B, K, D) mean demand.
    """
    limited = np.flatnonzero(np.isfinite(cases.stock))
    if not len(limited):
        return means
    mean, stock = means[limited], cases.stock[limited, None, None]
    variance = np.log1p(1 / mean + cases.dispersion[limited, None, None])  # of the demand's logarithm
    with np.errstate(divide="ignore"):
        room = (np.log(stock) - np.log(mean) + variance / 2) / np.sqrt(variance)
    result = means.copy()
    result[limited] = np.minimum(mean * ndtr(room - np.sqrt(variance)) + stock * ndtr(-room), stock)
    return result


def drawn_units(cases: Cases, draws: Draws, means: Floats) -> Floats:
    """Draw counts around their means, cut off at the stock; the same luck at every price.

    The Poisson's quantile is taken by Cornish and Fisher's expansion, rounded to whole units.

    Args:
        cases: B cases.
        draws: D draws.
        means: (B, K, D) mean demand under each draw's elasticity.
    """
    rate = means * draws.luck(cases.dispersion)[:, None, :]
    score = draws.count
    counts = np.rint(rate + score * np.sqrt(rate) + (score**2 - 1) / 6 * (rate > 0))
    return np.minimum(np.maximum(counts, 0.0), cases.stock[:, None, None])


def middle(values: Floats, coverage: float) -> tuple[Floats, Floats]:
    """Find the interval that holds the middle of the draws; over the last axis.

    >>> middle(np.arange(10.0)[None, :], 0.8)
    (array([1.]), array([8.]))
    """
    n_draws = values.shape[-1]
    low = round((1 - coverage) / 2 * n_draws)
    high = n_draws - 1 - low
    parted = np.partition(values, (low, high), axis=-1)
    return parted[..., low], parted[..., high]
