"""Whether the same question is recognised, however and whenever it is asked."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configs.loading import load_settings
from configs.privacy import SmallCountSettings
from privacy.accounting import epsilon
from privacy.counting.errors import QuestionUnclear
from privacy.counting.questions import counted_in_period, one_form
from privacy.counting.small_counts import Question, SmallCounts
from privacy.events import DiscreteLaplace
from privacy.ledger import Ledger, open_ledger
from privacy.state import open_state

SETTINGS = SmallCountSettings(scale=2.0, period_days=7)
MONDAY = datetime(1970, 1, 8, tzinfo=UTC)  # a period begins
BUYERS: dict[str, Any] = {"all": [{"bought": "oat milk", "min_baskets": 3}, {"store": "8"}]}


def asked(definition: dict[str, Any], at: datetime = MONDAY) -> Question:
    return counted_in_period("size of a segment", definition, lineage="shop", at=at, settings=SETTINGS)


@pytest.mark.parametrize(
    "reworded",
    [
        {"all": [{"store": "8"}, {"min_baskets": 3, "bought": "oat milk"}]},
        {"all": [{"store": " 8"}, {"store": "8"}, {"min_baskets": 3.0, "bought": "oat milk "}]},
        {"all": ({"store": "8", "note": None}, {"min_baskets": 3, "bought": "oat milk", "not": []}), "any": []},
        {"all ": [{"store": "8"}, {"min_baskets": 3, "bought": "oat milk", "where": {"city": ""}}]},
    ],
)
def test_another_wording_is_the_same_question(reworded: dict[str, Any]) -> None:
    assert asked(reworded).key == asked(BUYERS).key


@pytest.mark.parametrize(
    "other",
    [
        {"all": [{"bought": "oat milk", "min_baskets": 4}, {"store": "8"}]},
        {"any": BUYERS["all"]},
        {"all": [{"bought": "Oat milk", "min_baskets": 3}, {"store": "8"}]},
        {"all": [{"bought": "oat milk", "min_baskets": "3"}, {"store": "8"}]},
        {"all": [{"bought": "oat milk", "min_baskets": True}, {"store": "8"}]},
        {},
    ],
)
def test_another_definition_is_another_question(other: dict[str, Any]) -> None:
    assert asked(other).key != asked(BUYERS).key


def test_composed_and_decomposed_letters_are_the_same_text() -> None:
    assert one_form({"product": "caf\u00e9"}) == one_form({"product": "cafe\u0301"})


def test_time_only_counts_by_whole_periods() -> None:
    last = MONDAY + timedelta(days=7) - timedelta(microseconds=1)
    assert asked(BUYERS, last).key == asked(BUYERS).key
    assert asked(BUYERS, MONDAY + timedelta(days=7)).key != asked(BUYERS).key
    assert asked(BUYERS, MONDAY - timedelta(microseconds=1)).key != asked(BUYERS).key


@pytest.mark.parametrize("unclear", [{"x": float("nan")}, {"x": [float("inf")]}, {"x": object()}, {"x": {"y": b"z"}}])
def test_what_has_no_one_form_is_refused(unclear: dict[str, Any]) -> None:
    with pytest.raises(QuestionUnclear, match="Give it as text"):
        asked(unclear)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    settings = load_settings("test", [f"storage.root={tmp_path}"])
    return open_ledger(settings.storage, settings.privacy.budget)


@pytest.fixture
def counts(ledger: Ledger, tmp_path: Path) -> Iterator[SmallCounts]:
    engine = open_state(load_settings("test", [f"storage.root={tmp_path}"]).storage.state_db)
    yield SmallCounts(engine, ledger, SETTINGS)
    engine.dispose()


def test_differencing_gets_two_noisy_answers_and_no_third(counts: SmallCounts, ledger: Ledger) -> None:
    """Everybody, and everybody but one: asked in ten wordings over a week, while somebody enters and leaves."""
    but_one = {"all": [*BUYERS["all"], {"not": {"customer_since": "2024-02-29"}}]}
    seen = set()
    for day in range(7):
        at, n_now = MONDAY + timedelta(days=day, hours=day), 40 + day % 2
        for turned in (False, True):
            everybody = {"all": BUYERS["all"][:: -1 if turned else 1]}
            without = {"all": but_one["all"][:: -1 if turned else 1]}
            seen.add(
                (
                    counts.answer(asked(everybody, at), lambda n=n_now: n).value,  # type: ignore[misc]
                    counts.answer(asked(without, at), lambda n=n_now: n - 1).value,  # type: ignore[misc]
                )
            )
    assert len(seen) == 1
    two = (DiscreteLaplace(scale=SETTINGS.scale),) * 2
    assert ledger.spent("shop").events == two
    assert ledger.spent("shop").epsilon == pytest.approx(epsilon(two, 1e-5))
