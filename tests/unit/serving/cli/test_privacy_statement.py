"""`fairshelf privacy statement`."""

import json
from collections.abc import Callable
from typing import Any

from configs.settings import Settings
from privacy.events import Gaussian
from privacy.statement import STATEMENT_FILE
from privacy.stating import Release, make_statement
from training.artifact import Bundle, bundle_directory, load_champion, write_bundle
from training.bundle_files import TEXTS, sha256
from training.manifest import ManifestFacts, PrivacyStatement

Call = Callable[..., tuple[int, str]]
Facts = Callable[..., dict[str, Any]]
MADE = make_statement([Release("popularity", (Gaussian(noise_multiplier=4.0),))], delta=1e-5, training=None, spent=None)


def test_a_model_without_a_promise_says_so_and_what_that_means(house: Any, call: Call, facts: Facts) -> None:
    code, printed = call("privacy", "statement", "demand")
    assert code == 0
    for part in ("Privacy of demand", "There is no guarantee", "nothing bounds how much", "by other means:"):
        assert part in printed
    assert "The promise" not in printed
    told = facts("privacy", "statement", "demand")
    assert (told["mechanism"], told["epsilon"], told["curve"]) == ("none", None, [])
    held = load_champion(house.settings.storage.bundles, "demand")
    assert told == json.loads(held.text(STATEMENT_FILE))


def private(settings: Settings) -> Bundle:
    """A bundle that promises something."""
    demand = load_champion(settings.storage.bundles, "demand").manifest
    facts = ManifestFacts.model_validate(
        {
            **demand.model_dump(include=set(ManifestFacts.model_fields) - {"privacy"}),
            "privacy": PrivacyStatement.of(MADE),
        }
    )
    directory = bundle_directory(settings.storage.bundles, "two-tower", "1")
    texts = {STATEMENT_FILE: MADE.to_json()}
    return write_bundle(
        directory, name="two-tower", version="1", facts=facts, tensors={}, arrays={}, frames={}, texts=texts
    )


def test_a_promise_is_shown_from_the_bundle(house: Any, call: Call, facts: Facts) -> None:
    private(house.settings)
    code, printed = call("privacy", "statement", "two-tower@1")
    assert code == 0
    for part in ("The promise: For any one customer", "popularity: epsilon", "Not covered:", "What that means:"):
        assert part in printed
    told = facts("privacy", "statement", "two-tower")
    assert told == json.loads(MADE.to_json())


def test_an_edited_statement_is_refused(house: Any, call: Call) -> None:
    path = private(house.settings).directory / TEXTS / STATEMENT_FILE
    path.write_text(MADE.model_copy(update={"epsilon": 0.1}).to_json())
    code, printed = call("privacy", "statement", "two-tower")
    assert code == 2
    assert f"{TEXTS}/{STATEMENT_FILE} was changed" in printed


def test_a_statement_edited_together_with_its_digest_contradicts_the_claim(house: Any, call: Call) -> None:
    directory = private(house.settings).directory
    path, manifest = directory / TEXTS / STATEMENT_FILE, directory / "manifest.json"
    path.write_text(MADE.model_copy(update={"epsilon": 0.1}).to_json())
    edited = json.loads(manifest.read_text())
    edited["files"][f"{TEXTS}/{STATEMENT_FILE}"] = sha256(path)
    manifest.write_text(json.dumps(edited))
    code, printed = call("privacy", "statement", "two-tower")
    assert (code, "the manifest says something else" in printed) == (2, True)
    path.unlink()
    del edited["files"][f"{TEXTS}/{STATEMENT_FILE}"]
    manifest.write_text(json.dumps(edited))
    code, printed = call("privacy", "statement", "two-tower")
    assert (code, "the manifest says dp-counts, but the bundle holds none" in printed) == (2, True)


def test_an_unknown_model_is_named(house: Any, call: Call) -> None:
    code, printed = call("privacy", "statement", "nobody")
    assert code == 2
    assert "nobody" in printed
