"""No hard guardrail is ever broken, whatever is asked: 10,000 random asks, checked with exact decimals."""

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, get_args

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.loading import load_settings
from configs.pricing import PricingSettings
from configs.pricing_rules import PricingRules
from serving.pricing.advice import OBJECTIVES, Advice, Ask, Declined, Objective, Simulated
from serving.pricing.advisor import Advisor
from serving.pricing.assortment import Assortment
from serving.pricing.refusals import CODES

NOW: Final = datetime(2025, 3, 1, tzinfo=UTC)
N_PRODUCTS: Final = 24
STORES: Final = ("1", "2")


def _settings() -> PricingSettings:
    shipped = load_settings("test").pricing
    emergency = shipped.rules.emergency.model_copy(update={"declared": True, "categories": ("WATER",)})
    return shipped.model_copy(update={"rules": shipped.rules.model_copy(update={"emergency": emergency})})


SETTINGS: Final = _settings()
RULES: Final[PricingRules] = SETTINGS.rules
ADVISOR: Final = Advisor(SETTINGS)


def assortment(seed: int) -> Assortment:
    """Draw a small assortment: families of three packs whose ladders are sound at first, water among it."""
    rng, n = np.random.default_rng(seed), N_PRODUCTS
    size = np.tile([8.0, 16.0, 32.0], n // 3)
    per_unit = np.repeat(np.exp(rng.normal(-1.5, 0.8, n // 3)), 3) * np.tile([1.0, 0.9, 0.8], n // 3)
    price = np.maximum(np.round(size * per_unit * rng.uniform(0.98, 1.02, n), 2), 0.05)
    return Assortment(
        product_ids=np.array([f"p{i:02d}" for i in range(n)]),
        current_price=np.where(rng.random(n) < 0.04, np.nan, price),
        list_price=np.where(rng.random(n) < 0.5, np.round(price * rng.uniform(0.97, 1.3, n), 2), np.nan),
        lowest_price=np.round(price * rng.uniform(0.7, 1.0, n), 2),
        highest_price=np.round(price * rng.uniform(1.0, 1.3, n), 2),
        unit_cost=np.where(rng.random(n) < 0.5, price * rng.uniform(0.3, 1.0, n), np.nan),
        weekly_units=np.exp(rng.normal(1, 2, n))[:, None] * rng.uniform(0.5, 1.5, (n, 3)),
        dispersion=rng.uniform(0, 2, (n, 3)),
        elasticity_location=rng.normal(-1.5, 1.0, n),
        elasticity_scale=rng.uniform(0.05, 1.5, n),
        elasticity_source=rng.choice(["product", "category", "chain"], n),
        identified=rng.random(n) < 0.95,
        department=np.array(["GROCERY"] * n),
        category=np.where(np.arange(n) % 4 == 0, "WATER", "SOAP"),
        family=np.array([f"f{i // 3}" for i in range(n)]),
        pack_size=size,
        sold_by_weight=rng.random(n) < 0.03,
        weeks_since_last_sale=rng.integers(0, 10, n).astype(float),
        store_ids=np.array(STORES),
        pair_product_idx=np.repeat(np.arange(n), 2),
        pair_store_idx=np.tile(np.arange(2), n),
        pair_share=np.tile([0.3, 0.7], n),
        pair_dispersion=np.full(2 * n, 0.8),
        model_version="1",
        trained_until=NOW - timedelta(days=9),
        data_until=NOW - timedelta(days=9),
    )


@st.composite
def ask(draw: st.DrawFn, market: Assortment) -> Ask:
    """An ask, mostly sensible, now and then absurd."""
    at = draw(st.integers(0, N_PRODUCTS - 1))
    known = market.current_price[at]
    base = 1.0 if np.isnan(known) else float(known)
    absurd = draw(st.integers(0, 9)) == 9
    factor = draw(st.floats(0.9, 1.1)) if draw(st.booleans()) else None
    cost = draw(st.floats(0.2, 0.97)) if draw(st.booleans()) else None
    stock = draw(st.sampled_from([None, None, None, 0.0, 1.0, 10.0, 200.0, 1e3, 1e9]))
    if absurd:
        factor = draw(st.sampled_from([None, 1.5, 1e6, -1.0, 0.0]))
        cost = draw(st.sampled_from([None, 0.0, 1.2, -1.0, 1e9]))
        stock = draw(st.sampled_from([None, -1.0, float("nan"), float("inf")]))
    odd = draw(st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("1E+400"), None])) if absurd else None
    price = None if factor is None else Decimal(f"{base * factor:.{draw(st.sampled_from([2, 2, 4]))}f}")
    return Ask(
        product_id="nobody" if absurd and draw(st.booleans()) else f"p{at:02d}",
        store_id=draw(st.sampled_from([None, None, None, "1", "2"]))
        if not absurd
        else draw(st.sampled_from([None, "9"])),
        current_price=price if odd is None else odd,
        unit_cost=None if cost is None else Decimal(f"{base * cost:.4f}"),
        stock_units=stock,
        basket_margin=draw(st.sampled_from([None, Decimal("0.50"), Decimal("-0.20")])),
        family_cross_effect=draw(st.sampled_from([None, 0.3, 1.0])),
    )


@st.composite
def requests(draw: st.DrawFn, n_asks: int = 20) -> tuple[Assortment, list[Ask], Objective, int]:
    """An assortment and a request of twenty products."""
    market = assortment(draw(st.integers(0, 10_000)))
    asks = draw(
        st.lists(ask(market), min_size=n_asks, max_size=n_asks, unique_by=lambda one: (one.product_id, one.store_id))
    )
    return market, asks, draw(st.sampled_from(OBJECTIVES)), draw(st.integers(1, 5))


def ends_right(price: Decimal) -> bool:
    """Check an ending with decimals: the slow way."""
    cents = price * 100
    for band in sorted(RULES.endings.bands, key=lambda one: one.below_usd):
        if price < Decimal(str(band.below_usd)):
            return cents % band.every_cents == band.offset_cents
    return False


def check(found: Advice, market: Assortment) -> None:
    """Check every hard rule of one suggestion but the ladder."""
    price, at = found.suggested_price, int(market.index_of([found.product_id])[0])
    now = found.current_price
    cost = found.ask.unit_cost
    if cost is None:
        known = market.unit_cost[at]
        listed = market.list_price[at]
        stand_in = 0.7 * (market.current_price[at] if np.isnan(listed) else listed)
        cost = Decimal(repr(float(stand_in if np.isnan(known) else known)))
    hair = Decimal("1e-7")
    assert price >= cost - hair
    assert (price - cost) >= Decimal(str(RULES.min_margin.share)) * price - hair
    assert price <= now * (1 + Decimal(str(RULES.max_change.rise_share))) + hair
    assert price >= now * (1 - Decimal(str(RULES.max_change.cut_share))) - hair
    assert np.isnan(market.list_price[at]) or float(price) <= market.list_price[at] + 1e-7
    assert market.lowest_price[at] - 1e-7 <= float(price) <= market.highest_price[at] + 1e-7
    assert ends_right(price)
    if market.category[at] == "WATER":
        assert price <= now


def check_ladders(answers: list[Advice | Declined], market: Assortment) -> None:
    """Compare each suggestion with every other pack of its family at the same place, asked for or not."""
    suggested = {(a.product_id, a.store_id): float(a.suggested_price) for a in answers if isinstance(a, Advice)}
    for (product, store), price in suggested.items():
        at = int(market.index_of([product])[0])
        for other in np.flatnonzero(market.family == market.family[at]).tolist():
            theirs = suggested.get((str(market.product_ids[other]), store), float(market.current_price[other]))
            own, size = market.pack_size[at], market.pack_size[other]
            if size > own and not np.isnan(theirs):
                assert theirs >= price - 1e-7
                assert theirs / size <= price / own + 1e-7
            if size < own and not np.isnan(theirs):
                assert theirs <= price + 1e-7
                assert theirs / size >= price / own - 1e-7


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(requests())
def test_no_hard_guardrail_is_ever_broken(request: tuple[Assortment, list[Ask], Objective, int]) -> None:
    market, asks, objective, n_weeks = request
    answers = ADVISOR.advise(asks, market, objective=objective, n_weeks=n_weeks, now=NOW)
    assert [answer.ask for answer in answers] == asks
    for answer in answers:
        if isinstance(answer, Advice):
            check(answer, market)
        else:
            assert answer.code in CODES
            assert len(answer.message.split()) > 6
    check_ladders(answers, market)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(requests(), st.randoms(use_true_random=False))
def test_the_order_of_asks_changes_nothing(
    request: tuple[Assortment, list[Ask], Objective, int], shuffler: object
) -> None:
    market, asks, objective, n_weeks = request
    order = list(range(len(asks)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    straight = ADVISOR.advise(asks, market, objective=objective, n_weeks=n_weeks, now=NOW)
    mixed = ADVISOR.advise([asks[at] for at in order], market, objective=objective, n_weeks=n_weeks, now=NOW)
    assert [repr(straight[at]) for at in order] == [repr(answer) for answer in mixed]


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(requests())
def test_what_is_asked_beside_changes_only_families(request: tuple[Assortment, list[Ask], Objective, int]) -> None:
    market, asks, objective, n_weeks = request
    loose = dataclasses.replace(market, family=np.array([""] * N_PRODUCTS))
    together = ADVISOR.advise(asks, loose, objective=objective, n_weeks=n_weeks, now=NOW)
    for one, answer in zip(asks, together, strict=True):
        assert repr(ADVISOR.advise([one], loose, objective=objective, n_weeks=n_weeks, now=NOW)) == repr([answer])


def test_the_random_requests_are_answered_often_enough_to_mean_something() -> None:
    market = assortment(3)
    asks = [Ask(str(product)) for product in market.product_ids]
    answers = ADVISOR.advise(asks, market, objective="margin", n_weeks=1, now=NOW)
    assert sum(isinstance(answer, Advice) for answer in answers) >= 5


def test_nothing_that_goes_in_describes_a_person() -> None:
    ways_in = {field.name for kind in (Ask, Assortment) for field in dataclasses.fields(kind)}
    assert not [name for name in ways_in if any(word in name for word in ("customer", "person", "visitor", "house"))]
    assert set(get_args(Objective)) == set(OBJECTIVES)
    assert {"ask", "expected"} <= {field.name for field in dataclasses.fields(Simulated)}
