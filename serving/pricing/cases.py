"""Cases: asks joined with what the assortment knows of them, as arrays; what cannot be priced is refused here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np

from configs.pricing import PricingSettings
from serving.pricing.advice import Ask, Declined
from serving.pricing.assortment import Assortment, Flags, Floats, Positions
from serving.pricing.refusals import decline

LEAST_PRICE: Final = 0.01
MOST_UNITS: Final = 1e12

Facts = Callable[[int], dict[str, Any]]
Found = tuple[str, Flags, Facts]


@dataclass(frozen=True, eq=False)
class Cases:
    """B asks that can be worked with; every array has one value per case unless a shape is given.

    Attributes:
        rows: Position of each case among the asks.
        product_idx: Position in the assortment.
        store_idx: Position of the store; -1 for the chain.
        price: Current price, USD.
        cost: Unit cost, USD.
        cost_assumed: Whether the cost is a share of a price.
        list_price: USD; NaN unknown.
        lowest: Lowest price seen, USD.
        highest: Highest price seen, USD.
        stock: Units; infinity where it is not known.
        basket: Margin bought along with one unit, USD.
        cross: Share of the units won that the family loses.
        reference: Price at which `units` holds, USD.
        units: Units expected in the window at `reference`.
        weekly_units: Units expected per week of the window at `reference`.
        dispersion: Of the window's units: variance = mean + dispersion * mean**2.
        location: Of the elasticity, before it is cut off at 0.
        scale: Of the elasticity.
    """

    rows: Positions
    product_idx: Positions
    store_idx: Positions
    price: Floats
    cost: Floats
    cost_assumed: Flags
    list_price: Floats
    lowest: Floats
    highest: Floats
    stock: Floats
    basket: Floats
    cross: Floats
    reference: Floats
    units: Floats
    weekly_units: Floats
    dispersion: Floats
    location: Floats
    scale: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, kept: Flags | Positions) -> "Cases":
        """Keep some cases."""
        return replace(self, **{name: getattr(self, name)[kept] for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Gathering:
    """What was asked, by whom it can be answered, and the window."""

    asks: Sequence[Ask]
    assortment: Assortment
    settings: PricingSettings
    n_weeks: int
    now: datetime


def gather(gathering: Gathering, *, strict: bool, stock_needed: bool) -> tuple[Cases, dict[int, Declined]]:
    """Join asks with the assortment and refuse what has no answer.

    Args:
        gathering: Asks, assortment, settings and window.
        strict: Whether a price is to be found: support and price variation then count. A what-if needs neither.
        stock_needed: Whether the stock must be known.

    Returns:
        The cases, and the refusals by position of their ask.
    """
    cases = _join(gathering)
    declined: dict[int, Declined] = {}
    for code, amiss, facts in _grounds(gathering, cases, strict=strict, stock_needed=stock_needed):
        for row in np.flatnonzero(amiss).tolist():
            if row not in declined:
                declined[row] = decline(gathering.asks[row], code, **facts(row))
    kept = np.ones(len(cases), dtype=np.bool_)
    kept[list(declined)] = False
    return cases.take(kept), declined


def number(value: Decimal | float | None) -> float:
    """Read a number that may be missing (NaN); what is not finite becomes minus infinity, which no check lets pass."""
    if value is None:
        return float("nan")
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return float("-inf")
    return read if np.isfinite(read) else float("-inf")


def _numbers(asks: Sequence[Ask], name: str) -> Floats:
    return np.array([number(getattr(ask, name)) for ask in asks], dtype=np.float64)


def _join(gathering: Gathering) -> Cases:
    asks, assortment, costs = gathering.asks, gathering.assortment, gathering.settings.costs
    found = assortment.index_of([ask.product_id for ask in asks])
    at = np.maximum(found, 0) if len(assortment) else np.zeros(0, dtype=np.int64)
    stores = assortment.store_index_of([ask.store_id if ask.store_id is not None else "" for ask in asks])
    in_store = np.array([ask.store_id is not None for ask in asks], dtype=np.bool_)
    pair = assortment.pair_of(found, stores)
    taken = {name: _taken(getattr(assortment, name), found, at) for name in _TAKEN}
    cost = _numbers(asks, "unit_cost")
    cost = np.where(np.isnan(cost), taken["unit_cost"], cost)
    stand_in = np.where(taken["list_price"] > 0, taken["list_price"], taken["current_price"]) * costs.assumed_share
    assumed = np.isnan(cost) & np.isfinite(stand_in) & costs.assume
    share, dispersion = _at_stores(assortment, in_store, pair)
    weekly, spread = _window(assortment, found, at, gathering.n_weeks, share, dispersion)
    price = _numbers(asks, "current_price")
    stock = _numbers(asks, "stock_units")
    cross = _numbers(asks, "family_cross_effect")
    return Cases(
        rows=np.arange(len(asks)),
        product_idx=found,
        store_idx=np.where(in_store, np.where(stores >= 0, stores, -2), -1),
        price=np.where(np.isnan(price), taken["current_price"], price),
        cost=np.where(assumed, stand_in, cost),
        cost_assumed=assumed,
        list_price=taken["list_price"],
        lowest=taken["lowest_price"],
        highest=taken["highest_price"],
        stock=np.where(np.isnan(stock), np.inf, stock),
        basket=np.nan_to_num(_numbers(asks, "basket_margin"), nan=0.0, neginf=0.0),
        cross=np.clip(np.where(np.isnan(cross), costs.family_cross_effect, cross), 0.0, 1.0),
        reference=taken["current_price"],
        units=weekly * gathering.n_weeks,
        weekly_units=weekly,
        dispersion=spread,
        location=taken["elasticity_location"],
        scale=taken["elasticity_scale"],
    )


_TAKEN: Final = (
    "current_price",
    "list_price",
    "lowest_price",
    "highest_price",
    "unit_cost",
    "elasticity_location",
    "elasticity_scale",
)


def _taken(values: Floats, found: Positions, at: Positions) -> Floats:
    if not len(values):
        return np.full(len(found), np.nan)
    return np.where(found >= 0, values[at], np.nan)


def _at_stores(assortment: Assortment, in_store: Flags, pair: Positions) -> tuple[Floats, Floats]:
    share = np.where(in_store, 0.0, 1.0)
    dispersion = np.full(len(pair), np.nan)
    sold = in_store & (pair >= 0)
    share[sold] = assortment.pair_share[pair[sold]]
    dispersion[sold] = assortment.pair_dispersion[pair[sold]]
    return share, dispersion


def _window(
    assortment: Assortment, found: Positions, at: Positions, n_weeks: int, share: Floats, pair_dispersion: Floats
) -> tuple[Floats, Floats]:
    """Weekly units and the dispersion of the window's sum, weeks taken as independent given their means."""
    if not len(assortment):
        return np.full(len(found), np.nan), np.zeros(len(found))
    ahead = np.minimum(np.arange(n_weeks), assortment.weekly_units.shape[1] - 1)  # past the horizon the last week holds
    weekly = assortment.weekly_units[at][:, ahead] * share[:, None]  # (A, n_weeks)
    chain = assortment.dispersion[at][:, ahead]
    dispersion = np.where(np.isnan(pair_dispersion)[:, None], chain, pair_dispersion[:, None])
    total = weekly.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (np.nan_to_num(dispersion) * weekly**2).sum(axis=1) / total**2
    mean = np.where(found >= 0, total / n_weeks, np.nan)
    return mean, np.clip(np.nan_to_num(spread, posinf=0.0), 0.0, 1e3)


def _grounds(gathering: Gathering, cases: Cases, *, strict: bool, stock_needed: bool) -> list[Found]:
    """Every ground to refuse, most telling first: its code, (A,) whether it holds, and its facts."""
    found = [
        *_identity_grounds(gathering, cases),
        *_number_grounds(gathering, cases),
        *_model_grounds(gathering, cases),
    ]
    if strict:
        found += _strict_grounds(gathering, cases)
    if stock_needed:
        missing = ~((cases.stock > 0) & np.isfinite(cases.stock))
        found.append(("NO_STOCK", missing, lambda row: {"value": gathering.asks[row].stock_units or "not known"}))
    return found


def _identity_grounds(gathering: Gathering, cases: Cases) -> list[Found]:
    """What cannot be priced whatever the numbers are."""
    limit, ended = gathering.settings.rules.model_age.max_days, gathering.assortment.data_until
    days = (gathering.now - ended).total_seconds() / 86400
    known = cases.product_idx >= 0
    by_weight = np.zeros(len(cases), dtype=np.bool_)
    by_weight[known] = gathering.assortment.sold_by_weight[cases.product_idx[known]]
    too_old = np.full(len(cases), days > limit)
    return [
        ("MODEL_TOO_OLD", too_old, lambda _row: {"value": f"{ended:%Y-%m-%d}", "days": days, "limit": limit}),
        ("UNKNOWN_PRODUCT", ~known, _no_facts),
        ("UNKNOWN_STORE", cases.store_idx == -2, _no_facts),
        ("SOLD_BY_WEIGHT", by_weight, _no_facts),
    ]


def _number_grounds(gathering: Gathering, cases: Cases) -> list[Found]:
    """Prices, costs and stocks that are missing or absurd."""
    asks, limit = gathering.asks, gathering.settings.review.max_price
    given = _numbers(asks, "stock_units")
    return [
        ("NO_CURRENT_PRICE", np.isnan(cases.price), _no_facts),
        (
            "PRICE_OUT_OF_RANGE",
            ~((cases.price >= LEAST_PRICE) & (cases.price <= limit)),
            lambda row: {"value": _shown(asks[row].current_price, cases.price[row]), "least": "0.01", "limit": limit},
        ),
        ("NO_COST", np.isnan(cases.cost), _no_facts),
        (
            "COST_OUT_OF_RANGE",
            ~((cases.cost >= 0) & (cases.cost <= limit)),
            lambda row: {"value": _shown(asks[row].unit_cost, cases.cost[row]), "limit": limit},
        ),
        (
            "STOCK_OUT_OF_RANGE",
            ~np.isnan(given) & ~((given >= 0) & (given <= MOST_UNITS)),
            lambda row: {"value": asks[row].stock_units},
        ),
    ]


def _model_grounds(gathering: Gathering, cases: Cases) -> list[Found]:
    """What the models do not tell."""
    unsold = (cases.store_idx >= 0) & (cases.weekly_units == 0) & _sells(gathering, cases)
    return [
        ("NOT_SOLD_AT_STORE", unsold, _no_facts),
        (
            "NO_FORECAST",
            ~((cases.units > 0) & (cases.units <= MOST_UNITS) & (cases.reference > 0)),
            lambda row: {"value": "unknown" if np.isnan(cases.units[row]) else f"{cases.weekly_units[row]:g}"},
        ),
        (
            "INTERVAL_TOO_WIDE",
            ~(np.isfinite(cases.location) & (cases.scale > 0) & np.isfinite(cases.scale)),
            lambda row: {"value": f"{cases.location[row]:g} ± {cases.scale[row]:g}"},
        ),
    ]


def _strict_grounds(gathering: Gathering, cases: Cases) -> list[Found]:
    rule = gathering.settings.rules.support
    known = cases.product_idx >= 0
    identified = np.zeros(len(cases), dtype=np.bool_)
    identified[known] = gathering.assortment.identified[cases.product_idx[known]]
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = cases.highest / cases.lowest - 1
    low, high = cases.lowest * (1 - rule.slack_share), cases.highest * (1 + rule.slack_share)
    return [
        (
            "COST_ABOVE_PRICE",
            cases.cost >= cases.price,
            lambda row: {
                "value": cases.cost[row],
                "limit": cases.price[row],
                "assumed": " (assumed)" if cases.cost_assumed[row] else "",
            },
        ),
        (
            "INSUFFICIENT_PRICE_VARIATION",
            ~identified | ~(spread >= rule.min_range_share),
            lambda row: {
                "low": cases.lowest[row],
                "high": cases.highest[row],
                "value": spread[row],
                "limit": rule.min_range_share,
                "unidentified": "" if identified[row] else ", in too few weeks",
            },
        ),
        (
            "OUTSIDE_SUPPORT",
            ~((cases.price >= low - 1e-9) & (cases.price <= high + 1e-9)),
            lambda row: {"value": cases.price[row], "low": low[row], "high": high[row], "limit": rule.slack_share},
        ),
    ]


def _sells(gathering: Gathering, cases: Cases) -> Flags:
    weekly = gathering.assortment.weekly_units.sum(axis=1)
    sells = np.zeros(len(cases), dtype=np.bool_)
    known = cases.product_idx >= 0
    sells[known] = weekly[cases.product_idx[known]] > 0
    return sells


def _no_facts(_row: int) -> dict[str, Any]:
    return {}


def _shown(asked: Decimal | None, known: float) -> str:
    return f"{known:g}" if asked is None else f"{asked}"[:40]
