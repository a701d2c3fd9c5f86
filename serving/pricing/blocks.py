"""Advice, simulations and refusals as blocks of an answer."""

from decimal import Decimal
from typing import Any

from serving.pricing.advice import Advice, Amounts, Declined, Outlook, Response, Simulated
from serving.pricing.money import money, plain


def advice_blocks(advice: Advice, *, objective: str) -> dict[str, Any]:
    """Write what the advisor says about one product; `personalized` and the law are added by the use case."""
    return {
        "objective": objective,
        "current_price": money(advice.current_price, advice.currency),
        "suggested_price": money(advice.suggested_price, advice.currency),
        "unit_cost": money(advice.unit_cost, advice.currency),
        "cost_assumed": advice.cost_assumed,
        "guardrails": [rule._asdict() for rule in advice.guardrails],
        "elasticity": elasticity_block(advice.elasticity),
        "forecast": {
            "units": advice.expected.units,
            "interval_80": list(advice.expected.units_80),
            "in_support": advice.expected.in_support,
            "n_weeks": advice.n_weeks,
        },
        "expected": {
            "revenue": plain(advice.expected.revenue.value),
            "margin": plain(advice.expected.margin.value),
            "margin_change_interval_80": _interval(advice.margin_change),
            "revenue_interval_80": _interval(advice.expected.revenue),
            "margin_interval_80": _interval(advice.expected.margin),
            "margin_change": plain(advice.margin_change.value),
            "unchanged": _outlook(advice.unchanged),
        },
        "confidence": advice.confidence,
        "approval": {"required": advice.approval.required, "reasons": list(advice.approval.reasons)},
        "reasons": list(advice.reasons),
    }


def simulation_block(simulated: Simulated) -> dict[str, Any]:
    """Write what one price would bring."""
    expected = simulated.expected
    return {
        "product_id": simulated.product_id,
        "store_id": simulated.store_id,
        "price": money(simulated.price, simulated.currency),
        "n_weeks": simulated.n_weeks,
        "units": expected.units,
        "units_interval_80": list(expected.units_80),
        "in_support": expected.in_support,
        "revenue": plain(expected.revenue.value),
        "revenue_interval_80": _interval(expected.revenue),
        "margin": plain(expected.margin.value),
        "margin_interval_80": _interval(expected.margin),
        "unit_cost": money(simulated.unit_cost, simulated.currency),
        "cost_assumed": simulated.cost_assumed,
        "elasticity": elasticity_block(simulated.elasticity),
        "reasons": list(simulated.reasons),
    }


def elasticity_block(response: Response) -> dict[str, Any]:
    """Write how units answer to the price."""
    return {
        "value": response.value,
        "interval_80": [response.low_80, response.high_80],
        "source": response.source,
    }


def refused_block(declined: Declined) -> dict[str, Any]:
    """Write why one item gets no answer."""
    return {
        "product_id": declined.product_id,
        "store_id": declined.store_id,
        "code": declined.code,
        "field": declined.field,
        "message": declined.message,
    }


def _outlook(outlook: Outlook) -> dict[str, Any]:
    return {
        "units": outlook.units,
        "revenue": plain(outlook.revenue.value),
        "margin": plain(outlook.margin.value),
    }


def _interval(amounts: Amounts) -> list[str]:
    low, high = Decimal(amounts.low_80), Decimal(amounts.high_80)
    return [plain(low), plain(high)]
