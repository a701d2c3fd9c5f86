"""The privacy budget as it is shown."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from configs.loading import load_settings
from privacy.events import Gaussian, GaussianPoisson
from privacy.ledger import Ledger
from privacy.ledger_book import WITNESS, LedgerBook
from privacy.state import open_state
from serving.budget_desk import BudgetDesk
from serving.errors import FieldsInvalid
from serving.schemas_privacy import BudgetOut

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
SETTINGS = load_settings("test").privacy.budget
RUN = GaussianPoisson(noise_multiplier=6.0, sample_rate=0.1, steps=100)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[LedgerBook]:
    engine = open_state(tmp_path / "state.db")
    yield LedgerBook(engine, tmp_path / WITNESS)
    engine.dispose()


@pytest.fixture
def desk(book: LedgerBook) -> BudgetDesk:
    return BudgetDesk(book, SETTINGS, lambda: NOW)


def test_an_untouched_budget_is_whole(desk: BudgetDesk) -> None:
    page = desk.page(limit=10, cursor=None)
    BudgetOut.model_validate(page)
    assert (page["lineages"], page["charges"], page["next_cursor"]) == ([], [], None)
    assert (page["cap_epsilon"], page["delta"], page["unit"]) == (SETTINGS.cap_epsilon, SETTINGS.delta, "customer")


def test_what_was_charged_is_shown_in_pages_newest_first(desk: BudgetDesk, book: LedgerBook) -> None:
    ledger = Ledger(book, SETTINGS, lambda: NOW)
    ledger.access(ledger.reserve("run-0", "training", [RUN], "a shop"))
    for number in (1, 2):
        ledger.reserve(f"run-{number}", "counts", [Gaussian(noise_multiplier=9.0)], "a shop")
    first = desk.page(limit=2, cursor=None)
    BudgetOut.model_validate(first)
    assert [charge["run"] for charge in first["charges"]] == ["run-2", "run-1"]
    second = desk.page(limit=2, cursor=first["next_cursor"])
    assert [(charge["run"], charge["state"]) for charge in second["charges"]] == [("run-0", "accessed")]
    assert second["next_cursor"] is None
    (lineage,) = first["lineages"]
    spent = ledger.spent("a shop")
    assert lineage["epsilon"] == spent.epsilon
    assert lineage["remaining"] == pytest.approx(SETTINGS.cap_epsilon - spent.epsilon)


def test_a_cursor_that_is_none_of_ours_is_refused(desk: BudgetDesk) -> None:
    with pytest.raises(FieldsInvalid):
        desk.page(limit=2, cursor="nonsense")
