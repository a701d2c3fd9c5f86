"""The privacy budget over HTTP."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from configs.loading import load_settings
from privacy.events import GaussianPoisson
from privacy.ledger import Ledger
from privacy.ledger_book import WITNESS, LedgerBook
from serving.schemas_privacy import BudgetOut

RUN = GaussianPoisson(noise_multiplier=6.0, sample_rate=0.1, steps=100)


def charge(shop: Any, tmp_path: Path) -> None:
    book = LedgerBook(shop.services.state, tmp_path / WITNESS)
    Ledger(book, load_settings("test").privacy.budget).reserve("run-1", "training", [RUN], "a shop")


@pytest.mark.parametrize("role", ["privacy", "ethics"])
def test_the_budget_is_shown(shop: Any, tmp_path: Path, role: str) -> None:
    charge(shop, tmp_path)
    answer = shop.call("GET", "/v1/privacy/budget", role=role)
    assert answer.status_code == 200
    BudgetOut.model_validate(answer.json())
    assert [one["run"] for one in answer.json()["charges"]] == ["run-1"]
    assert [one["lineage"] for one in answer.json()["lineages"]] == ["a shop"]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"cursor": "nonsense"}, {"window": 3}])
def test_a_query_that_cannot_be_used_is_422(shop: Any, query: dict[str, Any]) -> None:
    assert shop.call("GET", "/v1/privacy/budget", role="privacy", params=query).status_code == 422


def test_a_ledger_that_was_edited_shows_nothing(shop: Any, tmp_path: Path) -> None:
    charge(shop, tmp_path)
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE privacy_ledger SET epsilon_window = 0")
    connection.close()
    answer = shop.call("GET", "/v1/privacy/budget", role="privacy")
    assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_UNAVAILABLE")
    assert "charges" not in answer.json()
