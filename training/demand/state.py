"""What is known of each product when a forecast is made: levels, responses and signs of change."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from training.demand.panel import Flags, Floats, Panel
from training.demand.responses import Known, Responses, drivers_of, fit_responses, reference_price
from training.demand.smoothers import fill_stock_outs, imapa, kernels, levels

NEWCOMER_WEEKS: Final = 8  # a product is new in the first weeks after its first sale
_LEAST_LEVEL: Final = 0.02  # units per week; what never sells is read as this
_NEWCOMER_PRIOR: Final = 5.0  # products that a wider group's newcomer level weighs
_PROMOTED: Final = 0.05  # discount, or share of stores, that makes a week a promoted one
_GROWN_OVER: Final = slice(-2, None)  # weeks whose sales tell how a group grows
_SIZED_BY: Final = 3  # column of the kernels: 26 weeks
_MEASURED_BY: Final = 2  # column of the kernels: 13 weeks


@dataclass(frozen=True, eq=False)
class State:
    """P products as known at the end of a panel.

    What a product has from its category and department is carried with it, so that a few products taken from the
    state of a whole panel are forecast as they are among all: only discounts planned for others are then unseen.

    Attributes:
        history: The past.
        units: (P, W) with weeks out of stock filled by what sold before.
        counted: (P, W) weeks that count: on sale, and not out of stock.
        families: (P,) category codes.
        departments: (P,) department codes.
        reference: (P,) price that shelf changes are measured from.
        drivers: (P, W, 4) of `drivers_of`.
        responses: To promotion alone, and to price too.
        plain: (P, 7) levels without regard to promotions, one per kernel.
        base: (P, 7) levels free of promotions, by what is known of the future.
        smoothed: (P,) IMAPA.
        newcomer: (P,) what a new product of its category sells in a week.
        growth: (P, 2) log of what category and department sold lately over what levels and responses explain.
        family_units: (P,) plain 26-week level of the whole category.
    """

    history: Panel
    units: Floats
    counted: Flags
    families: npt.NDArray[np.int64]
    departments: npt.NDArray[np.int64]
    reference: Floats
    drivers: Floats
    responses: dict[Known, Responses]
    plain: Floats
    base: dict[Known, Floats]
    smoothed: Floats
    newcomer: Floats
    growth: dict[Known, Floats]
    family_units: Floats

    def __len__(self) -> int:
        return len(self.units)

    def take(self, positions: npt.NDArray[np.int64]) -> "State":
        """Keep some products, in the order given, with what their groups told of them."""
        names = [field.name for field in fields(self) if isinstance(getattr(self, field.name), np.ndarray)]
        kept = {name: getattr(self, name)[positions] for name in names}
        return State(
            history=self.history.take(positions),
            responses={known: responses.take(positions) for known, responses in self.responses.items()},
            base={known: level[positions] for known, level in self.base.items()},
            growth={known: growth[positions] for known, growth in self.growth.items()},
            **kept,
        )


def state_of(history: Panel) -> State:
    """Read a panel that ends where the forecast begins. Nothing after it is known, nothing before it is forgotten."""
    n_weeks = len(history.weeks)
    units = fill_stock_outs(history.units, history.stocked_out)
    counted = (np.arange(n_weeks) >= history.first_sale[:, None]) & ~history.stocked_out
    families = _codes(history, "category")
    departments = _codes(history, "department")
    reference = reference_price(history)
    drivers = drivers_of(history, reference)
    newcomer = newcomer_levels(history, units, families, departments)
    weights = kernels(n_weeks)
    plain = levels(units, np.ones_like(units), counted, weights, newcomer)
    responses: dict[Known, Responses] = {}
    base: dict[Known, Floats] = {}
    growth: dict[Known, Floats] = {}
    known: Known
    for known in ("promo", "full"):
        responses[known] = fit_responses(units, drivers, counted, families, known)
        lift = responses[known].lift(drivers)
        base[known] = levels(units, np.exp(lift), counted, weights, newcomer)
        of_groups = [_growth(units, plain, lift, groups) for groups in (families, departments)]
        growth[known] = np.stack(of_groups, axis=1)
    family_units = np.asarray(np.bincount(families, plain[:, _SIZED_BY]), dtype=np.float64)[families]
    return State(
        history=history,
        units=units,
        counted=counted,
        families=families,
        departments=departments,
        reference=reference,
        drivers=drivers,
        responses=responses,
        plain=plain,
        base=base,
        smoothed=_never_nought(imapa(units, history.first_sale), newcomer),
        newcomer=newcomer,
        growth=growth,
        family_units=family_units,
    )


def newcomer_levels(
    history: Panel, units: Floats, families: npt.NDArray[np.int64], departments: npt.NDArray[np.int64]
) -> Floats:
    """Estimate what a new product sells in a week: (P,) of its category, leaning on department and chain.

    Products whose first sale the panel shows teach it; where it shows none, all products do.
    """
    first = history.first_sale
    n_weeks = units.shape[1]
    debut = (first > 0) & (first < n_weeks)
    rows = np.flatnonzero(debut) if debut.any() else np.arange(len(units))
    weeks = np.arange(n_weeks)
    young = (weeks >= first[rows, None]) & (weeks < first[rows, None] + NEWCOMER_WEEKS)
    n_young = np.maximum(young.sum(axis=1), 1)
    sold = np.where(young, units[rows], 0).sum(axis=1) / n_young
    level = np.full(len(units), max(sold.mean() if len(sold) else 0.0, _LEAST_LEVEL))
    for groups in (departments, families):
        level = _shrunken_mean(sold, groups[rows], groups, level)
    return level


def promoted(drivers: Floats) -> Flags:
    """Tell the weeks with a discount, a display or a mailer: (P, T) from drivers (P, T, 4)."""
    flags: Flags = (drivers[:, :, 1] > _PROMOTED) | (drivers[:, :, 2:] > np.sqrt(_PROMOTED)).any(axis=2)
    return flags


def _shrunken_mean(
    values: Floats, groups: npt.NDArray[np.int64], every: npt.NDArray[np.int64], prior: Floats
) -> Floats:
    n_groups = int(every.max(initial=-1)) + 1
    sums = np.bincount(groups, values, n_groups)[every]
    counts = np.bincount(groups, minlength=n_groups)[every]
    mean: Floats = (sums + _NEWCOMER_PRIOR * prior) / (counts + _NEWCOMER_PRIOR)
    return mean


def _growth(units: Floats, plain: Floats, past_lift: Floats, groups: npt.NDArray[np.int64]) -> Floats:
    """Compare a group's last two weeks with what its products' levels and responses explain: (P,) log ratio."""
    n_groups = int(groups.max(initial=-1)) + 1
    usual = past_lift[:, -13:].mean(axis=1, keepdims=True)
    expected = plain[:, [_MEASURED_BY]] * np.exp(past_lift[:, _GROWN_OVER] - usual)
    seen = np.bincount(groups, units[:, _GROWN_OVER].sum(axis=1), n_groups)
    wanted = np.bincount(groups, expected.sum(axis=1), n_groups)
    ratio: Floats = np.log((seen + 5) / (wanted + 5))[groups]
    return ratio


def _never_nought(level: Floats, newcomer: Floats) -> Floats:
    return np.maximum(np.where(level > 0, level, newcomer), _LEAST_LEVEL)


def _codes(history: Panel, name: str) -> npt.NDArray[np.int64]:
    return np.unique(history.attributes[name].astype(str), return_inverse=True)[1].astype(np.int64)
