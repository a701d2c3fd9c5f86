"""The price service in memory: everything real but the models and the search for a price."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy as sa

from configs.loading import load_settings
from configs.pricing import PricingSettings
from privacy.state import open_state
from serving.errors import NotReady
from serving.keys import KeyRecord, KeyRing
from serving.pricing.advice import (
    Advice,
    Amounts,
    Approval,
    Ask,
    Declined,
    Guardrail,
    Outlook,
    Response,
    Simulated,
)
from serving.pricing.assembly import Pricing, build_pricing
from serving.pricing.assortment import Assortment
from training.demand.forecast import LEVELS, Forecast

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
PRICES = {"10": 2.00, "11": 2.50, "12": 4.00, "13": float("nan")}
STORES = ("s1", "s2")
KEYS = {"anna": "pricing", "bert": "pricing", "till": "storefront", "eve": "ethics"}


def assortment() -> Assortment:
    """Four products, the last of which has no price."""
    n = len(PRICES)
    ones = np.ones(n)
    return Assortment(
        product_ids=np.array(list(PRICES)),
        current_price=np.array(list(PRICES.values())),
        list_price=3 * ones,
        lowest_price=ones,
        highest_price=3 * ones,
        unit_cost=ones,
        weekly_units=np.full((n, 4), 10.0),
        dispersion=np.full((n, 4), 0.1),
        elasticity_location=-2 * ones,
        elasticity_scale=0.5 * ones,
        elasticity_source=np.array(["product"] * n),
        identified=np.ones(n, dtype=np.bool_),
        department=np.array(["GROCERY"] * n),
        category=np.array(["MILK"] * n),
        family=np.array([""] * n),
        pack_size=np.full(n, np.nan),
        sold_by_weight=np.zeros(n, dtype=np.bool_),
        weeks_since_last_sale=np.zeros(n),
        store_ids=np.array(STORES),
        pair_product_idx=np.zeros(0, dtype=np.int64),
        pair_store_idx=np.zeros(0, dtype=np.int64),
        pair_share=np.zeros(0),
        pair_dispersion=np.zeros(0),
        model_version="7",
        trained_until=NOW - timedelta(days=7),
        data_until=NOW - timedelta(days=7),
    )


@dataclass
class FakeAdvisor:
    """Takes a tenth off; cents are floored. Product 11 needs nobody's approval, unknown ones are declined."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    def advise(
        self, asks: Sequence[Ask], assortment: Assortment, *, objective: str, n_weeks: int, now: datetime
    ) -> list[Advice | Declined]:
        """Give the advice, and remember what was asked."""
        self.asked.append(
            {"asks": list(asks), "n_products": len(assortment), "objective": objective, "n_weeks": n_weeks, "now": now}
        )
        return [advice(ask, n_weeks) if ask.product_id in PRICES else declined(ask) for ask in asks]

    def simulate(
        self,
        asks: Sequence[Ask],
        prices: Sequence[Decimal],
        assortment: Assortment,
        *,
        n_weeks: int,
        now: datetime,
    ) -> list[Simulated | Declined]:
        """Ten units a week whatever the price."""
        told = {"asks": list(asks), "prices": list(prices), "n_products": len(assortment)}
        self.asked.append({**told, "n_weeks": n_weeks, "now": now})
        return [
            simulated(ask, price, n_weeks) if ask.product_id in PRICES else declined(ask)
            for ask, price in zip(asks, prices, strict=True)
        ]


def advice(ask: Ask, n_weeks: int) -> Advice:
    """A suggestion with two hard rules."""
    current = ask.current_price or Decimal("2.00")
    cost = ask.unit_cost or Decimal("1.00")
    suggested = (current * Decimal("0.9")).quantize(Decimal("0.01"))
    required = ask.product_id != "11"
    return Advice(
        ask=ask,
        currency="USD",
        current_price=current,
        suggested_price=suggested,
        unit_cost=cost,
        cost_assumed=ask.unit_cost is None,
        n_weeks=n_weeks,
        guardrails=(
            Guardrail("COST_FLOOR", "hard", float(cost), False, "Nothing is sold below cost."),
            Guardrail("MAX_CHANGE", "hard", 0.1, True, "Prices move in small steps."),
            Guardrail("PRICE_ENDING", "soft", 0.09, False, "Prices end in nine."),
        ),
        elasticity=Response(-2.0, -2.6, -1.4, "product"),
        expected=outlook(suggested, n_weeks),
        unchanged=outlook(current, n_weeks),
        margin_change=Amounts(Decimal("1.00"), Decimal("-4.10"), Decimal("6.00")),
        confidence=0.8,
        approval=Approval(required, ("MAX_CHANGE",) if required else ()),
        reasons=("Demand answers strongly to the price.",),
    )


def outlook(price: Decimal, n_weeks: int) -> Outlook:
    """Ten units a week."""
    units = 10.0 * n_weeks
    money = Amounts(price * 10 * n_weeks, price * 9 * n_weeks, price * 11 * n_weeks)
    return Outlook(units, (0.9 * units, 1.1 * units), money, money, in_support=True)


def simulated(ask: Ask, price: Decimal, n_weeks: int) -> Simulated:
    """What a price would bring."""
    return Simulated(
        ask=ask,
        currency="USD",
        price=price,
        unit_cost=Decimal("1.00"),
        cost_assumed=True,
        n_weeks=n_weeks,
        elasticity=Response(-2.0, -2.6, -1.4, "product"),
        expected=outlook(price, n_weeks),
        reasons=(),
    )


def declined(ask: Ask) -> Declined:
    """The refusal of an unknown product."""
    return Declined(ask, "UNKNOWN_PRODUCT", "product_id", f"product {ask.product_id!r} is unknown. Check the id.")


@dataclass
class FakeDesk:
    """A desk that forecasts ten units for everybody."""

    assortment: Assortment
    digest: str = "digest-7"
    longest_weeks: int = 8
    card: Mapping[str, Any] = field(default_factory=lambda: {"name": "demand", "version": "7"})
    asked: list[dict[str, Any]] = field(default_factory=list)

    def forecast(self, product_ids: Sequence[str], store_ids: Sequence[str] | None, **asked: Any) -> Forecast:
        """Quantiles are one, two, … nine."""
        self.asked.append({"product_ids": product_ids, "store_ids": store_ids, **asked})
        pairs = [(p, s) for p in product_ids for s in store_ids or (None,)]
        shape = (len(pairs), asked["n_weeks"])
        origin = np.datetime64("2025-02-17")
        return Forecast(
            product_ids=np.array([p for p, _ in pairs]),
            store_ids=None if store_ids is None else np.array([s for _, s in pairs]),
            origin=origin,
            weeks=origin + 7 * np.arange(1, asked["n_weeks"] + 1).astype("timedelta64[D]"),
            mean=np.full(shape, 10.0),
            dispersion=np.full(shape, 0.1),
            quantiles=np.tile(np.arange(1.0, len(LEVELS) + 1), (*shape, 1)),
        )


@dataclass
class Clock:
    """A clock that stands until a test moves it."""

    moment: datetime = NOW

    def __call__(self) -> datetime:
        """Give the moment."""
        return self.moment

    def pass_(self, **span: float) -> datetime:
        """Let time pass."""
        self.moment += timedelta(**span)
        return self.moment


@dataclass
class Counter:
    """The service with prices, and everything a test may turn."""

    shop: Any
    clock: Clock
    desk: FakeDesk
    advisor: FakeAdvisor
    engine: sa.Engine
    pricing: Pricing
    loaded: bool = True

    def call(self, method: str, path: str, *, who: str = "anna", **sent: Any) -> httpx.Response:
        """Send one request with somebody's key."""
        headers = {"X-API-Key": f"key-of-{who}", **sent.pop("headers", {})}
        answer: httpx.Response = self.shop.call(method, path, role=None, headers=headers, **sent)
        return answer

    def ask(self, *items: dict[str, Any], who: str = "anna", **asked: Any) -> dict[str, Any]:
        """Ask for suggestions and expect an answer."""
        sent = {"items": list(items) or [{"product_id": "10"}], **asked}
        answer = self.call("POST", "/v1/price-suggestions", who=who, json=sent)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def suggestion(self, product_id: str = "10", **asked: Any) -> str:
        """Make one suggestion and give its id."""
        of_item: dict[str, Any] = {
            name: asked.pop(name) for name in ("store_id", "current_price", "unit_cost") if name in asked
        }
        made = self.ask({"product_id": product_id, **of_item}, **asked)["suggestions"][0]
        return str(made["suggestion_id"])

    def move(self, suggestion_id: str, move: str, *, who: str = "anna", **sent: Any) -> httpx.Response:
        """Make a move."""
        body = {"json": sent} if sent else {}
        return self.call("POST", f"/v1/price-suggestions/{suggestion_id}/{move}", who=who, **body)

    def published(self, product_id: str = "10", **asked: Any) -> str:
        """Make a suggestion and bring it into force."""
        made = self.suggestion(product_id, **asked)
        for move in ("approve", "publish"):
            answer = self.move(made, move)
            assert answer.status_code == 200, answer.text
        return made


@pytest.fixture
def pricing_settings() -> PricingSettings:
    return load_settings("test").pricing


@pytest.fixture
def counter(shop: Any, pricing_settings: PricingSettings, tmp_path: Path) -> Counter:
    """The price service behind the shop's door, with keys for two people of pricing."""
    clock, desk, advisor = Clock(), FakeDesk(assortment()), FakeAdvisor()
    engine = open_state(tmp_path / "prices.db")

    def loaded() -> FakeDesk:
        if not made.loaded:
            raise NotReady(model="demand", retry_after_s=30, refused=False)
        return desk

    pricing = build_pricing(
        pricing_settings,
        engine=engine,
        decisions=shop.services.decisions,
        desk=loaded,
        advisor=advisor,
        currency="USD",
        personal_data_used=(),
        horizon_weeks=4,
        now=clock,
        data_now=lambda: clock() - timedelta(days=1),
    )
    keys = KeyRing(
        KeyRecord(name=name, sha256=hashlib.sha256(f"key-of-{name}".encode()).hexdigest(), roles=frozenset({role}))
        for name, role in KEYS.items()
    )
    shop.services = replace(shop.services, pricing=pricing, keys=keys)
    made = Counter(shop, clock, desk, advisor, engine, pricing)
    return made
