"""Demand shocks: an AR(1) of each product, one its category shares, and a season all share."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.demand.panel import Floats


@dataclass(frozen=True)
class Shock:
    """An AR(1): standard deviation and correlation from week to week."""

    sd: float
    memory: float

    def covariance(self, n_weeks: int) -> Floats:
        """(W, W) covariance of the weeks."""
        week = np.arange(n_weeks)
        matrix: Floats = self.sd**2 * self.memory ** np.abs(week[:, None] - week[None, :])
        return matrix

    @classmethod
    def likeliest(cls, variance: float, neighbours: float) -> "Shock":
        """Give the AR(1) with a mean square per week and a mean product of neighbouring weeks."""
        variance = max(variance, 1e-6)
        return cls(float(np.sqrt(variance)), float(np.clip(neighbours / variance, 0.0, 0.95)))


def precision_of_responses(weight: Floats, covariance: Floats) -> Floats:
    """Invert noise plus shock for every product, where weeks of weight 0 say nothing.

    Args:
        weight: (P, W) inverse noise variances.
        covariance: (W, W) of the shocks.

    Returns:
        (P, W, W) inverse of diag(1 / weight) + covariance, with rows of nought where the weight is 0.
    """
    root = np.sqrt(weight)
    inner = root[:, :, None] * covariance * root[:, None, :]
    inner[:, np.arange(weight.shape[1]), np.arange(weight.shape[1])] += 1
    inverse: Floats = np.linalg.inv(inner).astype(np.float64, copy=False)
    inverse *= root[:, :, None]
    inverse *= root[:, None, :]
    return inverse


@dataclass(frozen=True, eq=False)
class CommonWeeks:
    """What moves the weeks of a category: its own shock and the season of all.

    Attributes:
        mean: (C, W) expected effect on log units.
        shock: The likeliest category shock, given the data.
    """

    mean: Floats
    shock: Shock


def common_weeks(information: Floats, evidence: Floats, shock: Shock, season_sd: float) -> CommonWeeks:
    """Find the weeks that categories and the chain share.

    Args:
        information: (C, W, W) precision of a category's weeks from its products.
        evidence: (C, W) information times estimate.
        shock: Prior of a category's shock.
        season_sd: Prior of a week of the chain.
    """
    n_weeks = evidence.shape[1]
    prior = np.linalg.inv(shock.covariance(n_weeks))
    own = np.linalg.inv(information + prior)  # (C, W, W) of the shock, given the season
    lost = information @ own
    of_chain = (information - lost @ information).sum(axis=0) + np.eye(n_weeks) / season_sd**2
    spread = np.linalg.inv(of_chain)
    season = spread @ (evidence - np.einsum("cij,cj->ci", lost, evidence)).sum(axis=0)
    around = np.einsum("cij,cj->ci", own, evidence - information @ season)
    reach = own @ information
    square = own + reach @ spread @ np.swapaxes(reach, 1, 2) + around[:, :, None] * around[:, None, :]
    return CommonWeeks(season + around, Shock.likeliest(*neighbour_moments(square)))


def neighbour_moments(square: Floats) -> tuple[float, float]:
    """Mean of the diagonals, and of the first off-diagonals, of (N, W, W) expected squares."""
    diagonal = np.einsum("nii->ni", square)
    beside = np.einsum("nii->ni", square[:, 1:, :-1])
    inner = diagonal[:, 1:].mean() + diagonal[:, :-1].mean()
    return float(inner / 2), float(beside.mean())


def sums_by(groups: npt.NDArray[np.int64], values: Floats, n_groups: int) -> Floats:
    """Add up rows of a group; (G, ...)."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(n_groups))
    sums: Floats = np.add.reduceat(values[order], starts, axis=0)
    return sums
