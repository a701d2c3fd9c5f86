"""`fairshelf privacy budget`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.loading import load_settings
from configs.settings import Settings
from privacy.events import Gaussian
from privacy.ledger import Ledger, open_ledger
from privacy.ledger_book import WITNESS

Call = Callable[..., tuple[int, str]]
Facts = Callable[..., dict[str, Any]]
COUNTS = Gaussian(noise_multiplier=4.0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings("test", [f"storage.root={tmp_path / 'house' / 'var'}"])


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    return open_ledger(settings.storage, settings.privacy.budget)


def test_an_untouched_budget_says_so(call: Call) -> None:
    code, printed = call("privacy", "budget")
    assert code == 0
    assert "Nothing was ever charged" in printed
    assert "add-or-remove-one-customer" in printed


def test_the_budget_is_shown_and_a_crashed_reservation_given_back(call: Call, facts: Facts, ledger: Ledger) -> None:
    made = ledger.reserve("run-1", "popularity", [COUNTS], "a shop")
    used = ledger.reserve("run-2", "popularity", [COUNTS], "a shop")
    ledger.access(used)
    code, printed = call("privacy", "budget")
    assert code == 0
    for part in ("a shop", "run-1", "reserved", "run-2", "accessed"):
        assert part in printed
    before = facts("privacy", "budget")["lineages"][0]
    after = facts("privacy", "budget", "--release", made.reservation_id)
    assert after["lineages"][0]["epsilon"] < before["epsilon"]
    code, printed = call("privacy", "budget", "--release", used.reservation_id)
    assert code == 2
    assert "cannot be given back" in printed


def test_unknown_reservations_and_a_broken_ledger_are_named(call: Call, ledger: Ledger, settings: Settings) -> None:
    ledger.reserve("run-1", "popularity", [COUNTS], "a shop")
    code, printed = call("privacy", "budget", "--release", "res_none")
    assert (code, "holds no reservation 'res_none'" in printed) == (2, True)
    (settings.storage.root / WITNESS).write_text(f"9 {'0' * 64}")
    code, printed = call("privacy", "budget")
    assert (code, "row 1 is the last, but 9 were written" in printed) == (2, True)


def test_the_doctor_looks_at_the_ledger(call: Call, ledger: Ledger, settings: Settings) -> None:
    ledger.reserve("run-1", "popularity", [COUNTS], "a shop")
    assert json.loads(call("doctor", "--json")[1])["privacy ledger"] == "as it was written; entries: 1"
    (settings.storage.root / WITNESS).unlink()
    code, printed = call("doctor", "--json")
    assert (code, json.loads(printed)["privacy ledger"].startswith("broken: ")) == (2, True)
