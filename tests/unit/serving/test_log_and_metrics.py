"""What is logged and counted: never a key, never a raw id."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from serving.log import JsonLines


class Lines(logging.Handler):
    """Keeps formatted lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[list[str]]:
    logger, kept = logging.getLogger("fairshelf"), Lines()
    kept.setFormatter(JsonLines())
    level = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)
    yield kept.lines
    logger.removeHandler(kept)
    logger.setLevel(level)


def test_a_request_is_one_json_line_with_its_ids(shop: Any, log: list[str]) -> None:
    answer = shop.call("POST", "/v1/recommendations", json={}, headers={"X-Request-ID": "abc"})
    line = json.loads(log[-1])
    assert (line["message"], line["level"], line["request_id"]) == ("request", "info", "abc")
    assert line["decision_id"] == answer.json()["decision_id"]
    assert (line["route"], line["status"], line["caller"]) == ("/v1/recommendations", 200, "development-storefront")


def test_no_line_holds_a_key_or_a_raw_id(shop: Any, log: list[str]) -> None:
    customer = "customer-4711"
    shop.know(customer, "12")
    shop.call("POST", "/v1/recommendations", json={"customer_id": customer})
    shop.features.broken = True
    shop.call("POST", "/v1/recommendations", json={"customer_id": customer})
    shop.call("POST", "/v1/recommendations", json={"customer_id": customer, "limit": 0})
    shop.call("POST", "/v1/recommendations", content=customer, headers={"Content-Type": "application/json"})
    shop.call("GET", f"/v1/customers/{customer}")
    shop.call("GET", f"/v1/decisions/{customer}")
    shop.call("POST", "/v1/recommendations", json={}, role=None, headers={"X-API-Key": "wrong-key"})
    event = {"event_id": "e", "type": "view", "customer_id": customer, "product_id": "1", "occurred_at": "no"}
    shop.call("POST", "/v1/events", json={"events": [event]})
    text = "\n".join(log)
    assert len(log) >= 8
    assert customer not in text
    assert "wrong-key" not in text
    assert shop.pseudonyms.pseudonym(customer) not in text
    for key in shop.keys.values():
        assert key not in text


def test_a_failure_is_logged_by_class_and_place_without_its_message(shop: Any, log: list[str]) -> None:
    shop.know("42", "12")
    shop.features.broken = True
    shop.recommend(customer_id="42")
    line = json.loads(next(entry for entry in log if "no features" in entry))
    assert line["error"] == "ConnectionError"
    assert any("online_customer" in frame for frame in line["frames"])


def test_health_checks_are_counted_but_not_logged(shop: Any, log: list[str]) -> None:
    shop.call("GET", "/readyz")
    assert log == []


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_requests_rungs_and_failures_are_counted(shop: Any) -> None:
    route = {"route": "/v1/recommendations", "method": "POST"}
    before = count("fairshelf_requests_total", **route, status="200")
    refused = count("fairshelf_requests_total", **route, status="422")
    popular = count("fairshelf_recommendations_total", rung="popular", reason="unknown_customer")
    shop.recommend()
    shop.call("POST", "/v1/recommendations", json={"limit": 0})
    assert count("fairshelf_requests_total", **route, status="200") == before + 1
    assert count("fairshelf_requests_total", **route, status="422") == refused + 1
    assert count("fairshelf_recommendations_total", rung="popular", reason="unknown_customer") == popular + 1


def test_strange_addresses_and_methods_make_no_new_series(shop: Any) -> None:
    before = count("fairshelf_requests_total", route="unknown", method="other", status="404")
    for number in range(3):
        shop.call("GET", f"/made/up/{number}")
    shop.call("BREW", "/v1/recommendations")
    assert count("fairshelf_requests_total", route="unknown", method="other", status="404") == before + 3
    assert count("fairshelf_requests_total", route="/v1/recommendations", method="other", status="405") >= 1


def test_metrics_are_served_in_the_prometheus_format(shop: Any) -> None:
    shop.recommend()
    answer = shop.call("GET", "/metrics", role=None)
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'fairshelf_requests_total{method="POST",route="/v1/recommendations",status="200"}' in answer.text
