"""What-if: what given prices are expected to bring. Nothing is chosen, so no guardrail applies but support."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np

from serving.pricing.advice import Declined, Outlook, Response, Simulated
from serving.pricing.assortment import Flags, Floats
from serving.pricing.cases import LEAST_PRICE, Cases, Gathering, gather, number
from serving.pricing.outlooks import dollars, outcomes_of, outlooks, responses
from serving.pricing.refusals import decline
from serving.pricing.response import Draws


def simulate(
    gathering: Gathering, prices: Sequence[Decimal], draws: Draws, currency: str
) -> list[Simulated | Declined]:
    """Answer each ask at its price.

    A price outside those seen is flagged, and refused when it lies further outside than the settings allow. A product
    whose own price never moved is answered by its category or the chain, which the source of the elasticity tells.

    Args:
        gathering: Asks, assortment, settings and window.
        prices: One per ask.
        draws: Of elasticity and demand.
        currency: ISO 4217.
    """
    tried = np.array([number(price) for price in prices], dtype=np.float64)
    asks = gathering.asks
    cases, declined = gather(
        replace(gathering, asks=[replace(ask, current_price=price) for ask, price in zip(asks, prices, strict=True)]),
        strict=False,
        stock_needed=False,
    )
    declined = {row: replace(refusal, ask=asks[row], field=_field(refusal)) for row, refusal in declined.items()}
    far, low, high = _too_far(cases, gathering.settings.simulation.beyond_support_share)
    for at in np.flatnonzero(far).tolist():
        row, share = int(cases.rows[at]), gathering.settings.simulation.beyond_support_share
        facts = {"value": tried[row], "low": low[at], "high": high[at], "limit": share}
        declined[row] = decline(asks[row], "OUTSIDE_SUPPORT", field="price", **facts)
    cases = cases.take(~far)
    found = outlooks(cases, outcomes_of(cases, cases.price[:, None], draws), 0)
    answers: dict[int, Simulated | Declined] = dict(declined)
    for at, (outlook, response) in enumerate(zip(found, responses(cases, gathering.assortment), strict=True)):
        answers[int(cases.rows[at])] = _answer(gathering, cases, at, outlook, response, currency)
    return [answers[row] for row in range(len(asks))]


def _answer(
    gathering: Gathering, cases: Cases, at: int, outlook: Outlook, response: Response, currency: str
) -> Simulated:
    reasons = [] if outlook.in_support else ["The product was never seen to sell at this price; less sure than usual."]
    if response.source != "product":
        reasons.append(f"The product's own prices tell little: the response is mostly that of the {response.source}.")
    if cases.cost_assumed[at]:
        share = gathering.settings.costs.assumed_share
        reasons.append(f"The unit cost is not known: {share:.0%} of the list price, or of the last price, stands in.")
    return Simulated(
        ask=gathering.asks[cases.rows[at]],
        currency=currency,
        price=dollars(cases.price[at]),
        unit_cost=dollars(cases.cost[at]),
        cost_assumed=bool(cases.cost_assumed[at]),
        n_weeks=gathering.n_weeks,
        elasticity=response,
        expected=outlook,
        reasons=tuple(reasons),
    )


def _too_far(cases: Cases, share: float) -> tuple[Flags, Floats, Floats]:
    lowest = np.where(np.isnan(cases.lowest), cases.reference, cases.lowest)
    highest = np.where(np.isnan(cases.highest), cases.reference, cases.highest)
    low, high = np.maximum(lowest * (1 - share), LEAST_PRICE), highest * (1 + share)
    return ~((cases.price >= low - 1e-9) & (cases.price <= high + 1e-9)), low, high


def _field(refusal: Declined) -> str:
    return "price" if refusal.field == "current_price" else refusal.field
