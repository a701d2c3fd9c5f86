"""Price suggestions worked by hand, and against a slow search."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from scipy.stats import truncnorm

from configs.loading import load_settings
from configs.pricing import PricingSettings
from serving.pricing.advice import Advice, Ask, Declined, Guardrail, Objective, Simulated
from serving.pricing.advisor import Advisor
from serving.pricing.assortment import Assortment
from serving.pricing.errors import AssortmentBroken
from serving.pricing.refusals import CODES
from serving.pricing.response import N_NODES, Draws

NOW = datetime(2025, 3, 1, tzinfo=UTC)
SETTINGS = load_settings("test").pricing

# What each product is: current price, elasticity, family and pack size. Costs 1.00, 100 units a week, seen from half
# to double its price.
PRODUCTS: dict[str, tuple[float, float, str, float]] = {
    "elastic": (2.99, -5.0, "", float("nan")),
    "inelastic": (2.99, -0.5, "", float("nan")),
    "large": (5.49, -0.3, "tea", 20.0),
    "odd": (2.95, -1.5, "", float("nan")),
    "small": (2.99, -5.0, "tea", 10.0),
}


def market(**changed: Any) -> Assortment:
    """Five products sold at two stores."""
    n = len(PRODUCTS)
    price, location, family, size = (np.array(column) for column in zip(*PRODUCTS.values(), strict=True))
    told: dict[str, Any] = {
        "product_ids": np.array(list(PRODUCTS)),
        "current_price": price,
        "list_price": np.full(n, np.nan),
        "lowest_price": price / 2,
        "highest_price": price * 2,
        "unit_cost": np.ones(n),
        "weekly_units": np.full((n, 2), 100.0),
        "dispersion": np.full((n, 2), 0.2),
        "elasticity_location": location,
        "elasticity_scale": np.full(n, 0.1),
        "elasticity_source": np.array(["product"] * n),
        "identified": np.ones(n, dtype=np.bool_),
        "department": np.array(["GROCERY"] * n),
        "category": np.array(["DRINKS"] * n),
        "family": family,
        "pack_size": size,
        "sold_by_weight": np.zeros(n, dtype=np.bool_),
        "weeks_since_last_sale": np.zeros(n),
        "store_ids": np.array(["1", "2"]),
        "pair_product_idx": np.arange(n),
        "pair_store_idx": np.zeros(n, dtype=np.int64),
        "pair_share": np.full(n, 0.25),
        "pair_dispersion": np.full(n, 0.5),
        "model_version": "1",
        "trained_until": NOW - timedelta(days=7),
        "data_until": NOW - timedelta(days=7),
    }
    return Assortment(**{**told, **changed})


def unsure(**changed: Any) -> Assortment:
    """The same, but nobody knows which way pays: at 2.99 and a cost of 1.00 rise and cut break even at -1.5."""
    return market(elasticity_location=np.full(5, -1.5), elasticity_scale=np.full(5, 0.5), **changed)


def only(product: str, values: Any, value: Any) -> Any:
    """Change one product's value in a column."""
    changed = np.array(values)
    changed[list(PRODUCTS).index(product)] = value
    return changed


def ruled(rule: str, **changed: Any) -> PricingSettings:
    """The shipped settings with one rule changed."""
    found = getattr(SETTINGS.rules, rule).model_copy(update=changed)
    return SETTINGS.model_copy(update={"rules": SETTINGS.rules.model_copy(update={rule: found})})


def answers(
    asks: Sequence[Ask],
    assortment: Assortment | None = None,
    settings: PricingSettings = SETTINGS,
    objective: Objective = "margin",
    **changed: Any,
) -> list[Advice | Declined]:
    """Ask."""
    told = {"n_weeks": 1, "now": NOW, **changed}
    return Advisor(settings).advise(asks, market() if assortment is None else assortment, objective=objective, **told)


def advise(ask: Ask, *arguments: Any, **changed: Any) -> Advice:
    """Ask for one price that must be found."""
    (found,) = answers([ask], *arguments, **changed)
    assert isinstance(found, Advice), found
    return found


def refuse(ask: Ask, *arguments: Any, **changed: Any) -> Declined:
    """Ask for one price that must not be found."""
    (found,) = answers([ask], *arguments, **changed)
    assert isinstance(found, Declined), found
    return found


def binding(found: Advice) -> set[str]:
    """Codes of the rules that stopped a better price."""
    return {rule.code for rule in found.guardrails if rule.binding and rule.kind == "hard"}


def rule(found: Advice, code: str) -> Guardrail:
    """One rule of an answer."""
    return next(each for each in found.guardrails if each.code == code)


def test_an_elastic_product_is_cut_to_the_largest_step() -> None:
    found = advise(Ask("elastic"))  # best price by hand: e / (e + 1) * cost = 1.25, far below 2.99 less a tenth
    assert found.suggested_price == Decimal("2.79")  # 2.69 lies below 2.691
    assert binding(found) == {"MAX_CHANGE"}
    assert rule(found, "MAX_CHANGE").limit == 0.1
    assert "MAX_CHANGE" in found.approval.reasons
    assert found.expected.units == pytest.approx(100 * (2.79 / 2.99) ** -5, rel=0.01)
    assert float(found.expected.revenue.value) == pytest.approx(2.79 * found.expected.units, abs=0.02)
    assert float(found.expected.margin.value) == pytest.approx(1.79 * found.expected.units, abs=0.02)


def test_where_no_finite_price_is_best_the_guardrails_decide() -> None:
    found = advise(Ask("inelastic"))
    assert found.suggested_price == Decimal("3.19")  # one step of a tenth: 3.289 at most
    assert found.confidence == 1.0
    assert binding(found) == {"MAX_CHANGE"}


def test_units_fall_and_revenue_rises_with_an_inelastic_price() -> None:
    assert advise(Ask("inelastic"), objective="revenue").suggested_price > Decimal("2.99")
    assert advise(Ask("inelastic"), objective="units").suggested_price < Decimal("2.99")


def test_an_unsure_response_keeps_the_price() -> None:
    assert advise(Ask("inelastic")).suggested_price != Decimal("2.99")
    found = advise(Ask("inelastic"), unsure())
    assert found.suggested_price == found.current_price == Decimal("2.99")
    assert found.margin_change.value == 0
    assert found.confidence == 1
    assert "stays" in found.reasons[0]


def test_a_price_with_a_forbidden_ending_moves_to_the_nearest_allowed() -> None:
    found = advise(Ask("odd"), unsure())
    assert found.suggested_price == Decimal("2.99")
    assert "PRICE_ENDING" in binding(found)


def test_the_search_agrees_with_a_slow_one() -> None:
    plain = SETTINGS.model_copy(
        update={
            "rules": ruled("preferred_change", min_extra_gain_share=0.0).rules.model_copy(
                update={
                    "preferred_ending": SETTINGS.rules.preferred_ending.model_copy(update={"min_extra_gain_share": 0.0})
                }
            ),
            "search": SETTINGS.search.model_copy(
                update={"indifference_share": 0.0, "min_gain_share": 0.0, "min_confidence": 0.5}
            ),
        }
    )
    generator = np.random.default_rng(5)
    for _ in range(40):
        mean, spread, cost = generator.uniform(-6, -1.2), generator.uniform(0.05, 1.0), generator.uniform(0.5, 2.4)
        changed = market(
            elasticity_location=np.full(5, mean), elasticity_scale=np.full(5, spread), unit_cost=np.full(5, cost)
        )
        found = advise(Ask("elastic"), changed, plain)
        assert found.suggested_price == slowly(mean, spread, cost)


def slowly(mean: float, spread: float, cost: float) -> Decimal:
    """Try every whole cent within a tenth of 2.99 by the words of the settings."""
    nodes = [
        truncnorm.ppf((node + 0.5) / N_NODES, -np.inf, -mean / spread, loc=mean, scale=spread)
        for node in range(N_NODES)
    ]

    def gains(price: float) -> list[float]:
        return sorted((price - cost) * 100 * (price / 2.99) ** e - (2.99 - cost) * 100 for e in nodes)

    at = int(np.ceil(SETTINGS.search.decision_quantile * N_NODES)) - 1
    allowed = [cents for cents in range(270, 329) if cents % 10 == 9 and cents / 100 >= cost / 0.95]
    best = max(allowed, key=lambda cents: gains(cents / 100)[at])
    likely = sum(gain > 0 for gain in gains(best / 100)) / N_NODES >= 0.5
    return Decimal(best if likely else 299) / 100


@pytest.mark.parametrize(
    ("stock", "weeks_unsold", "wanted"), [(20.0, 0, 1), (100_000.0, 0, -1), (500.0, 20, -1), (500.0, 0, 0)]
)
def test_the_price_moves_when_stock_moves(stock: float, weeks_unsold: int, wanted: int) -> None:
    aged = unsure(weeks_since_last_sale=np.full(5, float(weeks_unsold)))
    found = advise(Ask("elastic", stock_units=stock), aged)
    assert (found.suggested_price > found.current_price) - (found.suggested_price < found.current_price) == wanted
    assert abs(found.suggested_price / found.current_price - 1) <= Decimal("0.1")
    assert any("stock" in reason.lower() for reason in found.reasons) == (wanted != 0)
    assert found.expected.units <= stock


def test_a_declared_emergency_stops_a_rise_whatever_the_stock() -> None:
    declared = ruled("emergency", declared=True, categories=("DRINKS",))
    elsewhere = ruled("emergency", declared=True, categories=("TOYS",))
    scarce = Ask("inelastic", stock_units=5.0)
    found = advise(scarce, market(), declared)
    assert found.suggested_price == Decimal("2.99")
    assert "EMERGENCY_NO_RISE" in binding(found)
    assert advise(scarce, market(), elsewhere).suggested_price > Decimal("2.99")
    assert advise(scarce, market(), ruled("emergency", declared=True)).suggested_price == Decimal("2.99")


def test_a_large_pack_is_bound_by_the_small_one_that_nobody_asked_for() -> None:
    found = advise(Ask("large"))  # wants 5.99 of at most 6.039; twice the small one's 2.99 is 5.98
    assert found.suggested_price == Decimal("5.89")
    assert "FAMILY_LADDER" in binding(found)
    assert rule(found, "FAMILY_LADDER").limit == pytest.approx(5.98)


def test_a_family_asked_for_together_is_priced_together() -> None:
    small, large = answers([Ask("small"), Ask("large")])
    assert isinstance(small, Advice)
    assert isinstance(large, Advice)
    assert small.suggested_price == Decimal("2.79")  # the smaller pack comes first
    assert large.suggested_price == Decimal("5.49")  # at most 5.58
    assert "FAMILY_LADDER" in binding(large)
    assert answers([Ask("large"), Ask("small")]) == [large, small]


def test_a_ladder_broken_today_is_refused_or_made_no_worse() -> None:
    broken = market(current_price=only("large", market().current_price, 6.49))
    assert refuse(Ask("large", current_price=Decimal("6.99")), broken).rules == ("MAX_CHANGE", "FAMILY_LADDER")
    lenient = advise(Ask("large"), broken, ruled("ladder", existing_breaks="no_worse"))
    assert lenient.suggested_price <= Decimal("6.49")


def test_list_price_and_support_cap_the_price() -> None:
    capped = market(list_price=np.full(5, 3.00))
    assert binding(advise(Ask("inelastic"), capped)) == {"LIST_PRICE_CAP"}
    seen = market(highest_price=np.full(5, 3.00))
    assert binding(advise(Ask("inelastic"), seen)) == {"OBSERVED_SUPPORT"}


def test_cost_floor_and_margin_hold_the_price_up() -> None:
    found = advise(Ask("elastic", unit_cost=Decimal("2.70")), objective="units")
    assert found.suggested_price == Decimal("2.89")  # 2.70 / 0.95 = 2.842
    assert binding(found) == {"MIN_MARGIN"}
    assert rule(found, "COST_FLOOR").limit == 2.7


def test_an_assumed_cost_is_told() -> None:
    found = advise(Ask("elastic"), market(unit_cost=np.full(5, np.nan), list_price=np.full(5, 3.50)))
    assert found.cost_assumed
    assert found.unit_cost == Decimal("2.45")
    assert "ASSUMED_COST" in found.approval.reasons
    assert any("not known: 70%" in reason for reason in found.reasons)
    assert not advise(Ask("elastic")).cost_assumed


def test_basket_margin_and_family_turn_the_price() -> None:
    alone = market(elasticity_location=np.full(5, -0.8))
    assert advise(Ask("inelastic"), alone).suggested_price > Decimal("2.99")
    assert advise(Ask("inelastic", basket_margin=Decimal("20")), alone).suggested_price < Decimal("2.99")
    steep = market(elasticity_location=np.full(5, -3.0))
    assert advise(Ask("small"), steep).suggested_price < Decimal("2.99")
    assert advise(Ask("small", family_cross_effect=1.0), steep).suggested_price >= Decimal("2.99")


def test_clearance_sells_the_stock_by_the_end_of_the_window() -> None:
    found = advise(Ask("elastic", stock_units=130.0), market(dispersion=np.full((5, 2), 1e-4)), objective="clearance")
    assert found.suggested_price < Decimal("2.99")
    assert found.expected.units >= 0.9 * 130
    assert "Clearance" in found.reasons[1]
    assert refuse(Ask("elastic"), objective="clearance").code == "NO_STOCK"


def test_a_person_approves_unless_the_settings_say_otherwise() -> None:
    assert advise(Ask("elastic")).approval.required
    lenient = SETTINGS.model_copy(update={"approval": SETTINGS.approval.model_copy(update={"automatic": True})})
    assert not advise(Ask("inelastic"), unsure(), lenient).approval.required
    moved = advise(Ask("elastic"), market(), lenient).approval
    assert moved.required
    assert {"MAX_CHANGE", "APPROVAL_LIMIT"} <= set(moved.reasons)


def test_a_store_sells_its_share() -> None:
    assert advise(Ask("elastic", "1")).unchanged.units == pytest.approx(25)
    assert refuse(Ask("elastic", "2")).code == "NOT_SOLD_AT_STORE"


@pytest.mark.parametrize(
    ("code", "ask", "changed"),
    [
        ("UNKNOWN_PRODUCT", Ask("nobody"), {}),
        ("UNKNOWN_STORE", Ask("elastic", "9"), {}),
        ("SOLD_BY_WEIGHT", Ask("elastic"), {"sold_by_weight": np.ones(5, dtype=np.bool_)}),
        ("MODEL_TOO_OLD", Ask("elastic"), {"data_until": NOW - timedelta(days=61)}),
        ("PRICE_OUT_OF_RANGE", Ask("elastic", current_price=Decimal("-1")), {}),
        ("PRICE_OUT_OF_RANGE", Ask("elastic", current_price=Decimal("NaN")), {}),
        ("NO_CURRENT_PRICE", Ask("elastic"), {"current_price": np.full(5, np.nan)}),
        ("COST_OUT_OF_RANGE", Ask("elastic", unit_cost=Decimal("-0.01")), {}),
        ("COST_ABOVE_PRICE", Ask("elastic", unit_cost=Decimal("3.00")), {}),
        ("STOCK_OUT_OF_RANGE", Ask("elastic", stock_units=-1.0), {}),
        ("NO_FORECAST", Ask("elastic"), {"weekly_units": np.full((5, 2), np.nan)}),
        ("INSUFFICIENT_PRICE_VARIATION", Ask("elastic"), {"identified": np.zeros(5, dtype=np.bool_)}),
        ("INSUFFICIENT_PRICE_VARIATION", Ask("elastic"), {"lowest_price": market().highest_price}),
        ("OUTSIDE_SUPPORT", Ask("elastic", current_price=Decimal("9.00")), {}),
        ("INFEASIBLE_GUARDRAILS", Ask("elastic"), {"list_price": np.full(5, 1.02)}),
        ("INTERVAL_TOO_WIDE", Ask("elastic"), {"elasticity_scale": np.full(5, np.inf)}),
    ],
)
def test_what_cannot_be_priced_is_refused_with_a_code(code: str, ask: Ask, changed: dict[str, Any]) -> None:
    found = refuse(ask, market(**changed))
    assert found.code == code in CODES
    assert found.message.endswith(".")
    assert found.field in {field.name for field in dataclasses.fields(Ask)}


def test_no_cost_and_none_assumed_is_refused() -> None:
    strict = SETTINGS.model_copy(update={"costs": SETTINGS.costs.model_copy(update={"assume": False})})
    assert refuse(Ask("elastic"), market(unit_cost=np.full(5, np.nan)), strict).code == "NO_COST"


def test_contradicting_rules_are_named() -> None:
    assert refuse(Ask("elastic"), market(list_price=np.full(5, 1.02))).rules == ("MAX_CHANGE", "LIST_PRICE_CAP")


def simulate(ask: Ask, price: str, **changed: Any) -> Simulated | Declined:
    """Try one price."""
    return Advisor(SETTINGS).simulate([ask], [Decimal(price)], market(**changed), n_weeks=2, now=NOW)[0]


def test_a_what_if_by_hand() -> None:
    found = simulate(Ask("elastic"), "2.50")
    assert isinstance(found, Simulated)
    assert found.expected.units == pytest.approx(200 * (2.50 / 2.99) ** -5, rel=0.01)
    low, high = found.expected.units_80
    assert low < found.expected.units < high
    assert found.expected.in_support
    assert float(found.expected.revenue.value) == pytest.approx(2.5 * found.expected.units, abs=0.02)


def test_a_what_if_outside_support_is_flagged_and_far_outside_refused() -> None:
    near, far = simulate(Ask("elastic"), "6.99"), simulate(Ask("elastic"), "9.99")
    assert isinstance(near, Simulated)
    assert not near.expected.in_support
    assert isinstance(far, Declined)
    assert (far.code, far.field) == ("OUTSIDE_SUPPORT", "price")
    absurd = simulate(Ask("elastic"), "-1")
    assert isinstance(absurd, Declined)
    assert (absurd.code, absurd.field) == ("PRICE_OUT_OF_RANGE", "price")


def test_a_product_whose_price_never_moved_can_be_simulated_but_not_priced() -> None:
    flat = {"identified": np.zeros(5, dtype=np.bool_), "elasticity_source": np.array(["category"] * 5)}
    found = simulate(Ask("elastic"), "2.99", **flat)
    assert isinstance(found, Simulated)
    assert "category" in found.reasons[0]


def test_drawn_units_are_negative_binomial() -> None:
    found = simulate(Ask("elastic"), "2.99", dispersion=np.full((5, 2), 0.2))
    assert isinstance(found, Simulated)
    mean, dispersion = 200.0, 0.1  # two weeks' independent luck
    drawn = np.random.default_rng(1).negative_binomial(1 / dispersion, 1 / (1 + mean * dispersion), 200_000)
    assert np.allclose(found.expected.units_80, np.quantile(drawn, [0.1, 0.9]), rtol=0.04)


def test_the_table_of_luck_has_mean_one() -> None:
    luck = Draws.of(7).luck(np.array([0.01, 0.5, 3.0]))
    assert luck.mean(axis=1) == pytest.approx([1, 1, 1], abs=0.03)


def test_an_empty_call_and_an_empty_assortment_are_answered() -> None:
    assert answers([]) == []
    none = {
        field.name: getattr(market(), field.name)[:0]
        for field in dataclasses.fields(Assortment)
        if field.name not in {"store_ids", "model_version", "trained_until", "data_until"}
    }
    assert refuse(Ask("elastic"), market(**none)).code == "UNKNOWN_PRODUCT"


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(AssortmentBroken, match="unit_cost has shape"):
        market(unit_cost=np.ones(4))
    with pytest.raises(AssortmentBroken, match="product_ids are not strictly ascending"):
        market(product_ids=np.array(list(PRODUCTS)[::-1]))
    with pytest.raises(AssortmentBroken, match="time zone"):
        market(data_until=datetime(2025, 1, 1))
