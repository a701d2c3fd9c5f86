"""`POST /v1/price-suggestions`: prices with their reasons, put on record for review."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from configs.pricing_rules import PricingRules
from serving.decisions import Decision, DecisionLog, new_decision_id
from serving.lists import rfc3339
from serving.pricing.advice import Advice, Ask, Declined
from serving.pricing.blocks import advice_blocks, refused_block
from serving.pricing.checks import Checks, optional_amount
from serving.pricing.disclosure import DisclosureTable
from serving.pricing.errors import IdempotencyKeyReused
from serving.pricing.idempotency import Answered, Ticket
from serving.pricing.moments import to_us
from serving.pricing.override import hard_limits
from serving.pricing.ports import DemandDesk, GetDesk, PriceAdvisor
from serving.pricing.price_history import Price, PriceHistory, Scope
from serving.pricing.prior_price import PriorPrice, prior_price
from serving.pricing.review import Review
from serving.pricing.schemas import AskIn, PriceSuggestionsRequest
from serving.pricing.states import APPROVED, PENDING
from serving.pricing.suggestions import Suggestion, new_suggestion_id
from serving.pricing.tables import EVERYWHERE

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Suggesting:
    """Asks the advisor, adds what the law wants beside a price, and puts the outcome on record.

    Args:
        engine: Database of the kept answers.
        advisor: Finds prices.
        rules: Hard rules, told with each suggestion as the range that an override may choose from.
        checks: Limits of requests.
        laws: What must be disclosed where.
        history: Prices that were in force.
        prior_price_days: Window of the prior price; days.
        review: The flow that the suggestions enter.
        decisions: The record of answers.
        personal_data_used: Columns about people behind a price, read from the lineage of the price features.
        default_weeks: Weeks looked ahead for a price without an end.
        now: The wall clock.
        data_now: The same moment in the time of the data.
    """

    engine: sa.Engine
    advisor: PriceAdvisor
    rules: PricingRules
    checks: Checks
    laws: DisclosureTable
    history: PriceHistory
    prior_price_days: int
    review: Review
    decisions: DecisionLog
    personal_data_used: tuple[str, ...]
    default_weeks: int
    now: Callable[[], datetime]
    data_now: Callable[[], datetime]

    def suggest(
        self, request: PriceSuggestionsRequest, get_desk: GetDesk, *, caller: str, key: str | None
    ) -> dict[str, Any]:
        """Answer one request.

        Raises:
            FieldsInvalid: If anything in the request is amiss.
            IdempotencyKeyReused: If the key came with another request before.
            NotReady: If no demand models are loaded.
        """
        self.checks.suggestions(request)
        ticket = None if key is None or request.dry_run else Ticket.of(caller, key, request)
        kept = ticket.answer(self.engine) if ticket else None
        if kept is not None:
            return kept
        started = time.perf_counter()
        desk, now = get_desk(), self.now()
        found = self._advise(request, desk, now)
        decision_id = new_decision_id()
        suggestions = self._suggestions(request, found, now, desk, decision_id=decision_id, caller=caller)
        answer: dict[str, Any] = {
            "decision_id": decision_id,
            "generated_at": rfc3339(now),
            "took_ms": 0.0,
            "suggestions": [suggestion.shown() for suggestion in suggestions],
            "refused": [refused_block(declined) for declined in found if isinstance(declined, Declined)],
        }
        answer["took_ms"] = round((time.perf_counter() - started) * 1000, 3)
        if request.dry_run:
            return _without_ids(answer)
        try:
            self.review.record(suggestions, Answered(ticket, answer) if ticket else None)
        except IdempotencyKeyReused:
            return self._answer_of_the_faster(ticket)
        self.decisions.record(_decision(request, answer, desk))
        return answer

    def _answer_of_the_faster(self, ticket: Ticket | None) -> dict[str, Any]:
        kept = ticket.answer(self.engine) if ticket else None
        if ticket is None or kept is None:
            raise IdempotencyKeyReused(key=ticket.key if ticket else "")
        return kept

    def _advise(self, request: PriceSuggestionsRequest, desk: DemandDesk, now: datetime) -> Sequence[Advice | Declined]:
        n_weeks = self.default_weeks
        if request.valid_until is not None:
            begins = now if request.valid_from is None else request.valid_from
            n_weeks = min(max(1, math.ceil((request.valid_until - begins) / WEEK)), desk.longest_weeks)
        asks = [ask_of(item) for item in request.items]
        return self.advisor.advise(
            asks, desk.assortment, objective=request.objective, n_weeks=n_weeks, now=self.data_now()
        )

    def _suggestions(
        self,
        request: PriceSuggestionsRequest,
        found: Sequence[Advice | Declined],
        now: datetime,
        desk: DemandDesk,
        *,
        decision_id: str,
        caller: str,
    ) -> list[Suggestion]:
        advised = [advice for advice in found if isinstance(advice, Advice)]
        begins = now if request.valid_from is None else request.valid_from.astimezone(UTC)
        prices = self.history.of(sorted({advice.product_id for advice in advised}))
        limits = hard_limits(advised, desk.assortment, self.rules)
        shared = self._shared(request, desk)
        suggestions = []
        for advice, hard in zip(advised, limits, strict=True):
            scope = Scope(advice.product_id, advice.store_id or EVERYWHERE, request.channel or EVERYWHERE)
            prior = self._prior(prices.get(advice.product_id, []), scope, begins, advice)
            blocks = advice_blocks(advice, objective=request.objective)
            suggestions.append(
                Suggestion(
                    suggestion_id=new_suggestion_id(),
                    decision_id=decision_id,
                    scope=scope,
                    status=PENDING if advice.approval.required else APPROVED,
                    created_at=now,
                    created_by=caller,
                    valid_from=begins,
                    valid_until=request.valid_until and request.valid_until.astimezone(UTC),
                    currency=advice.currency,
                    price=advice.suggested_price,
                    facts={**blocks, **shared, "hard_limits": hard, "prior_price": prior.shown()},
                )
            )
        return suggestions

    def _shared(self, request: PriceSuggestionsRequest, desk: DemandDesk) -> dict[str, Any]:
        """Write what holds for every suggestion of a request."""
        disclosure = self.laws.of(request.jurisdiction, self.personal_data_used)
        return {
            "personalized": bool(self.personal_data_used),
            "personal_data_used": list(self.personal_data_used),
            "disclosure": disclosure.shown(),
            "jurisdiction": disclosure.jurisdiction,
            "model_version": desk.assortment.model_version,
        }

    def _prior(self, prices: Sequence[Price], scope: Scope, begins: datetime, advice: Advice) -> PriorPrice:
        return prior_price(
            prices,
            scope,
            to_us(begins),
            days=self.prior_price_days,
            currency=advice.currency,
            tried=advice.suggested_price,
        )


def ask_of(item: AskIn) -> Ask:
    """Read one item of a request."""
    return Ask(
        product_id=item.product_id,
        store_id=item.store_id,
        current_price=optional_amount(item.current_price),
        unit_cost=optional_amount(item.unit_cost),
        stock_units=item.stock_units,
        basket_margin=optional_amount(item.basket_margin),
        family_cross_effect=item.family_cross_effect,
    )


def _without_ids(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a dry run what would point at nothing."""
    nothing: dict[str, Any] = {"suggestion_id": None, "decision_id": None, "allowed_moves": []}
    return {**answer, "decision_id": None, "suggestions": [{**one, **nothing} for one in answer["suggestions"]]}


def _decision(request: PriceSuggestionsRequest, answer: dict[str, Any], desk: DemandDesk) -> Decision:
    asked = request.model_dump(mode="json", exclude={"items", "dry_run"}, exclude_defaults=True)
    kept = ("suggestion_id", "product_id", "store_id", "status", "current_price", "suggested_price")
    suggested = [
        {
            **{name: one[name] for name in kept},
            "binding": [rule["code"] for rule in one["guardrails"] if rule["binding"]],
        }
        for one in answer["suggestions"]
    ]
    facts = {
        "kind": "price_suggestions",
        "subject": "nobody",
        "model": dict(desk.card),
        "bundle_digest": desk.digest,
        "request": {**asked, "n_items": len(request.items)},
        "guardrails": sorted({code for one in suggested for code in one["binding"]}),
        "personal_data_used": sorted({name for one in answer["suggestions"] for name in one["personal_data_used"]}),
        "items": suggested,
        "refused": answer["refused"],
    }
    return Decision(str(answer["decision_id"]), str(answer["generated_at"]), None, facts)
