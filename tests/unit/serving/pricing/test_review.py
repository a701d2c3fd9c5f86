"""The review flow: who may do what, in which order, and what comes of it."""

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from configs.pricing import PricingSettings
from serving.pricing.answers import PriceSuggestionDetail
from serving.pricing.errors import MoveIllegal, MoveLogBroken
from serving.pricing.review import Review
from serving.pricing.states import MOVES

SUGGESTIONS = "/v1/price-suggestions"
PRICE = {"amount": "1.89", "currency": "USD"}
SENT: dict[str, dict[str, Any]] = {
    "approve": {},
    "reject": {"reason": "no"},
    "override": {"price": PRICE, "reason": "rounder"},
    "publish": {},
}

# State reached by each sequence of moves; an override is made by anna and approved by bert.
PATHS: dict[str, list[tuple[str, str]]] = {
    "pending_approval": [],
    "approved": [("approve", "anna")],
    "rejected": [("reject", "anna")],
    "overridden": [("override", "anna")],
    "published": [("approve", "anna"), ("publish", "anna")],
}
LEGAL = {
    "pending_approval": {"approve": "approved", "reject": "rejected", "override": "overridden"},
    "overridden": {"approve": "approved", "reject": "rejected"},
    "approved": {"publish": "published"},
    "rejected": {},
    "published": {},
    "superseded": {},
}


def at(counter: Any, state: str) -> str:
    """Bring a suggestion into a state."""
    if state == "superseded":
        made = str(counter.published())
        counter.clock.pass_(hours=1)
        counter.published()
        return made
    made = str(counter.suggestion())
    for move, who in PATHS[state]:
        assert counter.move(made, move, who=who, **SENT[move]).status_code == 200
    return made


@pytest.mark.parametrize("state", LEGAL)
@pytest.mark.parametrize("move", SENT)
def test_every_move_from_every_state(counter: Any, state: str, move: str) -> None:
    made = at(counter, state)
    answer = counter.move(made, move, who="bert", **SENT[move])
    shown = counter.call("GET", f"{SUGGESTIONS}/{made}").json()
    PriceSuggestionDetail.model_validate(shown)
    if move in LEGAL[state]:
        assert answer.status_code == 200, answer.text
        assert answer.json() == shown
        assert shown["status"] == LEGAL[state][move]
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "ILLEGAL_MOVE")
        assert state in answer.json()["detail"]
        assert all(allowed in answer.json()["detail"] for allowed in LEGAL[state])
        assert shown["status"] == state
    counter.pricing.review.verify()


def test_the_table_of_moves_is_the_one_written_out_here() -> None:
    by_people = {state: {m: s for m, s in moves.items() if m != "supersede"} for state, moves in MOVES.items()}
    assert by_people == LEGAL


def test_every_move_tells_who_when_from_what_to_what(counter: Any) -> None:
    made = counter.suggestion(current_price={"amount": "2.00", "currency": "USD"})
    counter.clock.pass_(hours=1)
    counter.move(made, "override", who="anna", price=PRICE, reason="rounder")
    counter.clock.pass_(hours=1)
    counter.move(made, "approve", who="bert", note="fine")
    shown = counter.move(made, "publish", who="bert").json()
    assert [(m["actor"], m["action"], m["from"], m["to"]) for m in shown["moves"]] == [
        ("anna", "create", None, "pending_approval"),
        ("anna", "override", "pending_approval", "overridden"),
        ("bert", "approve", "overridden", "approved"),
        ("bert", "publish", "approved", "published"),
    ]
    assert [m["at"] for m in shown["moves"]] == [f"2025-03-01T{h}:00:00Z" for h in (12, 13, 14, 14)]
    assert shown["moves"][0]["facts"] == {"price_from": "2.00", "price_to": "1.80"}
    facts = {"price_from": "1.80", "price_to": "1.89", "reason": "rounder", "broken": []}
    assert shown["moves"][1]["facts"] == facts
    assert shown["price"] == PRICE
    assert shown["suggested_price"]["amount"] == "1.80"
    assert shown["override"] == {"price": PRICE, "by": "anna", "reason": "rounder"}


def test_nobody_approves_his_own_override(counter: Any) -> None:
    made = at(counter, "overridden")
    answer = counter.move(made, "approve", who="anna")
    assert (answer.status_code, answer.json()["code"]) == (403, "OWN_OVERRIDE")
    assert counter.call("GET", f"{SUGGESTIONS}/{made}").json()["status"] == "overridden"
    assert counter.move(made, "approve", who="bert").status_code == 200


def test_a_suggestion_may_be_approved_by_whoever_asked_for_it(counter: Any) -> None:
    assert counter.move(counter.suggestion(who="anna"), "approve", who="anna").status_code == 200


@pytest.mark.parametrize(
    ("amount", "rule"),
    [
        ("1.79", "MAX_CHANGE"),
        ("2.29", "MAX_CHANGE"),
        ("0.99", "COST_FLOOR"),
        ("1.05", "MIN_MARGIN"),
        ("3.09", "LIST_PRICE_CAP"),
        ("3.09", "OBSERVED_SUPPORT"),
        ("1.95", "PRICE_ENDING"),
    ],
)
def test_an_override_outside_a_hard_guardrail_is_refused(counter: Any, amount: str, rule: str) -> None:
    made = counter.suggestion()
    answer = counter.move(made, "override", price={"amount": amount, "currency": "USD"}, reason="because")
    assert (answer.status_code, answer.json()["code"]) == (422, "OUTSIDE_GUARDRAILS")
    assert any(rule in fault["message"] for fault in answer.json()["errors"])
    assert counter.call("GET", f"{SUGGESTIONS}/{made}").json()["status"] == "pending_approval"


@pytest.mark.parametrize("amount", ["1.89", "2.19", "2.00"])
def test_an_override_within_the_hard_guardrails_is_taken(counter: Any, amount: str) -> None:
    price = {"amount": amount, "currency": "USD"}
    assert counter.move(counter.suggestion(), "override", price=price, reason="because").status_code == 200


def test_the_settings_may_allow_an_override_beyond_them(counter: Any, pricing_settings: PricingSettings) -> None:
    made = counter.suggestion()
    settings = pricing_settings.review.model_copy(update={"overrides_beyond_guardrails": True})
    Review(counter.engine, settings, pricing_settings.rules, counter.clock).override(
        made, "anna", price=Decimal("0.59"), reason="write-off"
    )
    shown = counter.call("GET", f"{SUGGESTIONS}/{made}").json()
    assert shown["moves"][-1]["facts"]["broken"] == ["COST_FLOOR", "MIN_MARGIN", "MAX_CHANGE", "OBSERVED_SUPPORT"]


@pytest.mark.parametrize("amount", ["-1", "0", "10001", "1.999"])
def test_an_absurd_override_is_refused(counter: Any, amount: str) -> None:
    price = {"amount": amount, "currency": "USD"}
    answer = counter.move(counter.suggestion(), "override", price=price, reason="because")
    assert answer.status_code == 422
    assert amount in answer.json()["errors"][0]["message"]


def test_reasons_are_needed(counter: Any) -> None:
    made = counter.suggestion()
    for move, sent in (("reject", {}), ("reject", {"reason": " "}), ("override", {"price": PRICE})):
        answer = counter.call("POST", f"{SUGGESTIONS}/{made}/{move}", json=sent)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "reason"


def test_an_approval_needs_no_body_but_a_wrong_one_is_refused(counter: Any) -> None:
    made = counter.suggestion()
    path = f"{SUGGESTIONS}/{made}/approve"
    assert counter.call("POST", path, content=b"note=1").status_code == 415
    assert counter.call("POST", path, json={"nota": "1"}).status_code == 422
    assert counter.call("POST", path).status_code == 200


@pytest.mark.parametrize("move", SENT)
def test_an_unknown_suggestion_is_404(counter: Any, move: str) -> None:
    answer = counter.move("ps_nope", move, **SENT[move])
    assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_SUGGESTION")
    assert counter.call("GET", f"{SUGGESTIONS}/ps_nope").status_code == 404


def week(counter: Any, begins: int, ends: int | None) -> dict[str, str]:
    now = counter.clock()
    sent = {"valid_from": (now + timedelta(days=begins)).isoformat()}
    return sent if ends is None else {**sent, "valid_until": (now + timedelta(days=ends)).isoformat()}


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        ((0, 7), (3, 10), True),
        ((0, 7), (7, 14), False),
        ((7, 14), (0, 7), False),
        ((0, 14), (3, 5), True),
        ((0, None), (3, 10), False),
        ((3, 10), (0, None), False),
        ((0, 7), (3, None), True),
        ((0, None), (0, None), True),
        ((0, None), (3, None), False),
    ],
)
@pytest.mark.parametrize("state", ["approved", "published"])
def test_overlapping_validity_is_refused_by_name(
    counter: Any, first: tuple[int, int | None], second: tuple[int, int | None], clash: bool, state: str
) -> None:
    one = counter.suggestion(**week(counter, *first))
    other = counter.suggestion(**week(counter, *second))
    elsewhere = counter.suggestion(store_id="s1", **week(counter, *second))
    online = counter.suggestion(channel="online", **week(counter, *second))
    assert counter.move(one, "approve").status_code == 200
    if state == "published":
        assert counter.move(one, "publish").status_code == 200
    answer = counter.move(other, "approve")
    if clash:
        assert (answer.status_code, answer.json()["code"]) == (409, "OVERLAPPING_VALIDITY")
        assert one in answer.json()["detail"]
        assert state in answer.json()["detail"]
    else:
        assert answer.status_code == 200
    assert counter.move(elsewhere, "approve").status_code == 200
    assert counter.move(online, "approve").status_code == 200


def test_a_named_one_is_replaced_from_the_first_moment_of_the_new_one(counter: Any) -> None:
    old = counter.published(**week(counter, 0, 14), current_price={"amount": "3.00", "currency": "USD"})
    new = counter.suggestion(**week(counter, 3, 10))
    assert counter.move(new, "approve", replaces=[old]).status_code == 200
    assert counter.call("GET", f"{SUGGESTIONS}/{old}").json()["status"] == "published"
    assert counter.move(new, "publish").status_code == 200
    replaced = counter.call("GET", f"{SUGGESTIONS}/{old}").json()
    assert replaced["status"] == "superseded"
    assert replaced["moves"][-1]["facts"] == {"by": new}

    def price() -> str:
        found = counter.call("POST", "/v1/prices", who="till", json={"product_ids": ["10"]}).json()["prices"][0]
        return f"{found['price']['amount']} {found['source']}"

    assert price() == "2.70 published"
    counter.clock.pass_(days=3)
    assert price() == "1.80 published"
    counter.clock.pass_(days=8)
    assert price() == "2.00 observed", "the old one does not come back"


def test_a_price_without_an_end_is_superseded_by_the_next(counter: Any) -> None:
    first = counter.published()
    counter.clock.pass_(days=1)
    promotion = counter.published(**week(counter, 1, 3))
    counter.clock.pass_(hours=1)
    second = counter.published()
    states = {s["suggestion_id"]: s["status"] for s in counter.call("GET", SUGGESTIONS).json()["suggestions"]}
    assert states == {first: "superseded", promotion: "published", second: "published"}
    counter.pricing.review.verify()


@pytest.mark.parametrize("move", ["approve", "publish"])
def test_what_is_over_cannot_come_into_force(counter: Any, move: str) -> None:
    made = counter.suggestion(**week(counter, 0, 1))
    if move == "publish":
        counter.move(made, "approve")
    counter.clock.pass_(days=1)
    answer = counter.move(made, move)
    assert (answer.status_code, answer.json()["code"]) == (409, "SUGGESTION_EXPIRED")


@pytest.mark.parametrize("moves", [("approve",), ("approve", "reject"), ("override", "reject", "approve")])
def test_of_moves_made_at_once_one_wins(counter: Any, moves: tuple[str, ...]) -> None:
    made = counter.suggestion()
    review, won, lost = counter.pricing.review, [], []
    barrier = threading.Barrier(8)

    def go(n: int) -> None:
        move, actor = moves[n % len(moves)], f"person-{n}"
        sent: dict[str, dict[str, Any]] = {
            "approve": {"note": None, "replaces": ()},
            "reject": {"reason": "no"},
            "override": {"price": Decimal("1.89"), "reason": "rounder"},
        }
        barrier.wait()
        try:
            getattr(review, move)(made, actor, **sent[move])
            won.append((move, actor))
        except MoveIllegal:
            lost.append((move, actor))

    threads = [threading.Thread(target=go, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shown = counter.call("GET", f"{SUGGESTIONS}/{made}").json()
    logged = [(move["action"], move["actor"]) for move in shown["moves"][1:]]
    assert len(won) + len(lost) == 8
    assert sorted(logged) == sorted(won), "what was made was logged, and nothing else"
    assert len(won) == 1 or (logged[0][0] == "override" and len(won) == 2)
    review.verify()


def test_a_move_whose_entry_cannot_be_written_is_not_made(counter: Any) -> None:
    made = counter.suggestion()
    with counter.engine.begin() as connection:
        connection.execute(
            sa.text("CREATE TRIGGER full_disk BEFORE INSERT ON price_moves BEGIN SELECT RAISE(ABORT, 'full'); END")
        )
    answer = counter.move(made, "approve")
    assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_UNAVAILABLE")
    assert counter.call("GET", f"{SUGGESTIONS}/{made}").json()["status"] == "pending_approval"


def test_a_state_changed_behind_the_log_is_found(counter: Any) -> None:
    made = counter.suggestion()
    with counter.engine.begin() as connection:
        connection.execute(sa.text("UPDATE price_suggestions SET status = 'approved'"))
    with pytest.raises(MoveLogBroken, match=made):
        counter.pricing.review.verify()
