"""The advisor: from asks to price suggestions, each inside every hard rule, with its reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from configs.pricing import PricingSettings
from serving.pricing.advice import Advice, Ask, Declined, Objective, Simulated
from serving.pricing.assortment import Assortment, Flags, Floats
from serving.pricing.cases import Cases, Gathering, gather
from serving.pricing.guardrails import FAMILY_LADDER, Bounds, Endings, bounds_of
from serving.pricing.ladders import bounds_by_others, families_of
from serving.pricing.optimum import Columns, Points, Search, search
from serving.pricing.refusals import decline
from serving.pricing.response import Draws
from serving.pricing.simulation import simulate
from serving.pricing.stock_rule import Pressure, press, pressure_of
from serving.pricing.writing import Decision, write


@dataclass(frozen=True, eq=False)
class _Feasible:
    """Cases with at least one price that every hard rule allows."""

    cases: Cases
    bounds: Bounds
    points: Points


class Advisor:
    """Suggests and simulates prices.

    Pure: the same asks, assortment and time give the same answers, in any order and whatever else is asked, save that
    packs of one family asked for together are priced together.
    """

    def __init__(self, settings: PricingSettings, *, currency: str = "USD") -> None:
        """Prepare what all answers share.

        Args:
            settings: The rules and how to choose.
            currency: ISO 4217, of every amount that comes in and goes out.
        """
        self.settings = settings
        self.currency = currency
        self._endings = Endings.of(settings.rules.endings)
        self._draws = Draws.of(settings.search.seed)

    def advise(
        self, asks: Sequence[Ask], assortment: Assortment, *, objective: Objective, n_weeks: int, now: datetime
    ) -> list[Advice | Declined]:
        """Suggest a price for each ask, or refuse with a code.

        Args:
            asks: In any order.
            assortment: What the models and the books say.
            objective: What the price is to serve.
            n_weeks: Length of the window, 1 or more.
            now: Against which the age of the data is judged; aware.

        Returns:
            One answer per ask, in the same order.
        """
        if not asks:
            return []
        gathering = Gathering(asks, assortment, self.settings, n_weeks, now)
        cases, declined = gather(gathering, strict=True, stock_needed=objective == "clearance")
        answers: dict[int, Advice | Declined] = dict(declined)
        feasible = self._feasible(cases, gathering, answers)
        if len(feasible.cases):
            decision = self._decide(feasible, gathering, objective, answers)
            answers |= write(decision, gathering, self._draws, self.currency)
        return [answers[row] for row in range(len(asks))]

    def simulate(
        self,
        asks: Sequence[Ask],
        prices: Sequence[Decimal],
        assortment: Assortment,
        *,
        n_weeks: int,
        now: datetime,
    ) -> list[Simulated | Declined]:
        """Tell what each ask's price is expected to bring; `prices` has one per ask."""
        gathering = Gathering(asks, assortment, self.settings, n_weeks, now)
        return simulate(gathering, prices, self._draws, self.currency) if asks else []

    def _feasible(self, cases: Cases, gathering: Gathering, answers: dict[int, Advice | Declined]) -> _Feasible:
        """Refuse where hard rules contradict; a pack that is refused keeps its price, which then bounds its family."""
        rules, assortment = self.settings.rules, gathering.assortment
        plain = bounds_of(cases, assortment, rules)
        open_ = np.ones(len(cases), dtype=np.bool_)
        while True:
            bounds = plain.with_ladder(*bounds_by_others(cases, assortment, rules.ladder, open_=open_))
            low, high = bounds.low, bounds.high
            points = Points.between(cases, self._endings, low, np.maximum(high, low - 1))
            stuck = open_ & ~points.allowed.any(axis=1)
            for at in np.flatnonzero(stuck).tolist():
                self._refuse(gathering, cases, at, bounds.contradicting(at), answers)
            open_ &= ~stuck
            if not stuck.any():
                break
        kept = Points(points.prices[open_], points.cents[open_], points.allowed[open_])
        return _Feasible(cases.take(open_), bounds.take(open_), kept)

    def _refuse(
        self, gathering: Gathering, cases: Cases, at: int, rules: tuple[str, ...], answers: dict[int, Advice | Declined]
    ) -> None:
        row = int(cases.rows[at])
        answers[row] = decline(gathering.asks[row], "INFEASIBLE_GUARDRAILS", rules=rules, named=", ".join(rules))

    def _decide(
        self,
        feasible: _Feasible,
        gathering: Gathering,
        objective: Objective,
        answers: dict[int, Advice | Declined],
    ) -> Decision:
        cases, points, assortment = feasible.cases, feasible.points, gathering.assortment
        found = search(cases, assortment, points, objective, self.settings)
        pressure = pressure_of(cases, assortment, self.settings.stock)
        columns = found.columns
        if objective != "clearance":
            columns = press(columns, points.prices, points.allowed, pressure)
        final, laddered, kept = self._on_ladders(feasible, gathering, columns, answers)
        return _decision(feasible, found, pressure, final, laddered, objective).take(kept)

    def _on_ladders(
        self, feasible: _Feasible, gathering: Gathering, columns: Columns, answers: dict[int, Advice | Declined]
    ) -> tuple[Columns, Flags, Flags]:
        """Price families together; a family that cannot be is refused whole."""
        cases, points = feasible.cases, feasible.points
        rows = np.arange(len(cases))
        cents, columns = points.cents[rows, columns], columns.copy()
        kept, moved = np.ones(len(cases), dtype=np.bool_), np.zeros(len(cases), dtype=np.bool_)
        for family in families_of(cases, gathering.assortment, self.settings.rules.ladder):
            if not family.broken(cents):
                continue
            choices = [np.unique(points.cents[at][points.allowed[at]]) for at in family.at.tolist()]
            settled = family.resolve(choices, cents[family.at])
            for nth, at in enumerate(family.at.tolist()):
                if settled is None:
                    kept[at] = False
                    self._refuse(gathering, cases, at, (FAMILY_LADDER,), answers)
                elif settled[nth] != cents[at]:
                    moved[at] = True
                    columns[at] = _column(points, at, int(settled[nth]))
        return columns, moved, kept


def _column(points: Points, at: int, cents: int) -> int:
    return int(np.flatnonzero(points.allowed[at] & (points.cents[at] == cents))[0])


def _decision(
    feasible: _Feasible, found: Search, pressure: Pressure, columns: Columns, laddered: Flags, objective: Objective
) -> Decision:
    up = _wanted(feasible.points, found, columns, pressure, 1)
    down = _wanted(feasible.points, found, columns, pressure, -1)
    return Decision(feasible.cases, feasible.bounds, found, pressure, columns, up, down, laddered, objective)


def _wanted(points: Points, found: Search, columns: Columns, pressure: Pressure, side: int) -> Floats:
    """Find the forbidden price next to the choice, where it would have been better; cents, NaN elsewhere.

    A rule that excludes that price is binding.
    """
    case = np.arange(len(columns))
    chosen = points.cents[case, columns].astype(np.float64)
    beyond = np.where(points.cents > 0, (points.cents - chosen[:, None]) * side, -1.0)
    beyond[:, 0] = -1.0
    next_ = np.where(beyond > 0, beyond, np.inf).argmin(axis=1)
    there = beyond[case, next_] > 0
    forbidden = there & ~points.allowed[case, next_] & (points.cents[case, next_] != points.cents[:, 0])
    better = found.scores[case, next_] > found.scores[case, columns] + 1e-9 * found.scale
    target = pressure.target * 100
    asked = (pressure.direction == side) & ((target - chosen) * side > 0.5)
    return np.where(forbidden & (better | asked), points.cents[case, next_].astype(np.float64), np.nan)
