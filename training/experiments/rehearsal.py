"""Experiments that never were, on what customers really did: how often nothing is called an effect, and how often one.

Every run draws a window of days and customers with replacement, assigns them by the hash under a name of its own, and
looks every day as a real experiment does. Without an effect planted, every call is a false alarm.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from configs.experiments import ExperimentSettings
from training.evaluation_results import Result
from training.experiments.assignment import arms_of
from training.experiments.errors import PeriodTooShort, TooFewUnits
from training.experiments.looks import Looks, foreseen_variance, look_daily
from training.experiments.sequential import tuned
from training.experiments.switch_back import foreseen_squares, look_by_pair, treated_first

Floats = npt.NDArray[np.float64]

_HALVES = (0.5, 0.5)
_T_TEST = float(stats.norm.ppf(0.975))


class Rate(Result):
    """How often experiments with one effect were called.

    Attributes:
        lift: Effect planted, as a share of what treated customers spent; 0 for none.
        n_runs: Experiments.
        called: Share called at any look.
        called_interval: Clopper-Pearson, 95%.
        median_day: Day of the first call, over those called; None where none was.
        called_naively: Share that a t-test at 5% would have called at any of the same looks.
        called_at_end: Share that the same t-test would have called if looked at once, on the last day.
        worse: Share called in the wrong direction.
    """

    lift: float
    n_runs: int
    called: float
    called_interval: tuple[float, float]
    median_day: float | None
    called_naively: float
    called_at_end: float
    worse: float


class Rehearsal(Result):
    """All effects of one rehearsal; the first is none.

    Attributes:
        n_customers: Customers drawn from.
        n_stores: Stores that switch from day to day.
        n_days_of_data: Days drawn from.
        days: Length of each experiment.
        history_days: Days before it that are taken off.
        customers: What experiments on customers called.
        stores: What switch-backs of days called.
    """

    n_customers: int
    n_stores: int
    n_days_of_data: int
    days: int
    history_days: int
    customers: tuple[Rate, ...]
    stores: tuple[Rate, ...]


@dataclass(frozen=True)
class _Run:
    """One made-up experiment; days from 1, 0 where nothing was called."""

    day: int
    worse: bool
    naively: bool
    at_end: bool


def rehearse(daily: Floats, by_store: Floats, settings: ExperimentSettings) -> Rehearsal:
    """Run experiments with and without an effect.

    Args:
        daily: (C, D) of each customer on each day of the data.
        by_store: (S, D) of each store on the same days.
        settings: Length, runs, effects, probability of a false alarm.

    Raises:
        PeriodTooShort: If the data does not hold history and experiment.
        TooFewUnits: If half of the customers are too few for an arm.
    """
    plan = settings.rehearsal
    needed = settings.history_days + plan.days
    if daily.shape[1] < needed:
        raise PeriodTooShort(n_days=daily.shape[1], needed=needed)
    if daily.shape[0] // 2 < settings.min_units:
        raise TooFewUnits(arm="control", n_units=daily.shape[0] // 2, limit=settings.min_units)
    lifts = (0.0, *plan.lifts)
    return Rehearsal(
        n_customers=daily.shape[0],
        n_stores=by_store.shape[0],
        n_days_of_data=daily.shape[1],
        days=plan.days,
        history_days=settings.history_days,
        customers=tuple(_rate(_run, daily, settings, lift) for lift in lifts),
        stores=tuple(_rate(_store_run, by_store, settings, lift) for lift in lifts),
    )


def _rate(
    run: Callable[[Floats, ExperimentSettings, float, str, np.random.Generator], _Run],
    daily: Floats,
    settings: ExperimentSettings,
    lift: float,
) -> Rate:
    n_runs = settings.rehearsal.n_runs
    generator = np.random.default_rng(settings.rehearsal.seed)
    runs = [run(daily, settings, lift, f"rehearsal-{number}", generator) for number in range(n_runs)]
    days = [one.day for one in runs if one.day]
    spread = stats.binomtest(len(days), n_runs).proportion_ci(0.95)
    return Rate(
        lift=lift,
        n_runs=n_runs,
        called=len(days) / n_runs,
        called_interval=(float(spread.low), float(spread.high)),
        median_day=float(np.median(days)) if days else None,
        called_naively=float(np.mean([one.naively for one in runs])),
        called_at_end=float(np.mean([one.at_end for one in runs])),
        worse=float(np.mean([one.worse for one in runs])),
    )


def _run(daily: Floats, settings: ExperimentSettings, lift: float, name: str, generator: np.random.Generator) -> _Run:
    n_customers, n_data_days = daily.shape
    days, history_days = settings.rehearsal.days, settings.history_days
    start = int(generator.integers(history_days, n_data_days - days + 1))
    drawn = generator.integers(0, n_customers, n_customers)
    history = daily[drawn, start - history_days : start]
    treated = arms_of(name, map(str, range(n_customers)), _HALVES) == 1
    outcomes = daily[drawn, start : start + days] * np.where(treated, 1 + lift, 1.0)[:, None]
    return _called(look_daily(outcomes, history.mean(axis=1), treated), history, settings)


def _called(looks: Looks, history: Floats, settings: ExperimentSettings) -> _Run:
    alpha = settings.false_alarm
    rho = tuned(1 / foreseen_variance(history, settings.rehearsal.days, _HALVES), alpha)
    called = np.flatnonzero(looks.p_values(rho) <= alpha)
    naive = np.abs(looks.difference) > _T_TEST * np.sqrt(looks.variance)
    return _Run(
        day=int(called[0]) + 1 if len(called) else 0,
        worse=bool(len(called) and looks.difference[called[0]] < 0),
        naively=bool(naive.any()),
        at_end=bool(naive[-1]),
    )


def _store_run(
    by_store: Floats, settings: ExperimentSettings, lift: float, name: str, generator: np.random.Generator
) -> _Run:
    """Let stores switch from day to day; the days are drawn, the stores are all of them."""
    n_stores, n_data_days = by_store.shape
    days, history_days = settings.rehearsal.days, settings.history_days
    start = int(generator.integers(history_days, n_data_days - days + 1))
    units = [str(store) for store in range(n_stores)]
    first = treated_first(name, units, days // 2)
    treated = np.stack([first, ~first], axis=2).reshape(n_stores, -1)  # (S, 2P)
    looks = look_by_pair(first, by_store[:, start : start + treated.shape[1]] * np.where(treated, 1 + lift, 1.0))
    history = by_store[:, start - history_days : start]
    rho = tuned(foreseen_squares(history, days // 2), settings.false_alarm)
    called = np.flatnonzero(looks.p_values(rho) <= settings.false_alarm)
    sums, squares = looks.steps.sum(axis=1).cumsum(), (looks.steps**2).sum(axis=1).cumsum()
    naive = np.abs(sums) > _T_TEST * np.sqrt(squares)
    return _Run(
        day=2 * (int(called[0]) + 1) if len(called) else 0,
        worse=bool(len(called) and sums[called[0]] < 0),
        naively=bool(naive.any()),
        at_end=bool(naive[-1]),
    )
