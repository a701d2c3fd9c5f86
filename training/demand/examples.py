"""Training rows: what was known at origins of the past, and what then sold."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.demand import ForecasterSettings
from training.demand.errors import HistoryTooShort, NothingToLearn
from training.demand.inputs import Inputs, inputs_of, stack
from training.demand.panel import Flags, Floats, Panel
from training.demand.plan import TRACKS, Plan, Track
from training.demand.state import state_of

_LEAST_WEEKS: Final = 8  # of history before the first origin
_DRAWN_BY: Final = 2  # kernel of 13 weeks: rows are drawn by the root of what their product sells
_DRAWN_EASING: Final = 0.2  # units per week added before the root
_LEAST_OTHERS: Final = 20  # products that sell seldom, where there are so many
_HELD_OUT: Final = 20  # one product in so many validates


@dataclass(frozen=True, eq=False)
class Examples:
    """N training rows.

    Attributes:
        inputs: Of each track.
        units: (N,) sold.
        held_out: (N,) rows of a twentieth of the products, which choose the epoch.
    """

    inputs: dict[Track, Inputs]
    units: npt.NDArray[np.float32]
    held_out: Flags

    def __len__(self) -> int:
        return len(self.units)


def gather_examples(panel: Panel, settings: ForecasterSettings, horizon: int, seed: int) -> Examples:
    """Walk the past origin by origin; at each, the panel before it says what is known and the weeks after it teach.

    Args:
        panel: Ends where training ends.
        settings: How many rows to draw, and of which products.
        horizon: Weeks ahead.
        seed: Of the draw.

    Raises:
        HistoryTooShort: If the panel holds too few weeks to learn from.
        NothingToLearn: If nothing sold in the weeks to learn from.
    """
    origins = training_origins(panel, settings)
    if len(origins) == 0:
        raise HistoryTooShort(purpose="train on", n_weeks=len(panel.weeks), least=_LEAST_WEEKS + 1)
    if not (panel.units[:, origins[0] :] > 0).any():
        raise NothingToLearn(n_products=len(panel), first_week=panel.weeks[origins[0]], last_week=panel.weeks[-1])
    rng = np.random.default_rng(seed)
    per_origin = settings.max_rows // len(origins)
    parts = [_at_origin(panel, t, per_origin, settings, horizon, rng) for t in origins]
    inputs = {track: stack([part.inputs[track] for part in parts]) for track in TRACKS}
    units, held_out = (np.concatenate([getattr(part, name) for part in parts]) for name in ("units", "held_out"))
    if not held_out.any():  # a handful of products: better no unseen one than none to learn from
        held_out[::_HELD_OUT] = True
    return Examples(inputs, units, held_out)


def training_origins(panel: Panel, settings: ForecasterSettings) -> list[int]:
    """List how many weeks are known at each origin, oldest first: the last ones that leave a week to learn from."""
    n_weeks = len(panel.weeks)
    first = max(_LEAST_WEEKS, n_weeks - settings.n_origins)
    return list(range(first, n_weeks))


def eligible(units: Floats, settings: ForecasterSettings, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Choose products to learn from by their units (P, W) so far.

    All that sell often, and some of the others, so that the model has met them.
    """
    sold = units > 0
    weeks_sold = sold.sum(axis=1)
    weeks_on_sale = units.shape[1] - sold.argmax(axis=1)
    often = (weeks_sold >= settings.least_selling_share * weeks_on_sale) & (weeks_sold > 0)
    others = np.flatnonzero(~often)
    n_others = min(len(others), round(settings.rare_share * often.sum()) + _LEAST_OTHERS)
    drawn = rng.choice(others, n_others, replace=False)
    return np.sort(np.concatenate([np.flatnonzero(often), drawn])).astype(np.int64)


def _at_origin(
    panel: Panel, n_known: int, n_rows: int, settings: ForecasterSettings, horizon: int, rng: np.random.Generator
) -> Examples:
    """Form one origin's rows; products learnt from stand for the whole panel, whose others hardly sell."""
    products = eligible(panel.units[:, :n_known], settings, rng)
    chosen = panel.take(products)
    history, future = chosen.until(panel.weeks[n_known]), chosen.since(panel.weeks[n_known])
    future = future.until(panel.weeks[n_known] + np.timedelta64(7 * horizon, "D"))
    state, plan = state_of(history), Plan.observed(future)
    n_ahead = len(future.weeks)
    rows = np.flatnonzero(~future.stocked_out.ravel())
    if len(rows) > n_rows:
        often = np.sqrt(state.plain[:, _DRAWN_BY] + _DRAWN_EASING)[rows // n_ahead]
        rows = np.sort(rng.choice(rows, n_rows, replace=False, p=often / often.sum()))
    inputs = {track: inputs_of(state, plan, track).take(rows) for track in TRACKS}
    held_out = products[rows // n_ahead] % _HELD_OUT == _HELD_OUT - 1
    return Examples(inputs, future.units.ravel()[rows].astype(np.float32), held_out)
