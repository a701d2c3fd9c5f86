"""The budget as the rows tell it, against the ledger that reckons it anew."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from configs.privacy import BudgetSettings
from privacy.accounting import epsilon
from privacy.budget import LineageBudget, budget_of
from privacy.events import Gaussian, GaussianPoisson
from privacy.ledger import Ledger
from privacy.ledger_book import WITNESS, LedgerBook
from privacy.state import open_state

START = datetime(2025, 1, 6, 12, tzinfo=UTC)
SETTINGS = BudgetSettings(cap_epsilon=8, delta=1e-5, window_days=90, clock_tolerance_s=5)
RUN = GaussianPoisson(noise_multiplier=6.0, sample_rate=0.1, steps=100)
COUNT = Gaussian(noise_multiplier=8.0)


class House:
    """A ledger, its book, and a clock that tests set."""

    def __init__(self, path: Path) -> None:
        self.engine = open_state(path / "state.db")
        self.book = LedgerBook(self.engine, path / WITNESS)
        self.now = START
        self.ledger = Ledger(self.book, SETTINGS, lambda: self.now)

    def only(self) -> LineageBudget:
        """The budget of the one lineage, the same as the ledger reckons."""
        (found,) = budget_of(self.book.rows(), SETTINGS, self.now).lineages
        spent = self.ledger.spent(found.lineage)
        assert (found.epsilon, found.remaining, found.lifetime_epsilon) == pytest.approx(
            (spent.epsilon, spent.remaining, spent.lifetime_epsilon)
        )
        assert found.sum_of_epsilons == pytest.approx(spent.sum_of_epsilons)
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.engine.dispose()


def reserve(house: House, *events: Any, run: str = "run", lineage: str = "a shop") -> Any:
    return house.ledger.reserve(run, "training", events or (RUN,), lineage)


def test_an_empty_ledger_has_everything_left(house: House) -> None:
    budget = budget_of(house.book.rows(), SETTINGS, START)
    assert (budget.lineages, budget.charges, budget.cap_epsilon, budget.delta) == ((), (), 8, 1e-5)
    assert budget.window.holds(START)


def test_stored_figures_are_those_the_ledger_reckons_after_every_move(house: House) -> None:
    first, second = reserve(house), reserve(house, COUNT, COUNT)
    assert house.only().n_charges == 2
    house.ledger.access(first)
    house.ledger.release(second)
    assert house.only().epsilon == epsilon([RUN], 1e-5)
    house.ledger.commit(first, [RUN])
    assert house.only().n_charges == 1
    assert house.only().sum_of_epsilons == house.only().epsilon


def test_a_new_window_begins_at_nothing_and_a_late_move_stays_in_its_own(house: House) -> None:
    early = reserve(house)
    house.now = START + timedelta(days=90)
    assert house.only().epsilon == 0
    reserve(house, COUNT)
    house.ledger.release(early)  # of the window before
    assert house.only().epsilon == epsilon([COUNT], 1e-5)
    assert house.only().lifetime_epsilon == epsilon([COUNT], 1e-5)


def test_charges_are_listed_newest_first_with_their_state(house: House) -> None:
    first = reserve(house, run="run-1")
    reserve(house, COUNT, run="run-2", lineage="another shop")
    house.ledger.access(first)
    budget = budget_of(house.book.rows(), SETTINGS, START)
    assert [(one.run, one.state, one.lineage) for one in budget.charges] == [
        ("run-2", "reserved", "another shop"),
        ("run-1", "accessed", "a shop"),
    ]
    assert budget.charges[1].epsilon_alone == epsilon([RUN], 1e-5)
    assert [one.lineage for one in budget.lineages] == ["a shop", "another shop"]


def test_after_a_change_of_windows_the_figure_is_never_too_small(house: House) -> None:
    reserve(house)
    house.now = START + timedelta(days=90)
    reserve(house)
    longer = SETTINGS.model_copy(update={"window_days": 3650})
    (found,) = budget_of(house.book.rows(), longer, house.now).lineages
    assert found.epsilon == epsilon([RUN, RUN], 1e-5)
