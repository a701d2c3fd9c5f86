"""The prices in force, over HTTP; and the history that they come from."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from serving.pricing.answers import PricesAnswer
from serving.pricing.price_history import OBSERVED, PUBLISHED, Entry, PriceHistory, Scope

WHOLE_CHAIN = Scope("10")


def prices(counter: Any, *product_ids: str, **asked: Any) -> dict[str, Any]:
    answer = counter.call("POST", "/v1/prices", who="till", json={"product_ids": list(product_ids), **asked})
    assert answer.status_code == 200, answer.text
    PricesAnswer.model_validate(answer.json())
    found: dict[str, Any] = answer.json()
    return found


def seen(counter: Any, *rows: tuple[int, str], scope: Scope = WHOLE_CHAIN, source: Any = OBSERVED) -> None:
    """Put prices on record that began so many days ago."""
    now = counter.clock()
    entries = [Entry(scope, Decimal(p), "USD", now - timedelta(days=ago), None, source) for ago, p in rows]
    with counter.engine.begin() as connection:
        PriceHistory.add(connection, entries, now)


def test_a_published_price_with_its_prior_price(counter: Any) -> None:
    seen(counter, (90, "2.40"), (20, "2.10"), (10, "2.49"))
    made = counter.published(current_price={"amount": "2.49", "currency": "USD"})
    counter.clock.pass_(days=3)
    answer = prices(counter, "10", store_id="s1", channel="store", jurisdiction="FR")
    (price,) = answer["prices"]
    assert price["price"] == {"amount": "2.24", "currency": "USD"}
    assert (price["source"], price["suggestion_id"]) == ("published", made)
    assert price["prior_price"] == {
        "lowest_30d": {"amount": "2.10", "currency": "USD"},
        "window_start": "2025-01-30T12:00:00Z",
        "window_end": "2025-03-01T12:00:00Z",
        "reason": None,
    }
    assert price["personalized"] is False
    assert price["personal_data_used"] == []
    assert price["disclosure"]["required"] is False
    assert "2019/2161" in price["disclosure"]["law"]
    assert answer["missing_ids"] == []


def test_the_suggestion_tells_the_same_prior_price_before(counter: Any) -> None:
    seen(counter, (90, "2.40"), (20, "2.10"), (10, "2.49"))
    (one,) = counter.ask({"product_id": "10", "current_price": {"amount": "2.49", "currency": "USD"}})["suggestions"]
    assert one["prior_price"]["lowest_30d"] == {"amount": "2.10", "currency": "USD"}
    assert one["prior_price"]["window_end"] == "2025-03-01T12:00:00Z"


def test_without_a_published_price_the_observed_one_stands_in(counter: Any) -> None:
    seen(counter, (90, "2.40"), scope=Scope("12"))
    found = {price["product_id"]: price for price in prices(counter, "10", "12", "13", "nope", "10")["prices"]}
    assert found.keys() == {"10", "12"}
    assert (found["10"]["price"]["amount"], found["10"]["source"]) == ("2.00", "observed")
    assert found["10"]["prior_price"]["reason"] == "NO_HISTORY"
    assert (found["12"]["price"]["amount"], found["12"]["source"]) == ("2.40", "observed")
    assert prices(counter, "10", "13", "nope")["missing_ids"] == ["13", "nope"]


def test_it_answers_without_a_model(counter: Any) -> None:
    counter.published()
    counter.loaded = False
    answer = prices(counter, "10", "12")
    assert [price["product_id"] for price in answer["prices"]] == ["10"]
    assert answer["missing_ids"] == ["12"]


def test_a_price_begins_with_its_validity_and_ends_with_it(counter: Any) -> None:
    now = counter.clock()
    asked = {"valid_from": (now + timedelta(days=2)).isoformat(), "valid_until": (now + timedelta(days=4)).isoformat()}
    counter.published(**asked)
    got = []
    for _ in range(5):
        got.append(prices(counter, "10")["prices"][0]["source"])
        counter.clock.pass_(days=1)
    assert got == ["observed", "observed", "published", "published", "observed"]


def test_a_store_and_a_channel_have_their_own(counter: Any) -> None:
    amounts = {"": "3.00", "s1": "4.00"}
    for store, amount in amounts.items():
        counter.published(store_id=store or None, current_price={"amount": amount, "currency": "USD"})
    counter.published(channel="online", current_price={"amount": "5.00", "currency": "USD"})

    def amount_at(**asked: Any) -> str:
        return str(prices(counter, "10", **asked)["prices"][0]["price"]["amount"])

    assert amount_at() == "2.70"
    assert amount_at(store_id="s2") == "2.70"
    assert amount_at(store_id="s1") == "3.60"
    assert amount_at(channel="online") == "4.50"
    assert amount_at(store_id="s1", channel="online") == "3.60"


def test_a_late_publication_does_not_reach_back(counter: Any) -> None:
    made = counter.suggestion()
    counter.move(made, "approve")
    counter.clock.pass_(days=5)
    counter.move(made, "publish")
    assert prices(counter, "10")["prices"][0]["valid_from"] == "2025-03-06T12:00:00Z"


def test_the_answer_is_on_record(counter: Any) -> None:
    decision_id = prices(counter, "10")["decision_id"]
    found = counter.call("GET", f"/v1/decisions/{decision_id}", who="till").json()
    assert found["kind"] == "prices"
    assert found["items"][0]["price"]["amount"] == "2.00"


def test_what_the_books_show_is_put_on_record_once(counter: Any) -> None:
    now = counter.clock()

    def entry(amount: str, n_days: int, store_id: str = "") -> Entry:
        return Entry(Scope("10", store_id), Decimal(amount), "USD", now - timedelta(days=n_days), None, OBSERVED)

    entries = [entry("2.40", 9), entry("2.60", 8), entry("2.40", 7)]
    assert counter.pricing.history.observe(entries, now) == 3
    assert counter.pricing.history.observe(entries, now) == 0
    assert counter.pricing.history.observe([*entries, entry("2.40", 7, "s1")], now) == 1
    assert counter.pricing.history.observe([entry("2.40", 5)], now) == 0  # the same price goes on
    assert counter.pricing.history.observe([entry("2.50", 5)], now) == 1
    assert len(counter.pricing.history.of(["10"])["10"]) == 5


def test_a_published_price_wins_over_a_later_observed_one(counter: Any) -> None:
    seen(counter, (5, "2.40"), source=PUBLISHED)
    seen(counter, (1, "2.10"))
    assert prices(counter, "10")["prices"][0]["price"]["amount"] == "2.40"
