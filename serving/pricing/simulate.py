"""`POST /v1/price-simulations`: what prices would bring."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from serving.decisions import Decision, DecisionLog, new_decision_id
from serving.errors import FieldError
from serving.lists import rfc3339
from serving.pricing.advice import Ask, Declined
from serving.pricing.blocks import refused_block, simulation_block
from serving.pricing.checks import Checks, amount_of, optional_amount, refuse
from serving.pricing.ports import DemandDesk, GetDesk, PriceAdvisor
from serving.pricing.schemas import PriceSimulationsRequest, TrialIn


@dataclass(frozen=True)
class Simulating:
    """Asks the advisor what given prices would bring; nothing is stored but the decision.

    Args:
        advisor: Reckons with demand.
        checks: Limits of requests.
        decisions: The record of answers.
        personal_data_used: Columns about people behind a price, read from the lineage of the price features.
        default_weeks: Weeks looked ahead when the request names none.
        now: The wall clock.
        data_now: The same moment in the time of the data.
    """

    advisor: PriceAdvisor
    checks: Checks
    decisions: DecisionLog
    personal_data_used: tuple[str, ...]
    default_weeks: int
    now: Callable[[], datetime]
    data_now: Callable[[], datetime]

    def simulate(self, request: PriceSimulationsRequest, get_desk: GetDesk) -> dict[str, Any]:
        """Answer one request.

        Raises:
            FieldsInvalid: If anything in the request is amiss.
            NotReady: If no demand models are loaded.
        """
        refuse([*self.checks.amounts(request.items), *_without_price(request)])
        started = time.perf_counter()
        desk = get_desk()
        refuse(too_far(request.n_weeks, desk))
        asks, prices = _trials(request)
        found = self.advisor.simulate(
            asks, prices, desk.assortment, n_weeks=request.n_weeks or self.default_weeks, now=self.data_now()
        )
        lineage = {"personalized": bool(self.personal_data_used), "personal_data_used": list(self.personal_data_used)}
        simulations = [{**simulation_block(one), **lineage} for one in found if not isinstance(one, Declined)]
        answer: dict[str, Any] = {
            "decision_id": new_decision_id(),
            "generated_at": rfc3339(self.now()),
            "took_ms": round((time.perf_counter() - started) * 1000, 3),
            "simulations": simulations,
            "refused": [refused_block(one) for one in found if isinstance(one, Declined)],
        }
        self.decisions.record(_decision(answer, desk))
        return answer


def too_far(n_weeks: int | None, desk: DemandDesk) -> list[FieldError]:
    """Find a window longer than the loaded model can see."""
    if n_weeks is None or n_weeks <= desk.longest_weeks:
        return []
    message = f"{n_weeks} weeks are asked for; the loaded model sees {desk.longest_weeks}. Choose fewer weeks."
    return [FieldError("n_weeks", "OUT_OF_RANGE", message)]


def _without_price(request: PriceSimulationsRequest) -> list[FieldError]:
    message = "Give one `price` to try, or several as `prices`, but not both."
    return [
        FieldError(f"items.{n}.price", "PRICE_OR_PRICES", message)
        for n, item in enumerate(request.items)
        if (item.price is None) == (not item.prices)
    ]


def _trials(request: PriceSimulationsRequest) -> tuple[list[Ask], list[Decimal]]:
    asks, prices = [], []
    for item in request.items:
        for price in item.prices or (item.price,):
            if price is not None:
                asks.append(_ask(item))
                prices.append(amount_of(price))
    return asks, prices


def _ask(item: TrialIn) -> Ask:
    return Ask(
        product_id=item.product_id,
        store_id=item.store_id,
        current_price=optional_amount(item.current_price),
        unit_cost=optional_amount(item.unit_cost),
        stock_units=item.stock_units,
    )


def _decision(answer: dict[str, Any], desk: DemandDesk) -> Decision:
    kept = ("product_id", "store_id", "price", "units")
    facts = {
        "kind": "price_simulations",
        "subject": "nobody",
        "model": dict(desk.card),
        "bundle_digest": desk.digest,
        "guardrails": [],
        "items": [{name: one[name] for name in kept} for one in answer["simulations"]],
        "refused": answer["refused"],
    }
    return Decision(str(answer["decision_id"]), str(answer["generated_at"]), None, facts)
