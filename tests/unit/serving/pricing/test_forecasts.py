"""Forecasts and what-ifs over HTTP."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from serving.pricing.answers import ForecastsAnswer, PriceSimulationsAnswer
from serving.pricing.ports import PlannedWeek

FORECASTS = "/v1/forecasts"
SIMULATIONS = "/v1/price-simulations"


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def test_a_row_for_every_product_and_week(counter: Any) -> None:
    answer = counter.call("POST", FORECASTS, json={"product_ids": ["10", "nope", "12", "10"], "n_weeks": 2}).json()
    ForecastsAnswer.model_validate(answer)
    rows = [(row["product_id"], row["store_id"], row["week_start"]) for row in answer["forecasts"]]
    weeks = ["2025-02-24", "2025-03-03"]
    assert rows == [(product, None, week) for product in ("10", "12") for week in weeks]
    assert [answer["forecasts"][0][f"q{level}0"] for level in range(1, 10)] == [float(n) for n in range(1, 10)]
    assert (answer["origin"], answer["track"]) == ("2025-02-17", "none")
    assert answer["missing_ids"] == ["nope"]
    assert counter.call("GET", f"/v1/decisions/{answer['decision_id']}").json()["kind"] == "price_forecasts"


def test_stores_and_their_gaps(counter: Any) -> None:
    sent = {"product_ids": ["10"], "store_ids": ["s2", "moon"]}
    answer = counter.call("POST", FORECASTS, json=sent).json()
    assert {row["store_id"] for row in answer["forecasts"]} == {"s2"}
    assert len(answer["forecasts"]) == 4, "the service's own number of weeks"
    assert answer["missing_store_ids"] == ["moon"]
    nowhere = counter.call("POST", FORECASTS, json={"product_ids": ["10"], "store_ids": ["moon"]}).json()
    assert (nowhere["forecasts"], nowhere["origin"]) == ([], None)


@pytest.mark.parametrize(
    ("week", "track"),
    [
        ({"uplift": 1.5}, "none"),
        ({"display": 0.5, "uplift": 1.5}, "promo"),
        ({"mailer": 1}, "promo"),
        ({"shelf_price": usd("2.00"), "display": 0}, "full"),
        ({"paid_price": usd("1.50")}, "full"),
    ],
)
def test_what_is_known_of_the_future_decides_the_track(counter: Any, week: dict[str, Any], track: str) -> None:
    sent = {"product_ids": ["10"], "plan": [{"week_start": "2025-03-03", "product_id": "10", **week}]}
    answer = counter.call("POST", FORECASTS, json=sent)
    assert answer.json()["track"] == track, answer.text
    (asked,) = counter.desk.asked
    (planned,) = asked["planned"]
    assert isinstance(planned, PlannedWeek)
    assert (asked["track"], str(planned.week_start)) == (track, "2025-03-03")
    assert planned.uplift == week.get("uplift")


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        ({"product_ids": []}, "product_ids", "TOO_FEW"),
        ({"product_ids": ["10"] * 501}, "product_ids", "TOO_MANY"),
        ({"product_ids": ["10"], "n_weeks": 0}, "n_weeks", "OUT_OF_RANGE"),
        ({"product_ids": ["10"], "n_weeks": 9}, "n_weeks", "OUT_OF_RANGE"),
        ({"product_ids": ["10"] * 500, "store_ids": ["s1"] * 100, "n_weeks": 8}, "product_ids", "TOO_MANY"),
        ({"product_ids": ["10"], "plan": [{"week_start": "2025-03-04"}]}, "plan.0.week_start", "NO_MONDAY"),
        (
            {"product_ids": ["10"], "plan": [{"week_start": "2025-03-03", "shelf_price": usd("-2")}]},
            "plan.0.shelf_price.amount",
            "OUT_OF_RANGE",
        ),
        (
            {"product_ids": ["10"], "plan": [{"week_start": "2025-03-03", "display": 1.5}]},
            "plan.0.display",
            "OUT_OF_RANGE",
        ),
    ],
)
def test_a_forecast_that_cannot_be_made(counter: Any, sent: dict[str, Any], field: str, code: str) -> None:
    answer = counter.call("POST", FORECASTS, json=sent)
    assert answer.status_code == 422, answer.text
    assert [(fault["field"], fault["code"]) for fault in answer.json()["errors"]] == [(field, code)]


def test_simulations_try_each_price(counter: Any) -> None:
    items = [
        {"product_id": "10", "price": usd("1.90")},
        {"product_id": "10", "store_id": "s1", "prices": [usd("1.80"), usd("2.10")], "unit_cost": usd("1.20")},
        {"product_id": "nope", "price": usd("1.90")},
    ]
    answer = counter.call("POST", SIMULATIONS, json={"items": items, "n_weeks": 2}).json()
    PriceSimulationsAnswer.model_validate(answer)
    assert [(one["store_id"], one["price"]["amount"]) for one in answer["simulations"]] == [
        (None, "1.90"),
        ("s1", "1.80"),
        ("s1", "2.10"),
    ]
    assert answer["simulations"][0]["revenue"] == "38.00"
    assert answer["simulations"][0]["units"] == 20.0
    assert answer["simulations"][0]["personalized"] is False
    assert [refused["code"] for refused in answer["refused"]] == ["UNKNOWN_PRODUCT"]
    (asked,) = counter.advisor.asked
    assert asked["prices"] == [Decimal("1.90"), Decimal("1.80"), Decimal("2.10"), Decimal("1.90")]
    assert asked["now"] == counter.clock() - timedelta(days=1)
    assert counter.call("GET", f"/v1/decisions/{answer['decision_id']}").json()["kind"] == "price_simulations"


@pytest.mark.parametrize(
    ("item", "field", "code"),
    [
        ({}, "items.0.price", "PRICE_OR_PRICES"),
        ({"price": usd("1"), "prices": [usd("2")]}, "items.0.price", "PRICE_OR_PRICES"),
        ({"price": usd("-1")}, "items.0.price.amount", "OUT_OF_RANGE"),
        ({"prices": [usd("1"), usd("20000")]}, "items.0.prices.1.amount", "OUT_OF_RANGE"),
        (
            {"price": usd("1"), "current_price": usd("1"), "unit_cost": usd("2")},
            "items.0.unit_cost",
            "COST_ABOVE_PRICE",
        ),
    ],
)
def test_a_what_if_that_cannot_be_reckoned(counter: Any, item: dict[str, Any], field: str, code: str) -> None:
    answer = counter.call("POST", SIMULATIONS, json={"items": [{"product_id": "10", **item}]})
    assert answer.status_code == 422, answer.text
    assert [(fault["field"], fault["code"]) for fault in answer.json()["errors"]] == [(field, code)]


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (FORECASTS, {"product_ids": ["10"]}),
        (SIMULATIONS, {"items": [{"product_id": "10", "price": {"amount": "1.90", "currency": "USD"}}]}),
    ],
)
def test_without_a_model_both_are_503(counter: Any, path: str, sent: dict[str, Any]) -> None:
    counter.loaded = False
    answer = counter.call("POST", path, json=sent)
    assert (answer.status_code, answer.json()["code"]) == (503, "NO_CHAMPION")
    assert answer.headers["retry-after"] == "30"
