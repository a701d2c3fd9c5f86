"""`POST /v1/prices`: the price in force, with its prior price and what the law wants said beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np

from serving.decisions import Decision, DecisionLog, new_decision_id
from serving.lists import rfc3339
from serving.pricing.checks import Checks, refuse
from serving.pricing.disclosure import DisclosureTable
from serving.pricing.moments import from_optional_us, from_us, shown, to_us
from serving.pricing.money import CENT, money
from serving.pricing.ports import DemandDesk
from serving.pricing.price_history import OBSERVED, Price, PriceHistory, Scope, applies
from serving.pricing.prior_price import PriorPrice, in_force, prior_price
from serving.pricing.schemas import PricesRequest
from serving.pricing.tables import EVERYWHERE


@dataclass(frozen=True)
class ShownPrices:
    """Looks up prices; the same for everybody who asks, since nobody is named in the question.

    Args:
        history: Prices that are or were in force.
        prior_price_days: Window of the prior price; days.
        checks: Limits of requests.
        laws: What must be disclosed where.
        decisions: The record of answers.
        personal_data_used: Columns about people behind a price, read from the lineage of the price features.
        currency: Of every price; ISO 4217.
        now: The wall clock.
    """

    history: PriceHistory
    prior_price_days: int
    checks: Checks
    laws: DisclosureTable
    decisions: DecisionLog
    personal_data_used: tuple[str, ...]
    currency: str
    now: Callable[[], datetime]

    def find(self, request: PricesRequest, desk: DemandDesk | None) -> dict[str, Any]:
        """Answer one request; a product whose price nobody knows is named.

        Args:
            request: What is asked.
            desk: The loaded models, whose last observed prices stand in where none is on record; None without any.

        Raises:
            FieldsInvalid: If the jurisdiction is unknown.
        """
        refuse(self.checks.jurisdiction(request.jurisdiction))
        now = self.now()
        product_ids = list(dict.fromkeys(request.product_ids))
        on_record = self.history.of(product_ids)
        observed = _observed(product_ids, desk)
        disclosure = self.laws.of(request.jurisdiction, self.personal_data_used).shown()
        prices = []
        for product_id in product_ids:
            scope = Scope(product_id, request.store_id or EVERYWHERE, request.channel or EVERYWHERE)
            found = self._price(scope, on_record.get(product_id, ()), observed.get(product_id), to_us(now))
            if found is not None:
                prices.append({**found, "disclosure": disclosure})
        known = {price["product_id"] for price in prices}
        answer: dict[str, Any] = {
            "decision_id": new_decision_id(),
            "generated_at": rfc3339(now),
            "prices": prices,
            "missing_ids": [product_id for product_id in product_ids if product_id not in known],
        }
        self.decisions.record(_decision(request, answer))
        return answer

    def _price(
        self, scope: Scope, on_record: Sequence[Price], observed: Decimal | None, now_us: int
    ) -> dict[str, Any] | None:
        price = in_force([one for one in on_record if applies(one, scope)], now_us)
        if price is None and observed is None:
            return None
        prior = (
            prior_price(on_record, scope, now_us, days=self.prior_price_days, currency=self.currency)
            if price is not None
            else PriorPrice(None, self.currency, None, None, "NO_HISTORY")
        )
        return {
            "product_id": scope.product_id,
            "store_id": scope.store_id or None,
            "channel": scope.channel or None,
            **_shown(price, observed, self.currency),
            "prior_price": prior.shown(),
            "personalized": bool(self.personal_data_used),
            "personal_data_used": list(self.personal_data_used),
        }


def _shown(price: Price | None, observed: Decimal | None, currency: str) -> dict[str, Any]:
    if price is None:
        amount = Decimal(0) if observed is None else observed
        nothing = {"suggestion_id": None, "valid_from": None, "valid_until": None}
        return {"price": money(amount, currency), "source": OBSERVED, **nothing}
    return {
        "price": money(price.amount, price.currency),
        "source": price.source,
        "suggestion_id": price.suggestion_id,
        "valid_from": shown(from_us(price.from_us)),
        "valid_until": shown(from_optional_us(price.until_us)),
    }


def _observed(product_ids: Sequence[str], desk: DemandDesk | None) -> dict[str, Decimal]:
    """Read the last prices that the models know, to the cent."""
    if desk is None:
        return {}
    at = desk.assortment.index_of(product_ids)
    prices = np.where(at >= 0, desk.assortment.current_price[at], np.nan).tolist()
    return {
        product_id: Decimal(str(price)).quantize(CENT)
        for product_id, price in zip(product_ids, prices, strict=True)
        if price > 0
    }


def _decision(request: PricesRequest, answer: dict[str, Any]) -> Decision:
    kept = ("product_id", "price", "source", "suggestion_id")
    facts = {
        "kind": "prices",
        "subject": "nobody",
        "request": request.model_dump(mode="json", exclude={"product_ids"}, exclude_defaults=True),
        "guardrails": [],
        "items": [{name: price[name] for name in kept} for price in answer["prices"]],
        "missing_ids": answer["missing_ids"],
    }
    return Decision(str(answer["decision_id"]), str(answer["generated_at"]), None, facts)
