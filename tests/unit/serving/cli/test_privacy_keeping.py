"""`fairshelf privacy rotate-key`, `retain` and `consent`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.settings import PROJECT_ROOT

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def ingested(call: Call) -> Call:
    """The commands, in a house that holds the corner shop."""
    assert call("ingest", "files", PROJECT_ROOT / "docs" / "own-data")[0] == 0
    return call


def test_a_rotation_tells_what_moved_and_until_when_old_names_resolve(ingested: Call) -> None:
    code, printed = ingested("privacy", "rotate-key", "--json")
    told = json.loads(printed)
    assert (code, told["key version"], told["lake"], told["vault"]) == (0, 2, 2, 8)
    assert "earlier names resolve until" in told
    code, printed = ingested("privacy", "rotate-key")
    assert code == 2
    assert "--close" in printed
    assert ingested("privacy", "rotate-key", "--close")[0] == 0
    assert json.loads(ingested("privacy", "rotate-key", "--json")[1])["key version"] == 3


def test_closing_without_a_window_says_so(ingested: Call) -> None:
    assert "none was open" in ingested("privacy", "rotate-key", "--close")[1]


def test_a_purpose_outside_the_stores_rotates_alone(ingested: Call) -> None:
    told = json.loads(ingested("privacy", "rotate-key", "--purpose", "export", "--json")[1])
    assert told == {"purpose": "export", "key version": 2}
    code, printed = ingested("privacy", "rotate-key", "--purpose", "research")
    assert code == 2
    assert "analytics, export" in printed


def test_an_ingest_after_a_rotation_uses_the_new_names(ingested: Call, tmp_path: Path) -> None:
    ingested("privacy", "rotate-key")
    assert ingested("ingest", "files", PROJECT_ROOT / "docs" / "own-data")[0] == 0
    manifest = json.loads((tmp_path / "house" / "var" / "lake" / "manifest.json").read_text())
    assert manifest["pseudonym_key_version"] == 2


def test_retention_counts_first_and_removes_then(ingested: Call) -> None:
    short = ("--set", "privacy.retention.transactions_days=30")
    counted = json.loads(ingested("privacy", "retain", "--dry-run", "--json", *short)[1])
    by_store = {one["store"]: one["n_removed"] for one in counted["stores"]}
    assert counted["dry_run"] is True
    assert by_store["lake, transactions"] > 0
    code, printed = ingested("privacy", "retain", *short)
    assert code == 0
    assert "lake, transactions" in printed
    again = json.loads(ingested("privacy", "retain", "--json", *short)[1])
    assert {one["n_removed"] for one in again["stores"]} == {0}


def test_a_visitor_decides_apart_from_a_customer_of_the_same_id(ingested: Call) -> None:
    asked = ("privacy", "consent", "--customer-id", "ada", "--purpose", "marketing", "--version", "v", "--json")
    assert json.loads(ingested(*asked, "--refuse", "--visitor")[1])["granted"] is False
    code, printed = ingested(
        "privacy", "consent", "--customer-id", "ada", "--purpose", "research", "--grant", "--version", "v"
    )
    assert code == 2
    assert "unknown purpose" in printed
