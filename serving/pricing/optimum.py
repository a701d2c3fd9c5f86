"""The best price under an uncertain response.

Units follow price ** e. Where e may lie above -1 revenue has no greatest price, and the mean over an uncertain e
is drawn to extremes, the exponential being convex. So a price is judged by a lower quantile of its gain over the
elasticity's posterior, inside the hard rules; larger steps and unusual endings must earn more (soft rules); among
prices as good as the best the one nearest to today's is taken; and today's price stays unless the gain is large and
likely enough.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.pricing import PricingSettings
from configs.pricing_rules import PreferredEndingRule
from serving.pricing.advice import Objective
from serving.pricing.assortment import Assortment, Flags, Floats
from serving.pricing.cases import Cases
from serving.pricing.guardrails import Cents, Endings
from serving.pricing.response import NODES, elasticity_quantiles, expected_units, sold

Columns = npt.NDArray[np.int64]

NEVER: Final = -1e300
LEAST_SCALE: Final = 1e-9


@dataclass(frozen=True, eq=False)
class Points:
    """Prices tried; B cases by K columns, of which column 0 is the current price.

    Attributes:
        prices: (B, K) USD.
        cents: (B, K) whole cents, 0 where there is no price.
        allowed: (B, K) whether every hard rule allows the price.
    """

    prices: Floats
    cents: Cents
    allowed: Flags

    @classmethod
    def between(cls, cases: Cases, endings: Endings, low: Cents, high: Cents) -> "Points":
        """List the current price and the price points around what the hard rules allow."""
        listed = endings.points(low, high)
        now = np.rint(cases.price * 100).astype(np.int64)
        cents = np.concatenate([now[:, None], listed], axis=1)
        prices = np.concatenate([cases.price[:, None], listed / 100], axis=1)
        allowed = (cents >= low[:, None]) & (cents <= high[:, None]) & (cents > 0)
        allowed[:, 0] &= endings.allow(cases.price)
        allowed[:, 1:] &= listed != now[:, None]  # column 0 stands for the current price
        return cls(np.where(cents > 0, prices, cases.price[:, None]), cents, allowed)


@dataclass(frozen=True, eq=False)
class Search:
    """What was found for each point.

    Attributes:
        points: Prices tried.
        gains: (B, K, D) objective less that of the current price, under each elasticity.
        scores: (B, K) what the points were compared by; the gain's lower quantile less what soft rules ask for.
        scale: (B,) the objective today.
        columns: (B,) the column chosen.
    """

    points: Points
    gains: Floats
    scores: Floats
    scale: Floats
    columns: Columns


def search(
    cases: Cases, assortment: Assortment, points: Points, objective: Objective, settings: PricingSettings
) -> Search:
    """Choose a price for each case; every case must have an allowed point."""
    elasticity = elasticity_quantiles(cases, NODES)
    sales = sold(cases, expected_units(cases, points.prices, elasticity))  # (B, K, D)
    values = _worth(cases, assortment, points.prices, sales, objective, settings)
    gains = values - values[:, :1]
    scale = np.maximum(np.abs(values[:, 0].mean(axis=1)), LEAST_SCALE)
    scores = lower_quantile(gains, settings.search.decision_quantile) - _asked_by_soft_rules(points, scale, settings)
    eligible = points.allowed
    if objective == "clearance":
        eligible = _selling_through(cases, points, sales, settings)
    columns = _chosen(points, eligible, scores, gains, scale, settings)
    return Search(points, gains, scores, scale, columns)


def lower_quantile(values: Floats, level: float) -> Floats:
    """Take the value that a share `level` of the draws does not exceed; over the last axis.

    >>> lower_quantile(np.array([[4.0, 1.0, 3.0, 2.0]]), 0.5)
    array([2.])
    """
    place = max(0, int(np.ceil(level * values.shape[-1])) - 1)
    found: Floats = np.partition(values, place, axis=-1)[..., place]
    return found


def confidence(search: Search, columns: Columns) -> Floats:
    """Find how probable it is that the objective gains by leaving the current price; (B,), 1 where it is kept."""
    gains = search.gains[np.arange(len(columns)), columns]  # (B, D)
    return np.where(columns == 0, 1.0, (gains > 0).mean(axis=1))


def preferred(cents: Cents, rule: PreferredEndingRule) -> Flags:
    """Tell which prices have the ending to take where it costs little; cheap ones all do."""
    fits: Flags = (cents < round(rule.from_usd * 100)) | (
        cents % rule.every_cents == rule.offset_cents % rule.every_cents
    )
    return fits


def _worth(
    cases: Cases, assortment: Assortment, prices: Floats, sales: Floats, objective: Objective, settings: PricingSettings
) -> Floats:
    """Value each price under each elasticity; (B, K, D)."""
    if objective == "clearance":
        left = settings.stock.salvage_share * cases.cost[:, None, None]
        return (prices[:, :, None] - left) * sales  # what is left at the end is worth `left` each: a constant less that
    per_unit = {
        "margin": prices - cases.cost[:, None] + cases.basket[:, None],
        "revenue": prices,
        "units": np.ones_like(prices),
    }[objective]
    values: Floats = per_unit[:, :, None] * sales
    if (cases.cross > 0).any():
        values = values - _taken_from_family(cases, assortment, objective, settings)[:, None, None] * (
            sales - sales[:, :1]
        )
    return values


def family_worth(cases: Cases, assortment: Assortment, settings: PricingSettings) -> tuple[Floats, Floats]:
    """Average the rest of each case's family by units: (B,) price and (B,) margin per unit, 0 without one."""
    codes, starts, members = assortment.family_members
    weekly = np.nan_to_num(assortment.weekly_units.mean(axis=1))
    fallback = assortment.current_price * settings.costs.assumed_share
    margins = assortment.current_price - np.where(np.isnan(assortment.unit_cost), fallback, assortment.unit_cost)
    price, margin = np.zeros(len(cases)), np.zeros(len(cases))
    for case in np.flatnonzero((cases.cross > 0) & (codes[cases.product_idx] >= 0)).tolist():
        own = cases.product_idx[case]
        rest = members[starts[codes[own]] : starts[codes[own] + 1]]
        rest = rest[(rest != own) & (weekly[rest] > 0)]
        if len(rest):
            price[case] = np.average(assortment.current_price[rest], weights=weekly[rest])
            margin[case] = np.average(margins[rest], weights=weekly[rest])
    return price, margin


def _taken_from_family(cases: Cases, assortment: Assortment, objective: Objective, settings: PricingSettings) -> Floats:
    price, margin = family_worth(cases, assortment, settings)
    per_unit = {"margin": margin, "revenue": price, "units": (price > 0).astype(np.float64)}[objective]
    return cases.cross * per_unit


def _asked_by_soft_rules(points: Points, scale: Floats, settings: PricingSettings) -> Floats:
    size, ending = settings.rules.preferred_change, settings.rules.preferred_ending
    current = points.prices[:, :1]
    large = np.abs(points.prices - current) > size.share * current + 1e-9
    unusual = ~preferred(points.cents, ending)
    return scale[:, None] * (size.min_extra_gain_share * large + ending.min_extra_gain_share * unusual)


def _selling_through(cases: Cases, points: Points, sales: Floats, settings: PricingSettings) -> Flags:
    """Keep the prices that sell enough of the stock; where none does, those that sell the most."""
    through = lower_quantile(sales, settings.search.decision_quantile) / cases.stock[:, None]  # (B, K)
    enough = points.allowed & (through >= settings.stock.sell_through_share)
    most = np.where(points.allowed, through, -1.0).max(axis=1, keepdims=True)
    most_sold = points.allowed & (through >= most - 1e-12)
    return np.where(enough.any(axis=1, keepdims=True), enough, most_sold)


def _chosen(
    points: Points, eligible: Flags, scores: Floats, gains: Floats, scale: Floats, settings: PricingSettings
) -> Columns:
    rule, case = settings.search, np.arange(len(scale))
    away = np.abs(points.prices - points.prices[:, :1])
    open_scores = np.where(eligible, scores, NEVER)
    best = open_scores.max(axis=1, keepdims=True)
    equal = eligible & (open_scores >= best - rule.indifference_share * scale[:, None])
    choice = np.where(equal, away, np.inf).argmin(axis=1)
    resting = np.where(eligible, away, np.inf).argmin(axis=1)  # column 0 where the current price may stay
    more = gains[case, choice] - gains[case, resting]  # (B, D)
    sure = (more > 0).mean(axis=1) >= rule.min_confidence
    enough = scores[case, choice] - scores[case, resting] >= rule.min_gain_share * scale
    columns: Columns = np.where(sure & enough, choice, resting).astype(np.int64)
    return columns
