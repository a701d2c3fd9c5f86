"""Random walks through the review flow: never an illegal state, never two prices for one time, and the log verifies."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.pool import StaticPool

from configs.pricing import PricingSettings
from serving.errors import Refusal
from serving.pricing.moments import to_us
from serving.pricing.price_history import PriceHistory, Scope
from serving.pricing.prior_price import in_force
from serving.pricing.review import Review
from serving.pricing.suggestions import Suggestion, of_scope
from serving.pricing.tables import create_tables

START = datetime(2025, 3, 1, tzinfo=UTC)
PEOPLE = ("anna", "bert", "cleo")
SCOPES = (Scope("10"), Scope("10", "s1"))

# The slow, obvious twin of the table of moves.
LEGAL = {
    ("pending_approval", "approve"): "approved",
    ("pending_approval", "reject"): "rejected",
    ("pending_approval", "override"): "overridden",
    ("overridden", "approve"): "approved",
    ("overridden", "reject"): "rejected",
    ("approved", "publish"): "published",
}
BY_ITSELF = {("approved", "superseded"), ("published", "superseded")}


@dataclass
class Walk:
    """A flow in memory, and what a walk did with it."""

    review: Review
    engine: sa.Engine
    now: datetime = START
    ids: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    overrode: dict[str, str] = field(default_factory=dict)
    n_moves: int = 0


def begin(pricing_settings: PricingSettings) -> Walk:
    engine = sa.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    create_tables(engine)
    walk: Walk
    walk = Walk(Review(engine, pricing_settings.review, pricing_settings.rules, lambda: walk.now), engine)
    return walk


def suggestion(walk: Walk, n: int, begins: int, lasts: int | None, scope: Scope, *, approved: bool) -> Suggestion:
    first = walk.now + timedelta(days=begins)
    amount = {"amount": "2.00", "currency": "USD"}
    return Suggestion(
        suggestion_id=f"ps_{n}",
        decision_id="dec_1",
        scope=scope,
        status="approved" if approved else "pending_approval",
        created_at=walk.now,
        created_by="anna",
        valid_from=first,
        valid_until=None if lasts is None else first + timedelta(days=lasts),
        currency="USD",
        price=Decimal("1.80") + n,
        facts={"current_price": amount, "unit_cost": amount, "guardrails": [], "hard_limits": []},
    )


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("create"),
            st.integers(0, 6),
            st.one_of(st.none(), st.integers(1, 6)),
            st.sampled_from(SCOPES),
        ),
        st.tuples(
            st.sampled_from(["approve", "approve", "reject", "override", "publish", "publish"]),
            st.integers(0, 9),
            st.sampled_from(PEOPLE),
            st.lists(st.integers(0, 9), max_size=2),
        ),
        st.tuples(st.just("wait"), st.integers(1, 60), st.none(), st.none()),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_walk_leads_to_an_illegal_state(pricing_settings: PricingSettings, steps: list[Any]) -> None:
    walk = begin(pricing_settings)
    for name, first, second, third in steps:
        if name == "create":
            made = suggestion(walk, len(walk.ids), first, second, third, approved=False)
            walk.review.record([made], None)
            walk.ids.append(made.suggestion_id)
            walk.states[made.suggestion_id] = "pending_approval"
            walk.n_moves += 1
        elif name == "wait":
            walk.now += timedelta(hours=first)
        elif walk.ids:
            replaces = [walk.ids[n % len(walk.ids)] for n in third]
            move(walk, name, walk.ids[first % len(walk.ids)], second, replaces)
        check(walk)
    walk.review.verify()


def move(walk: Walk, name: str, suggestion_id: str, actor: str, replaces: list[str]) -> None:
    """Make a move, or see it refused; a refusal changes nothing."""
    sent: dict[str, dict[str, Any]] = {
        "approve": {"note": None, "replaces": replaces},
        "reject": {"reason": "no"},
        "override": {"price": Decimal("2.09"), "reason": "rounder"},
        "publish": {"note": None},
    }
    before = walk.states[suggestion_id]
    wanted = LEGAL.get((before, name))
    try:
        getattr(walk.review, name)(suggestion_id, actor, **sent[name])
    except Refusal as refusal:
        fault = type(refusal).__name__
        own = before == "overridden" and name == "approve" and walk.overrode[suggestion_id] == actor
        assert wanted is None or own or fault in ("ValidityOverlaps", "SuggestionExpired")
        assert read(walk) == walk.states, "a move that was refused changed something"
        return
    assert wanted is not None, f"{name} from {before} was let through"
    if name == "override":
        walk.overrode[suggestion_id] = actor
    elif name == "approve":
        assert walk.overrode.get(suggestion_id) != actor or before != "overridden"
    walk.states[suggestion_id] = wanted
    walk.n_moves += 1
    for other, state in read(walk).items():
        if state != walk.states[other]:
            assert name == "publish"
            assert (walk.states[other], state) in BY_ITSELF
            walk.states[other] = state
            walk.n_moves += 1


def read(walk: Walk) -> dict[str, str]:
    with walk.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT suggestion_id, status FROM price_suggestions").all()
    return {row[0]: row[1] for row in rows}


def check(walk: Walk) -> None:
    """What holds after every step."""
    with walk.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM price_moves").scalar_one() == walk.n_moves
        binding = [found for scope in SCOPES for found in of_scope(connection, scope, ("approved", "published"))]
    allowed = {frozenset((one.suggestion_id, other)) for one in binding for other in one.replaces}
    for one, other in combinations(binding, 2):
        if one.scope == other.scope and frozenset((one.suggestion_id, other.suggestion_id)) not in allowed:
            assert not both_bounded_overlap(one, other)
    published = {one.suggestion_id for one in binding if one.status == "published"}
    now_us = to_us(walk.now)
    for scope in SCOPES:
        rows = [row for row in PriceHistory(walk.engine).of(["10"]).get("10", []) if row.scope == scope]
        price = in_force(rows, now_us)
        if price is not None and price.until_us is not None:
            assert price.suggestion_id in published, "a price with an end is in force though it was superseded"


def both_bounded_overlap(one: Suggestion, other: Suggestion) -> bool:
    if one.valid_until is None or other.valid_until is None:
        return False
    return one.valid_from < other.valid_until and other.valid_from < one.valid_until
