"""`fairshelf privacy budget` and `fairshelf privacy statement`."""

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
from privacy.statement import STATEMENT_FILE
from privacy.stating import Release, make_statement
from training.artifact import Bundle, bundle_directory, load_champion, write_bundle
from training.manifest import ManifestFacts

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


def test_a_model_without_a_promise_says_so(house: Any, call: Call, facts: Facts) -> None:
    code, printed = call("privacy", "statement", "demand")
    assert code == 0
    assert "Privacy of demand" in printed
    assert "without differential privacy" in printed
    told = facts("privacy", "statement", "demand")
    assert (told["mechanism"], told["epsilon"], told["curve"]) == ("none", None, [])


def private(settings: Settings, *, epsilon: float | None = None, keep: bool = True) -> Bundle:
    """A bundle that promises something; its manifest may say another epsilon, or the statement may be missing."""
    made = make_statement([Release("popularity", (COUNTS,))], delta=1e-5, training=None, spent=None)
    facts = ManifestFacts.model_validate(
        {
            **load_champion(settings.storage.bundles, "demand").manifest.model_dump(
                include=set(ManifestFacts.model_fields) - {"privacy"}
            ),
            "privacy": {"mechanism": "dp-counts", "epsilon": epsilon or made.epsilon, "delta": 1e-5},
        }
    )
    directory = bundle_directory(settings.storage.bundles, "two-tower", "1")
    texts = {STATEMENT_FILE: made.to_json()} if keep else {}
    return write_bundle(
        directory, name="two-tower", version="1", facts=facts, tensors={}, arrays={}, frames={}, texts=texts
    )


def test_a_promise_is_shown_from_the_bundle(house: Any, call: Call, facts: Facts) -> None:
    private(house.settings)
    code, printed = call("privacy", "statement", "two-tower@1")
    assert code == 0
    for part in ("The promise: for any one customer", "popularity: epsilon", "Not covered:"):
        assert part in printed
    told = facts("privacy", "statement", "two-tower")
    assert told["mechanism"] == "dp-counts"
    assert told["charges"][0]["epsilon_alone"] == told["epsilon"]


def test_a_claim_that_nothing_backs_is_refused(house: Any, call: Call) -> None:
    private(house.settings, keep=False)
    code, printed = call("privacy", "statement", "two-tower")
    assert (code, "the manifest says dp-counts, but the bundle holds none" in printed) == (2, True)


def test_a_claim_that_the_statement_contradicts_is_refused(house: Any, call: Call) -> None:
    private(house.settings, epsilon=0.1)
    code, printed = call("privacy", "statement", "two-tower")
    assert (code, "the manifest says something else" in printed) == (2, True)


def test_an_unknown_model_is_named(house: Any, call: Call) -> None:
    code, printed = call("privacy", "statement", "nobody")
    assert code == 2
    assert "nobody" in printed
