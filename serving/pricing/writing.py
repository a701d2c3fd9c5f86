"""Writing answers down: rules in force, reasons, approval."""

from dataclasses import dataclass, fields

import numpy as np

from configs.pricing import PricingSettings
from serving.pricing import guardrails as rule_names
from serving.pricing.advice import Advice, Amounts, Approval, Guardrail, Objective, Outlook, Response
from serving.pricing.assortment import Flags, Floats
from serving.pricing.cases import Cases, Gathering
from serving.pricing.guardrails import SLACK, Bounds, Endings
from serving.pricing.optimum import Columns, Search, confidence, family_worth, preferred
from serving.pricing.outlooks import amounts, dollars, margin_changes, outcomes_of, outlooks, responses
from serving.pricing.response import Draws
from serving.pricing.stock_rule import DOWN, UP, Pressure


@dataclass(frozen=True, eq=False)
class Decision:
    """What was decided for B cases, and all that tells why.

    Attributes:
        cases: What was asked and known.
        bounds: What each hard rule allowed.
        search: What each point was worth.
        pressure: What the stock asked for.
        columns: (B,) the column taken.
        wanted_above: (B,) the next price above, cents, where it would be better but a rule forbids it; else NaN.
        wanted_below: (B,) likewise below.
        laddered: (B,) whether the family moved the price from its own best.
        objective: What the prices serve.
        kept: (B,) which cases to answer.
    """

    cases: Cases
    bounds: Bounds
    search: Search
    pressure: Pressure
    columns: Columns
    wanted_above: Floats
    wanted_below: Floats
    laddered: Flags
    objective: Objective
    kept: Flags | None = None

    def take(self, kept: Flags) -> "Decision":
        """Answer some cases only."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Decision(**{**values, "kept": kept})


@dataclass(frozen=True)
class Facts:
    """What is told of one case."""

    at: int
    current: float
    price: float
    change: float
    sure: float
    unchanged: Outlook
    expected: Outlook
    margin_change: Amounts
    response: Response


def write(decision: Decision, gathering: Gathering, draws: Draws, currency: str) -> dict[int, Advice]:
    """Write the answers, by position of their ask."""
    cases, points = decision.cases, decision.search.points
    rows = np.arange(len(cases))
    price = points.prices[rows, decision.columns]
    found = outcomes_of(cases, np.stack([price, cases.price], axis=1), draws)
    taken = cases.cross * family_worth(cases, gathering.assortment, gathering.settings)[1]
    changes = zip(*(values.tolist() for values in margin_changes(cases, found, taken)), strict=True)
    sure = confidence(decision.search, decision.columns).tolist()
    expected, unchanged = outlooks(cases, found, 0), outlooks(cases, found, 1)
    response = responses(cases, gathering.assortment)
    rules = Rules(decision, gathering, price)
    answers = {}
    for at, change in enumerate(changes):
        if decision.kept is not None and not decision.kept[at]:
            continue
        step = float(price[at] / cases.price[at] - 1)
        money = amounts(*change)
        current = float(cases.price[at])
        facts = Facts(at, current, float(price[at]), step, sure[at], unchanged[at], expected[at], money, response[at])
        answers[int(cases.rows[at])] = _advice(facts, decision, gathering, rules, currency)
    return answers


def _advice(facts: Facts, decision: Decision, gathering: Gathering, rules: "Rules", currency: str) -> Advice:
    cases, at = decision.cases, facts.at
    fired = rules.of(facts)
    assumed = bool(cases.cost_assumed[at])
    ask = gathering.asks[cases.rows[at]]
    current = ask.current_price if ask.current_price is not None else dollars(facts.current)
    return Advice(
        ask=ask,
        currency=currency,
        current_price=current,
        suggested_price=current if decision.columns[at] == 0 else dollars(facts.price),
        unit_cost=ask.unit_cost if ask.unit_cost is not None else dollars(float(cases.cost[at])),
        cost_assumed=assumed,
        n_weeks=gathering.n_weeks,
        guardrails=fired,
        elasticity=facts.response,
        expected=facts.expected,
        unchanged=facts.unchanged,
        margin_change=facts.margin_change,
        confidence=round(facts.sure, 4),
        approval=_approval(facts, fired, assumed, gathering.settings),
        reasons=tuple(_reasons(facts, decision, gathering, fired, currency)),
    )


class Rules:
    """The rules in force for each case, with what they allow and whether they bind."""

    def __init__(self, decision: Decision, gathering: Gathering, price: Floats) -> None:
        """Look at all cases at once.

        Args:
            decision: What was decided.
            gathering: Settings.
            price: (B,) suggested, USD.
        """
        self._decision, self._settings = decision, gathering.settings
        rules = self._settings.rules
        self._reasons = {
            rule_names.MODEL_AGE: rules.model_age.reason,
            rule_names.COST_FLOOR: rules.cost_floor.reason,
            rule_names.MIN_MARGIN: rules.min_margin.reason,
            rule_names.MAX_CHANGE: rules.max_change.reason,
            rule_names.OBSERVED_SUPPORT: rules.support.reason,
            rule_names.LIST_PRICE_CAP: rules.list_price_cap.reason,
            rule_names.EMERGENCY_NO_RISE: rules.emergency.reason,
            rule_names.FAMILY_LADDER: rules.ladder.reason,
            rule_names.PRICE_ENDING: rules.endings.reason,
        }
        endings = Endings.of(rules.endings)
        cents = np.rint(price * 100).astype(np.int64)
        self._ending = (endings.offset[endings.band_of(cents)] / 100).tolist()
        self._off_ending = (~endings.allow(decision.cases.price)).tolist()
        self._unusual = (~preferred(cents, rules.preferred_ending)).tolist()
        lower, upper = decision.bounds.lower, decision.bounds.upper
        self._lower = {code: limits.tolist() for code, limits in lower.items()}
        self._upper = {code: limits.tolist() for code, limits in upper.items()}
        self._below = {code: (decision.wanted_below < limits - SLACK).tolist() for code, limits in lower.items()}
        self._above = {code: (decision.wanted_above > limits + SLACK).tolist() for code, limits in upper.items()}

    def of(self, facts: Facts) -> tuple[Guardrail, ...]:
        """List the rules of one case: hard ones that apply, soft ones that fired."""
        at, rules = facts.at, self._settings.rules
        limits = {
            rule_names.MODEL_AGE: float(rules.model_age.max_days),
            rule_names.COST_FLOOR: self._lower[rule_names.COST_FLOOR][at] / 100,
            rule_names.MIN_MARGIN: rules.min_margin.share,
            rule_names.MAX_CHANGE: self._step(facts),
            rule_names.OBSERVED_SUPPORT: self._support(facts),
            rule_names.LIST_PRICE_CAP: self._upper[rule_names.LIST_PRICE_CAP][at] / 100,
            rule_names.EMERGENCY_NO_RISE: self._upper[rule_names.EMERGENCY_NO_RISE][at] / 100,
            rule_names.FAMILY_LADDER: self._ladder(facts),
            rule_names.PRICE_ENDING: self._ending[at],
        }
        hard = [
            Guardrail(code, "hard", round(limit, 6), self._binds(code, at), self._reasons[code])
            for code, limit in limits.items()
            if np.isfinite(limit)
        ]
        return (*hard, *self._soft(facts))

    def _binds(self, code: str, at: int) -> bool:
        if code == rule_names.PRICE_ENDING:
            return bool(self._off_ending[at])
        squeezed = code == rule_names.FAMILY_LADDER and bool(self._decision.laddered[at])
        below, above = self._below.get(code), self._above.get(code)
        return squeezed or (below is not None and below[at]) or (above is not None and above[at])

    def _rising(self, facts: Facts) -> bool:
        above = self._decision.wanted_above[facts.at]
        return facts.change > 0 or (facts.change == 0 and bool(np.isfinite(above)))

    def _step(self, facts: Facts) -> float:
        rule = self._settings.rules.max_change
        return rule.rise_share if self._rising(facts) else rule.cut_share

    def _support(self, facts: Facts) -> float:
        side = self._upper if self._rising(facts) else self._lower
        return float(side[rule_names.OBSERVED_SUPPORT][facts.at] / 100)

    def _ladder(self, facts: Facts) -> float:
        """The nearer bound by the rest of the family; the price itself where packs asked for together bound it."""
        ends = [side[rule_names.FAMILY_LADDER][facts.at] / 100 for side in (self._lower, self._upper)]
        if self._decision.laddered[facts.at]:
            return facts.price
        return float(min(ends, key=lambda end: abs(end - facts.price)))

    def _soft(self, facts: Facts) -> list[Guardrail]:
        change, ending = self._settings.rules.preferred_change, self._settings.rules.preferred_ending
        approval, step = self._settings.approval, abs(facts.change)
        found = [
            (rule_names.PREFERRED_CHANGE, change.share, step > change.share + 1e-9, True, change.reason),
            (rule_names.PREFERRED_ENDING, ending.offset_cents / 100, self._unusual[facts.at], False, ending.reason),
            (
                rule_names.APPROVAL_LIMIT,
                approval.max_change_share,
                step > approval.max_change_share + 1e-9,
                True,
                approval.reason,
            ),
        ]
        return [Guardrail(code, "soft", limit, binds, reason) for code, limit, fired, binds, reason in found if fired]


def _approval(facts: Facts, fired: tuple[Guardrail, ...], assumed: bool, settings: PricingSettings) -> Approval:
    limits = settings.approval
    reasons = [rule.code for rule in fired if rule.binding]
    if facts.sure < limits.min_confidence:
        reasons.append("LOW_CONFIDENCE")
    if assumed:
        reasons.append("ASSUMED_COST")
    if float(facts.expected.revenue.value) > limits.max_revenue_usd:
        reasons.append("REVENUE_AT_STAKE")
    if not limits.automatic:
        reasons.append("AUTOMATIC_APPROVAL_OFF")
    return Approval(bool(reasons), tuple(reasons))


def _reasons(
    facts: Facts, decision: Decision, gathering: Gathering, fired: tuple[Guardrail, ...], currency: str
) -> list[str]:
    found = [_headline(facts, decision, gathering, currency)]
    found += _stock_reasons(facts, decision, gathering)
    found += [f"{rule.code}: {rule.reason}" for rule in fired if rule.binding]
    if facts.response.source != "product":
        found.append(
            f"The product's own prices tell little: the response is mostly that of the {facts.response.source}."
        )
    if decision.cases.cost_assumed[facts.at]:
        share = gathering.settings.costs.assumed_share
        found.append(f"The unit cost is not known: {share:.0%} of the list price, or of the last price, stands in.")
    if decision.cases.basket[facts.at] != 0:
        found.append(f"Counts {decision.cases.basket[facts.at]:.2f} {currency} of margin in the basket per unit.")
    if decision.cases.cross[facts.at] > 0:
        found.append(f"Counts {decision.cases.cross[facts.at]:.0%} of the units won as lost by the rest of the family.")
    return found


def _headline(facts: Facts, decision: Decision, gathering: Gathering, currency: str) -> str:
    objective = decision.objective
    if decision.columns[facts.at] == 0:
        return (
            f"The price stays: no other price within the rules is likely enough to serve the objective ({objective})."
        )
    change = facts.margin_change
    return (
        f"From {facts.current:.2f} to {facts.price:.2f} {currency} ({facts.change:+.1%}), objective {objective}: "
        f"{facts.expected.units:.1f} units expected in {gathering.n_weeks} week(s) instead of "
        f"{facts.unchanged.units:.1f}; the margin changes by {change.value} {currency}, in four weeks of five by "
        f"{change.low_80} to {change.high_80}; the objective gains with probability {facts.sure:.2f}."
    )


def _stock_reasons(facts: Facts, decision: Decision, gathering: Gathering) -> list[str]:
    pressure, limits, at = decision.pressure, gathering.settings.stock, facts.at
    if decision.objective == "clearance":
        stock, share = decision.cases.stock[at], limits.sell_through_share
        part = facts.expected.units / stock
        return [f"Clearance: {part:.0%} of {stock:g} units are expected to sell in the window; the aim is {share:.0%}."]
    if pressure.direction[at] == UP:
        return [
            f"Low stock: it lasts {pressure.cover_weeks[at]:.1f} weeks, less than {limits.low_cover_weeks:g}, which "
            f"speaks for a higher price. {limits.reason}"
        ]
    if pressure.direction[at] != DOWN:
        return []
    if pressure.ageing[at]:
        return [f"Ageing stock: no sale for {limits.ageing_weeks:g} weeks or more speaks for a cut. {limits.reason}"]
    return [
        f"Surplus: the stock lasts {pressure.cover_weeks[at]:.1f} weeks, more than {limits.high_cover_weeks:g}, which "
        f"speaks for a cut. {limits.reason}"
    ]
