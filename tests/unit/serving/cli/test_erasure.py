"""`fairshelf privacy erase` and `verify-erasure` as a user calls them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.loading import load_settings
from configs.settings import PROJECT_ROOT
from features.ingest import ingest_files

Call = Callable[..., tuple[int, str]]
Facts = Callable[..., dict[str, Any]]


@pytest.fixture
def ingested(tmp_path: Path) -> Path:
    """The corner shop, ingested where `call` looks."""
    root = tmp_path / "house" / "var"
    settings = load_settings("test", [f"storage.root={root}"])
    ingest_files(
        PROJECT_ROOT / "docs" / "own-data", settings.storage, settings.ingest, settings.privacy, lambda _: None
    )
    return root


def test_a_customer_is_found_then_erased_then_not_found(ingested: Path, call: Call, facts: Facts) -> None:
    code, printed = call("privacy", "verify-erasure", "--customer-id", "ada")
    assert code == 3
    assert "lake/transactions.parquet" in printed
    code, printed = call("privacy", "erase", "--customer-id", "ada")
    assert code == 0, printed
    assert "signed by key" in printed
    assert "backups" in printed
    assert facts("privacy", "verify-erasure", "--customer-id", "ada") == {"customers": 1, "found": []}
    code, printed = call("privacy", "verify-erasure", "--customer-id", "ada")
    assert code == 0
    assert "zero bytes" in printed
    decided = ("--purpose", "marketing", "--grant", "--version", "1")
    code, printed = call("privacy", "consent", "--customer-id", "ada", *decided)
    assert code == 3
    assert "erased on request" in printed


def test_a_file_of_ids_is_erased_in_one_run(ingested: Path, tmp_path: Path, facts: Facts) -> None:
    listed = tmp_path / "ids.txt"
    listed.write_text("ada\n\nben\nnobody\n")
    found = facts("privacy", "erase", "--customers", str(listed), "--anonymise")
    assert [one["mode"] for one in found["receipts"]] == ["anonymise"] * 3
    assert not facts("privacy", "verify-erasure", "--customers", str(listed))["found"]


def test_resume_finishes_what_was_left_and_does_nothing_twice(ingested: Path, facts: Facts, call: Call) -> None:
    assert facts("privacy", "erase", "--resume") == {"receipts": []}
    assert call("privacy", "erase")[0] == 2
    assert call("privacy", "verify-erasure")[0] == 2
    assert call("privacy", "erase", "--customer-id", "x" * 129)[0] == 2


def test_the_doctor_names_unfinished_erasures_and_models_to_retrain(house: Any, call: Call) -> None:
    customer = house.settings.storage.root.parent / "source" / "transactions.csv"
    first = customer.read_text().splitlines()[1].split(",")[0]
    code, printed = call("privacy", "erase", "--customer-id", first)
    assert code == 0, printed
    printed = call("doctor", "--json")[1]
    assert "demand 1 learnt from erased people: replace by" in printed
