"""Inputs of the networks and trees: candidates for the level, and what speaks for a departure from it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.demand.panel import Floats
from training.demand.plan import Plan, Track
from training.demand.responses import DRIVERS, Known, drivers_of
from training.demand.state import State, promoted

_REFERENCE: Final = 5  # column of the kernels: half-life of five weeks
_SLOW: Final = 3  # column of the kernels: 26 weeks
_LIKENESS: Final = np.array([0.05, 0.06, 0.15, 0.15])  # how far apart drivers are alike, in the order of drivers
_EASING: Final = 0.3  # units added before a logarithm, so that nought stays near
_WIDEST: Final = 4.0  # log ratios are cut here
_LONGEST: Final = 26  # weeks; longer ago is all one, or trees would tell the weeks of the calendar by it
KNOWN: Final[dict[Track, Known]] = {"none": "full", "promo": "promo", "full": "full"}

Inputs32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What one track knows of N rows: a product in a week ahead.

    Attributes:
        values: (N, F) float32.
        candidates: (N, C) log units per week that each smoother expects, response included; IMAPA last.
        reference: (N,) log units per week: the level that inputs are measured from, response included.
    """

    values: Inputs32
    candidates: Inputs32
    reference: Inputs32

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: npt.NDArray[np.int64]) -> "Inputs":
        """Keep some rows."""
        return Inputs(self.values[rows], self.candidates[rows], self.reference[rows])


def stack(parts: list[Inputs]) -> Inputs:
    """Put rows below each other."""
    return Inputs(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.candidates for part in parts]),
        np.concatenate([part.reference for part in parts]),
    )


def inputs_of(state: State, plan: Plan, track: Track) -> Inputs:
    """Form the inputs of every product and week ahead: rows product by product, weeks ascending.

    Args:
        state: What is known.
        plan: Weeks ahead; each track reads what it may know and no more.
        track: `none`, `promo` or `full`.
    """
    shape = (len(state), len(plan.weeks))
    last = state.history.shelf_price[:, -1]
    ahead = drivers_of(plan, state.reference, last)
    known = KNOWN[track]
    lift = np.zeros(shape) if track == "none" else state.responses[known].lift(ahead)
    fixed = _of_products(state, known)
    columns = [np.repeat(fixed[:, None], shape[1], axis=1), _of_weeks(plan, shape)]
    if track != "none":
        columns.append(_of_plan(state, ahead, lift, known))
        columns.append(_alike(state, ahead, known))
    if track == "full":
        columns.append(_of_prices(state, ahead))
    values = np.concatenate(columns, axis=2).reshape(shape[0] * shape[1], -1)
    candidates = _candidates(state, lift, track)
    reference = np.log(state.base[known][:, _REFERENCE, None]) + lift
    return Inputs(
        values.astype(np.float32),
        candidates.reshape(len(values), -1).astype(np.float32),
        reference.reshape(-1).astype(np.float32),
    )


def _candidates(state: State, lift: Floats, track: Track) -> Floats:
    """List the smoothers' log expectations: (P, H, C). Without a plan, plain means stand beside de-promoted ones."""
    base = np.log(state.base[KNOWN[track]])[:, None] + lift[:, :, None]  # (P, H, 7)
    plain = np.log(np.concatenate([state.plain, state.smoothed[:, None]], axis=1))  # (P, 8), IMAPA last
    return np.concatenate([base, np.repeat(plain[:, None], lift.shape[1], axis=1)], axis=2)


def _of_products(state: State, known: Known) -> Floats:
    """Describe each product: (P, F)."""
    units, drivers = state.units, state.drivers
    level = state.base[known][:, _REFERENCE]
    past_lift = state.responses[known].lift(drivers)
    n_weeks = units.shape[1]
    lags = _lags(units, 4)
    lag_lift = _lags(past_lift, 4)
    surprise = _log_ratio(lags, level[:, None] * np.exp(lag_lift))
    recent = promoted(drivers)
    responses = state.responses[known]
    columns = [
        np.log(level)[:, None],
        _log_ratio(state.base[known][:, [0, 1, 2, 3, 4, 6]], level[:, None]),
        _log_ratio(state.plain[:, [0, 1, 3]], level[:, None]),
        _log_ratio(state.smoothed, level)[:, None],
        surprise,
        lag_lift,
        past_lift[:, -26:].mean(axis=1, keepdims=True),
        _zero_share(state, 4)[:, None],
        _zero_share(state, 13)[:, None],
        _since(units > 0)[:, None],
        _since(recent)[:, None],
        recent[:, -26:].mean(axis=1, keepdims=True),
        np.log1p(np.minimum(n_weeks - state.history.first_sale, _LONGEST))[:, None] / 4,
        _roughness(units, level, past_lift)[:, None],
        state.growth[known],
        responses.values,
        drivers[:, -1, [1, 2, 3]],
        drivers[:, -4:, 1].mean(axis=1, keepdims=True),
        drivers[:, -1, [0]],
    ]
    return np.concatenate(columns, axis=1)


def _of_weeks(plan: Plan, shape: tuple[int, int]) -> Floats:
    """Describe the weeks ahead: (P, H, 3): horizon, and where in the month the week lies."""
    horizon = np.arange(1, shape[1] + 1) / 4
    middle = plan.weeks + np.timedelta64(3, "D")
    day = (middle - middle.astype("datetime64[M]")).astype(np.int64)
    angle = 2 * np.pi * day / 30.5
    return np.broadcast_to(np.stack([horizon, np.sin(angle), np.cos(angle)], axis=1), (*shape, 3))


def _of_plan(state: State, ahead: Floats, lift: Floats, known: Known) -> Floats:
    """Describe the promotion planned: (P, H, 8)."""
    now = state.drivers[:, -1:, 2:]
    last_lift = state.responses[known].lift(state.drivers)[:, -1:]
    usual = state.drivers[:, -26:, 2:].mean(axis=1, keepdims=True)
    planned = ahead[:, :, 2:]
    return np.concatenate(
        [planned, planned - now, planned - usual, lift[:, :, None], (lift - last_lift)[:, :, None]], axis=2
    )


def _alike(state: State, ahead: Floats, known: Known) -> Floats:
    """Compare past weeks that were promoted like the week ahead with what level and response say: (P, H, 2).

    The responses are log-linear; how a product sold at such a discount, display and mailer before tells the rest.
    First the log ratio of what sold to what was expected, then how much of the past is alike.
    """
    used = list(DRIVERS[known])
    past, widths = state.drivers[:, -_LONGEST:, used], _LIKENESS[used]
    expected = state.base[known][:, [_SLOW]] * np.exp(state.responses[known].lift(state.drivers[:, -_LONGEST:]))
    units, counted = state.units[:, -_LONGEST:], state.counted[:, -_LONGEST:]
    ages = np.arange(units.shape[1])[::-1]
    columns = []
    for week in range(ahead.shape[1]):
        apart = (((past - ahead[:, [week]][:, :, used]) / widths) ** 2).sum(axis=2)
        weight = np.where(counted, np.exp(-0.5 * apart) * 0.5 ** (ages / 13), 0)  # (P, W)
        usual = 2 * state.base[known][:, _SLOW]
        ratio = np.log(((weight * units).sum(axis=1) + usual) / ((weight * expected).sum(axis=1) + usual))
        columns.append(np.stack([ratio, np.log1p(weight.sum(axis=1))], axis=1))
    return np.stack(columns, axis=1)


def _of_prices(state: State, ahead: Floats) -> Floats:
    """Describe the prices planned: (P, H, 8), the rest of the category's discount last."""
    recent = state.drivers[:, -_LONGEST:, :2]
    paid, past_paid = ahead[:, :, [0]] - ahead[:, :, [1]], recent[:, :, [0]] - recent[:, :, [1]]
    deepest = past_paid.min(axis=1, keepdims=True)
    shelf, discount = ahead[:, :, [0]], ahead[:, :, [1]]
    now, usual = state.drivers[:, -1:, [1]], state.drivers[:, -26:, [1]].mean(axis=1, keepdims=True)
    change = shelf - state.drivers[:, -1:, [0]]
    columns = [shelf, change, discount, discount - now, discount - usual, paid, paid - deepest]
    return np.concatenate([*columns, _others(state, discount)], axis=2)


def _others(state: State, discount: Floats) -> Floats:
    """Average the discount of the rest of the category by what it sells: (P, H, 1)."""
    n_families = int(state.families.max(initial=-1)) + 1
    weight = state.plain[:, _SLOW, None, None]
    sums = np.zeros((n_families, *discount.shape[1:]))
    np.add.at(sums, state.families, weight * discount)
    of_others = np.maximum((sums[state.families] - weight * discount), 0)
    return of_others / (np.maximum(state.family_units[:, None, None] - weight, 0) + _EASING)


def _lags(values: Floats, n: int) -> Floats:
    """Take the last n weeks, latest first; nought before the panel begins."""
    padded = np.concatenate([np.zeros((len(values), n)), values], axis=1)
    return padded[:, : -n - 1 : -1]


def _log_ratio(values: Floats, level: Floats) -> Floats:
    ratio: Floats = np.log((values + _EASING) / (level + _EASING)).clip(-_WIDEST, _WIDEST)
    return ratio


def _zero_share(state: State, window: int) -> Floats:
    """Count the share of recent weeks on sale that sold nothing: (P,), 1 for a product never sold."""
    counted = state.counted[:, -window:]
    zero = (counted & (state.units[:, -window:] == 0)).sum(axis=1)
    n = counted.sum(axis=1)
    return np.where(n > 0, zero / np.maximum(n, 1), 1.0)


def _since(flags: npt.NDArray[np.bool_]) -> Floats:
    """Measure how many weeks ago something last was: (P,) log scale; half a year if longer, or never."""
    ago = np.where(flags.any(axis=1), flags[:, ::-1].argmax(axis=1), _LONGEST)
    since: Floats = np.log1p(np.minimum(ago, _LONGEST)) / 2
    return since


def _roughness(units: Floats, level: Floats, lift: Floats) -> Floats:
    """Measure how far recent weeks lie from level × response beyond chance: (P,) a moment estimate of dispersion."""
    mean = level[:, None] * np.exp(lift[:, -26:])
    excess = ((units[:, -26:] - mean) ** 2 - mean).sum(axis=1)
    prior = 4 * level**2  # four weeks' worth of the usual dispersion
    dispersion: Floats = (excess + 0.4 * prior) / ((mean**2).sum(axis=1) + prior)
    rough: Floats = np.log(dispersion.clip(0.02, 8))
    return rough
