"""What a price is expected to bring: units, revenue and margin with their intervals."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from serving.pricing.advice import Amounts, Outlook, Response
from serving.pricing.assortment import Assortment, Flags, Floats
from serving.pricing.cases import Cases
from serving.pricing.response import (
    Draws,
    drawn_units,
    elasticity_mean,
    elasticity_quantiles,
    expected_units,
    middle,
)

COVERAGE = 0.8


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What K prices bring to B cases.

    Attributes:
        prices: (B, K) USD.
        units: (B, K) expected to be sold.
        low: (B, K) low end of the units' interval.
        high: (B, K) high end.
        drawn: (B, K, D) units in each draw.
    """

    prices: Floats
    units: Floats
    low: Floats
    high: Floats
    drawn: Floats


def outcomes_of(cases: Cases, prices: Floats, draws: Draws) -> Outcomes:
    """Work out what prices bring; both kinds of uncertainty are in the draws."""
    means = expected_units(cases, prices, elasticity_quantiles(cases, draws.elasticity))
    drawn = drawn_units(cases, draws, means)
    low, high = middle(drawn, COVERAGE)
    limited = np.isfinite(cases.stock)[:, None]
    units = np.where(limited, drawn.mean(axis=2), means.mean(axis=2))
    return Outcomes(prices, units, low, high, drawn)


def margin_changes(cases: Cases, found: Outcomes, taken: Floats) -> tuple[Floats, Floats, Floats]:
    """Compare column 0 (the suggestion) with column 1 (today): expected change of margin and its interval; (B,) each.

    Args:
        cases: B cases.
        found: What the two prices bring in the same weeks.
        taken: (B,) margin lost in the family per unit won.
    """
    worth = found.prices - cases.cost[:, None] + cases.basket[:, None] - taken[:, None]  # (B, 2)
    low, high = middle((worth[:, :, None] * found.drawn * np.array([1, -1])[:, None]).sum(axis=1), COVERAGE)
    return worth[:, 0] * found.units[:, 0] - worth[:, 1] * found.units[:, 1], low, high


def outlooks(cases: Cases, found: Outcomes, column: int) -> list[Outlook]:
    """Write one column of outcomes as answers."""
    price, per_unit = found.prices[:, column], found.prices[:, column] - cases.cost
    units, low, high = found.units[:, column], found.low[:, column], found.high[:, column]
    seen: Flags = (price >= cases.lowest - 1e-9) & (price <= cases.highest + 1e-9)
    margins = np.sort(np.stack([per_unit * low, per_unit * high]), axis=0)
    columns = (units, low, high, price * units, price * low, price * high, per_unit * units, *margins, seen)
    return [
        Outlook(round(u, 3), (a, b), amounts(r, ra, rb), amounts(m, ma, mb), bool(s))
        for u, a, b, r, ra, rb, m, ma, mb, s in zip(*(values.tolist() for values in columns), strict=True)
    ]


def responses(cases: Cases, assortment: Assortment) -> list[Response]:
    """Write the elasticity of each case as an answer."""
    ends = elasticity_quantiles(cases, np.array([(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]))
    values = np.round(np.column_stack([elasticity_mean(cases), ends]), 4).tolist()
    sources = assortment.elasticity_source[cases.product_idx].tolist()
    return [Response(mean, low, high, str(source)) for (mean, low, high), source in zip(values, sources, strict=True)]


def amounts(value: float, low: float, high: float) -> Amounts:
    """Write money in whole cents."""
    return Amounts(dollars(value), dollars(low), dollars(high))


def dollars(value: float) -> Decimal:
    """Round to whole cents.

    >>> dollars(2.2900000001)
    Decimal('2.29')
    """
    return Decimal(f"{value + 0.0:.2f}")
