"""`POST /v1/forecasts`: what will be sold, with how sure that is."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from serving.decisions import Decision, DecisionLog, new_decision_id
from serving.errors import FieldError
from serving.lists import rfc3339
from serving.pricing.checks import Checks, amount_of, refuse
from serving.pricing.ports import DemandDesk, GetDesk, PlannedWeek, Track
from serving.pricing.schemas import ForecastsRequest, PlannedWeekIn, PriceIn
from serving.pricing.simulate import too_far
from training.demand.forecast import LEVELS, Forecast

NAMES: Final = tuple(f"q{round(100 * level)}" for level in LEVELS)
_DIGITS: Final = 4


@dataclass(frozen=True)
class Forecasting:
    """Asks the demand desk.

    Args:
        checks: Limits of requests.
        decisions: The record of answers.
        max_rows: Most products x stores x weeks in one answer.
        default_weeks: Weeks ahead when the request names none.
        now: The wall clock.
    """

    checks: Checks
    decisions: DecisionLog
    max_rows: int
    default_weeks: int
    now: Callable[[], datetime]

    def forecast(self, request: ForecastsRequest, get_desk: GetDesk) -> dict[str, Any]:
        """Answer one request; products and stores that nobody knows are named, the rest is answered.

        Raises:
            FieldsInvalid: If anything in the request is amiss.
            NotReady: If no demand models are loaded.
        """
        started = time.perf_counter()
        refuse([*self._too_large(request), *self._plan_amiss(request.plan)])
        desk = get_desk()
        refuse(too_far(request.n_weeks, desk))
        n_weeks = request.n_weeks or min(self.default_weeks, desk.longest_weeks)
        known, missing = _split(request.product_ids, desk.assortment.index_of)
        stores, missing_stores = _split(request.store_ids or (), desk.assortment.store_index_of)
        track = _track(request.plan)
        rows: list[dict[str, Any]] = []
        origin = None
        if known and (stores or request.store_ids is None):
            asked_stores = None if request.store_ids is None else stores
            planned = [_planned(week) for week in request.plan]
            found = desk.forecast(known, asked_stores, n_weeks=n_weeks, track=track, planned=planned)
            rows, origin = _rows(found), str(found.origin.astype("datetime64[D]"))
        answer = {
            "decision_id": new_decision_id(),
            "generated_at": rfc3339(self.now()),
            "took_ms": round((time.perf_counter() - started) * 1000, 3),
            "model": dict(desk.card),
            "origin": origin,
            "track": track,
            "forecasts": rows,
            "missing_ids": missing,
            "missing_store_ids": missing_stores,
        }
        self.decisions.record(_decision(answer, desk, n_weeks))
        return answer

    def _too_large(self, request: ForecastsRequest) -> list[FieldError]:
        n_weeks = request.n_weeks or self.default_weeks
        n_rows = len(request.product_ids) * max(1, len(request.store_ids or ())) * n_weeks
        if n_rows <= self.max_rows:
            return []
        message = (
            f"{n_rows} products x stores x weeks are asked for; at most {self.max_rows} fit into one answer. Split the "
            "request, or run `fairshelf forecast`."
        )
        return [FieldError("product_ids", "TOO_MANY", message)]

    def _plan_amiss(self, plan: Sequence[PlannedWeekIn]) -> list[FieldError]:
        faults = []
        for n, week in enumerate(plan):
            if week.week_start.weekday() != 0:
                message = f"{week.week_start} is no Monday. Name a week by its Monday in the trading calendar."
                faults.append(FieldError(f"plan.{n}.week_start", "NO_MONDAY", message))
            for name in ("shelf_price", "paid_price"):
                faults.extend(self.checks.in_range(f"plan.{n}.{name}", getattr(week, name)))
        return faults


def _split(ids: Sequence[str], index_of: Callable[[Sequence[str]], Any]) -> tuple[list[str], list[str]]:
    """Part known from unknown ids, each once, in the order they were given."""
    unique = list(dict.fromkeys(ids))
    known = (index_of(unique) >= 0).tolist() if unique else []
    return (
        [name for name, found in zip(unique, known, strict=True) if found],
        [name for name, found in zip(unique, known, strict=True) if not found],
    )


def _track(plan: Sequence[PlannedWeekIn]) -> Track:
    """Tell how much of the future the caller knows."""
    if any(week.shelf_price is not None or week.paid_price is not None for week in plan):
        return "full"
    if any(week.display is not None or week.mailer is not None for week in plan):
        return "promo"
    return "none"


def _planned(week: PlannedWeekIn) -> PlannedWeek:
    return PlannedWeek(
        product_id=week.product_id,
        week_start=week.week_start,
        shelf_price=_number(week.shelf_price),
        paid_price=_number(week.paid_price),
        display=week.display,
        mailer=week.mailer,
        uplift=week.uplift,
    )


def _number(price: PriceIn | None) -> float | None:
    return None if price is None else float(amount_of(price))


def _rows(found: Forecast) -> list[dict[str, Any]]:
    weeks = [str(week) for week in found.weeks.astype("datetime64[D]")]
    means = np.round(found.mean, _DIGITS).tolist()
    quantiles = np.round(found.quantiles, _DIGITS).tolist()
    stores = [None] * len(found.product_ids) if found.store_ids is None else found.store_ids.tolist()
    return [
        {
            "product_id": product_id,
            "store_id": stores[n],
            "week_start": week,
            "mean": means[n][h],
            **dict(zip(NAMES, quantiles[n][h], strict=True)),
        }
        for n, product_id in enumerate(found.product_ids.tolist())
        for h, week in enumerate(weeks)
    ]


def _decision(answer: dict[str, Any], desk: DemandDesk, n_weeks: int) -> Decision:
    facts = {
        "kind": "price_forecasts",
        "subject": "nobody",
        "model": dict(desk.card),
        "bundle_digest": desk.digest,
        "guardrails": [],
        "request": {"n_rows": len(answer["forecasts"]), "n_weeks": n_weeks, "track": answer["track"]},
        "missing_ids": answer["missing_ids"],
    }
    return Decision(str(answer["decision_id"]), str(answer["generated_at"]), None, facts)
