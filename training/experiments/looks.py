"""The difference between two arms as it stands each day, with what customers did before taken off."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.experiments.sequential import always_valid_p, radius

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Looks:
    """What each day's look says; all per customer and day.

    Attributes:
        control: (T,) mean of the control arm up to each day.
        difference: (T,) treatment minus control.
        variance: (T,) of the difference.
    """

    control: Floats
    difference: Floats
    variance: Floats

    def intervals(self, rho: float, alpha: float) -> tuple[Floats, Floats]:
        """Give (T,) lower and (T,) upper ends that hold at all looks together."""
        half = radius(self.variance, rho, alpha)
        return self.difference - half, self.difference + half

    def p_values(self, rho: float) -> Floats:
        """Give (T,) p-values that may be read at every look."""
        return always_valid_p(self.difference / self.variance, 1 / self.variance, rho)


def look_daily(outcomes: Floats, before: Floats, treated: npt.NDArray[np.bool_]) -> Looks:
    """Compare the arms at the end of every day.

    The mean of a customer up to that day is corrected by what he did before the experiment, with one slope for both
    arms, so that who happened to be in which arm matters less.

    Args:
        outcomes: (C, T) of each customer on each day; 0 on days without purchases.
        before: (C,) mean per day before the experiment.
        treated: (C,) who is in the treatment arm; the others are the control.

    Source: Deng, Xu, Kohavi and Walker (2013), "CUPED", section 3.
    """
    means = outcomes.cumsum(axis=1) / np.arange(1, outcomes.shape[1] + 1)  # (C, T)
    arms = (~treated, treated)
    centred_x = [before[arm] - before[arm].mean() for arm in arms]
    centred_y = [means[arm] - means[arm].mean(axis=0) for arm in arms]
    spread = sum(float(x @ x) for x in centred_x)
    slope = sum(x @ y for x, y in zip(centred_x, centred_y, strict=True)) / spread if spread > 0 else 0.0  # (T,)
    variance = np.zeros(means.shape[1])
    for x, y in zip(centred_x, centred_y, strict=True):
        residual = y - x[:, None] * slope
        variance += (residual**2).sum(axis=0) / max(len(x) - 1, 1) / len(x)
    gap = before[treated].mean() - before[~treated].mean()
    control, treatment = means[~treated].mean(axis=0), means[treated].mean(axis=0)
    return Looks(control, treatment - control - slope * gap, np.maximum(variance, np.finfo(np.float64).tiny))


def foreseen_variance(history: Floats, n_days: int, shares: tuple[float, float]) -> float:
    """Foresee the variance of the difference at the planned end from days before the experiment alone.

    The last `n_days` of the history play the experiment, the days before them its history.

    Args:
        history: (C, H) outcomes on the days before; H above `n_days`, or half of it is taken.
        n_days: Planned length.
        shares: Of control and treatment among the customers.
    """
    played = min(n_days, history.shape[1] // 2)
    y, x = history[:, -played:].mean(axis=1), history[:, :-played].mean(axis=1)
    centred_y, centred_x = y - y.mean(), x - x.mean()
    spread = float(centred_x @ centred_x)
    slope = float(centred_x @ centred_y) / spread if spread > 0 else 0.0
    residual = centred_y - slope * centred_x
    whole = float(residual @ residual) / max(len(y) - 1, 1) / len(y)
    return max(whole * (1 / shares[0] + 1 / shares[1]), float(np.finfo(np.float64).tiny))
