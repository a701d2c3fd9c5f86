"""The two arms of an experiment compared in one measure: the same way for customers and for stores."""

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.experiments import CustomerExperiment, ExperimentSettings, Measure, SwitchBackExperiment
from features.columns import STORE_ID
from training.evaluation_results import Result
from training.experiments.errors import ExperimentNotBegun
from training.experiments.looks import foreseen_variance, look_daily
from training.experiments.outcomes import Lines, customer_days, store_blocks
from training.experiments.sequential import bound, radius, tuned
from training.experiments.switch_back import foreseen_squares, look_by_pair, treated_first

Floats = npt.NDArray[np.float64]


class Contrast(Result):
    """Treatment against control in one measure, per unit of `per`.

    Attributes:
        measure: What is compared.
        per: Of whom and when, such as `customer and day`.
        control: Mean of the control.
        difference: Treatment minus control.
        relative: The same as a share of the control; None where the control is 0.
        interval: Of the difference; holds at all looks together.
        p_value: May be read at every look.
        called_on: First look at which an effect was called; None while there is none.
    """

    measure: Measure
    per: str
    control: float
    difference: float
    relative: float | None
    interval: tuple[float, float]
    p_value: float
    called_on: date | None


class CustomerReader:
    """The contrasts of one experiment on customers."""

    def __init__(
        self,
        declared: CustomerExperiment,
        lines: Lines,
        settings: ExperimentSettings,
        customer_ids: list[str],
        treated: npt.NDArray[np.bool_],
        n_days: int,
    ) -> None:
        self._declared, self._lines, self._settings = declared, lines, settings
        self._customer_ids, self._treated, self._n_days = customer_ids, treated, n_days

    def contrast(self, measure: Measure, alpha: float) -> Contrast:
        """Compare the arms in one measure, with a probability of a false alarm of its own."""
        start, history = self._declared.start, self._history(measure)
        outcomes = customer_days(self._lines, measure, self._customer_ids, start, self._n_days)
        looks = look_daily(outcomes, history.mean(axis=1), self._treated)
        rho = tuned(1 / self._foreseen(history), alpha)
        low, high = looks.intervals(rho, alpha)
        p_values = looks.p_values(rho)
        return Contrast(
            measure=measure,
            per="customer and day",
            control=float(looks.control[-1]),
            difference=float(looks.difference[-1]),
            relative=_share(float(looks.difference[-1]), float(looks.control[-1])),
            interval=(float(low[-1]), float(high[-1])),
            p_value=float(p_values[-1]),
            called_on=_called(p_values, alpha, start, 1.0),
        )

    def detectable(self, measure: Measure, control: float) -> float | None:
        """Tell the effect that lies just outside the interval at the planned end."""
        variance = self._foreseen(self._history(measure))
        alpha = self._settings.false_alarm
        return _share(float(radius(np.array([variance]), tuned(1 / variance, alpha), alpha)[0]), control)

    def _history(self, measure: Measure) -> Floats:
        days = min(self._settings.history_days, (self._declared.start - self._lines.first).days)
        first = self._declared.start - timedelta(days=days)
        return customer_days(self._lines, measure, self._customer_ids, first, days)

    def _foreseen(self, history: Floats) -> float:
        share = float(self._treated.mean())
        return foreseen_variance(history, self._declared.days, (1 - share, share))


class StoreReader:
    """The contrasts of one experiment on stores."""

    def __init__(self, declared: SwitchBackExperiment, lines: Lines, settings: ExperimentSettings, n_days: int) -> None:
        self._declared, self._lines, self._settings = declared, lines, settings
        self._n_pairs = int(n_days * 24 / declared.block_hours) // 2
        if self._n_pairs == 0:
            raise ExperimentNotBegun(name=declared.name, start=declared.start, data_end=lines.last)
        self.store_ids = sorted(lines.before(declared.start).table[STORE_ID].unique().tolist())

    def contrast(self, measure: Measure, alpha: float) -> Contrast:
        """Compare the arms in one measure, with a probability of a false alarm of its own."""
        start, hours = self._declared.start, self._declared.block_hours
        outcomes = self._blocks(measure, pd.Timestamp(start), 2 * self._n_pairs)
        looks = look_by_pair(treated_first(self._declared.name, self.store_ids, self._n_pairs), outcomes)
        rho = tuned(self._foreseen(measure), alpha)
        p_values = looks.p_values(rho)
        return Contrast(
            measure=measure,
            per=f"store and {hours:g} hours",
            control=looks.control,
            difference=looks.difference,
            relative=_share(looks.difference, looks.control),
            interval=looks.interval(rho, alpha),
            p_value=float(p_values[-1]),
            called_on=_called(p_values, alpha, start, 2 * hours / 24),
        )

    def detectable(self, measure: Measure, control: float) -> float | None:
        """Tell the effect that lies just outside the bound at the planned end."""
        squares, alpha = self._foreseen(measure), self._settings.false_alarm
        n_steps = self._n_planned * max(len(self.store_ids), 1)
        return _share(float(bound(np.array([squares]), tuned(squares, alpha), alpha)[0]) / n_steps, control)

    @property
    def _n_planned(self) -> int:
        return max(int(self._declared.days * 24 / self._declared.block_hours) // 2, 1)

    def _foreseen(self, measure: Measure) -> float:
        """Foresee the sum of squares from the blocks before the start, as far as the data reaches."""
        hours, start = self._declared.block_hours, self._declared.start
        days = min(self._settings.history_days, (start - self._lines.first).days)
        n_before = max(int(days * 24 / hours) // 2 * 2, 2)
        first = pd.Timestamp(start) - pd.Timedelta(hours=n_before * hours)
        return foreseen_squares(self._blocks(measure, first, n_before), self._n_planned)

    def _blocks(self, measure: Measure, first: pd.Timestamp, n_blocks: int) -> Floats:
        return store_blocks(
            self._lines,
            measure,
            self.store_ids,
            first,
            n_blocks,
            block_hours=self._declared.block_hours,
            washout_hours=self._declared.washout_hours,
        )


def days_read(name: str, start: date, days: int, lines: Lines) -> int:
    """Count the days of an experiment in the data; the newest day may be cut short, so it waits."""
    n_days = min(days, (lines.last - start).days)
    if n_days < 1 or (start - lines.first).days < 2:
        raise ExperimentNotBegun(name=name, start=start, data_end=lines.last)
    return n_days


def _called(p_values: Floats, alpha: float, start: date, days_per_look: float) -> date | None:
    called = np.flatnonzero(p_values <= alpha)
    return start + timedelta(days=int((called[0] + 1) * days_per_look - 1)) if len(called) else None


def _share(difference: float, control: float) -> float | None:
    return difference / control if control > 0 else None
