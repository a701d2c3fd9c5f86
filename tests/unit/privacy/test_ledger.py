"""The budget ledger: it cannot be overspent, cut, edited or set back."""

import multiprocessing
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from configs.privacy import BudgetSettings
from privacy.accounting import epsilon
from privacy.errors import (
    BudgetExceeded,
    ChargeExceedsReservation,
    ClockMovedBack,
    LedgerBroken,
    LedgerTextInvalid,
    PrivacyParameterInvalid,
    ReservationClosed,
    ReservationUnknown,
)
from privacy.events import DiscreteLaplace, Gaussian, GaussianPoisson
from privacy.ledger import Ledger, Reservation
from privacy.ledger_book import WITNESS, LedgerBook
from privacy.state import open_state

START = datetime(2025, 1, 6, 12, tzinfo=UTC)
DELTA = 1e-5
RUN = GaussianPoisson(noise_multiplier=6.0, sample_rate=0.1, steps=100)
ROOM_FOR_THREE = epsilon([RUN] * 3, DELTA) * 1.02
SHOP = "a shop"


def budget(cap: float = ROOM_FOR_THREE) -> BudgetSettings:
    return BudgetSettings(cap_epsilon=cap, delta=DELTA, window_days=90, clock_tolerance_s=5)


@dataclass
class Clock:
    """A clock that tests set."""

    now: datetime = START

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def opened(database: Path, clock: Clock) -> Iterator[Callable[..., Ledger]]:
    """Opens the ledger, as another process would."""
    engines: list[sa.Engine] = []

    def reopened(cap: float = ROOM_FOR_THREE) -> Ledger:
        engines.append(open_state(database))
        return Ledger(LedgerBook(engines[-1], database.with_name(WITNESS)), budget(cap), clock)

    yield reopened
    for engine in engines:
        engine.dispose()


@pytest.fixture
def ledger(opened: Callable[..., Ledger]) -> Ledger:
    return opened()


def reserve(ledger: Ledger, run: str = "run-1", *events: Any, lineage: str = SHOP) -> Reservation:
    return ledger.reserve(run, "training", events or (RUN,), lineage)


def test_the_whole_way_of_a_run(ledger: Ledger, opened: Callable[..., Ledger]) -> None:
    made = reserve(ledger)
    assert made.state == "reserved"
    ledger.access(made)
    ledger.access(made)  # a resumed run says so again
    ledger.commit(made, [RUN])
    assert opened().find(made.reservation_id) == Reservation(
        made.reservation_id, "run-1", "training", SHOP, (RUN,), START, "committed"
    )
    spent = opened().spent(SHOP)
    assert spent.epsilon == epsilon([RUN], DELTA)
    assert spent.remaining == pytest.approx(ROOM_FOR_THREE - spent.epsilon)
    assert spent.events == (RUN,)
    assert ledger.verify() == 3


def test_a_fourth_run_does_not_fit_and_leaves_no_trace(ledger: Ledger) -> None:
    for number in range(3):
        reserve(ledger, f"run-{number}")
    before = ledger.spent(SHOP)
    with pytest.raises(BudgetExceeded, match=r"run 'greedy' asks for epsilon=\d.* is left at delta=1e-05"):
        reserve(ledger, "greedy")
    assert ledger.spent(SHOP) == before
    assert ledger.verify() == 3


def test_releases_are_composed_not_added_up(ledger: Ledger) -> None:
    for number in range(3):
        reserve(ledger, f"run-{number}")
    spent = ledger.spent(SHOP)
    assert spent.epsilon == epsilon([RUN] * 3, DELTA)
    assert spent.sum_of_epsilons == pytest.approx(3 * epsilon([RUN], DELTA))
    assert spent.sum_of_epsilons > 1.5 * spent.epsilon
    assert spent.sum_of_epsilons > ROOM_FOR_THREE  # adding up would have refused the third


def test_everything_that_is_released_is_charged_together(ledger: Ledger) -> None:
    count, statistic = DiscreteLaplace(scale=20.0), Gaussian(noise_multiplier=10.0)
    reserve(ledger, "run-1")
    reserve(ledger, "tuning", RUN)
    reserve(ledger, "statistics", statistic)
    for number in range(3):
        reserve(ledger, f"segment-{number}", count)
    assert ledger.spent(SHOP).epsilon == epsilon([RUN, RUN, statistic, count, count, count], DELTA)


def test_a_reservation_is_given_back_before_access_alone(ledger: Ledger, opened: Callable[..., Ledger]) -> None:
    unused, used = reserve(ledger, "unused"), reserve(ledger, "used")
    ledger.release(unused)
    ledger.access(used)
    with pytest.raises(ReservationClosed, match="is accessed, so it cannot be given back"):
        opened().release(used)
    with pytest.raises(ReservationClosed, match="is released, so it cannot be accessed"):
        ledger.access(unused)
    assert ledger.spent(SHOP).events == (RUN,)


def test_a_crash_costs_what_was_reserved(ledger: Ledger, opened: Callable[..., Ledger]) -> None:
    for number in range(3):
        crashed = reserve(ledger, f"run-{number}")
        ledger.access(crashed)
    del ledger
    with pytest.raises(BudgetExceeded):
        reserve(opened(), "run-4")
    resumed = opened()
    resumed.access(resumed.find(crashed.reservation_id))
    resumed.commit(crashed, [RUN])
    assert resumed.spent(SHOP).events == (RUN,) * 3  # resuming spends nothing twice


def test_a_crash_before_access_holds_its_room_until_given_back(ledger: Ledger, opened: Callable[..., Ledger]) -> None:
    crashed = [reserve(ledger, f"run-{number}") for number in range(3)]
    with pytest.raises(BudgetExceeded):
        reserve(opened(), "run-4")
    opened().release(crashed[0])
    assert reserve(opened(), "run-4").run == "run-4"


def test_committing_less_gives_nothing_back(ledger: Ledger) -> None:
    made = reserve(ledger)
    ledger.access(made)
    ledger.commit(made, [RUN.model_copy(update={"steps": 10})])
    assert ledger.spent(SHOP).epsilon == epsilon([RUN], DELTA)
    with pytest.raises(ReservationClosed, match="is committed"):
        ledger.commit(made, [RUN])


def test_what_was_released_beyond_the_reservation_is_charged_and_refused(ledger: Ledger) -> None:
    made = reserve(ledger)
    ledger.access(made)
    longer = RUN.model_copy(update={"steps": 150})
    with pytest.raises(ChargeExceedsReservation, match="run 'run-1' reserved"):
        ledger.commit(made, [longer])
    assert ledger.spent(SHOP).epsilon == epsilon([longer], DELTA)


def test_without_access_nothing_is_committed(ledger: Ledger) -> None:
    with pytest.raises(ReservationClosed, match="is reserved, so it cannot be committed"):
        ledger.commit(reserve(ledger), [RUN])


def test_lineages_have_budgets_of_their_own_and_windows_begin_anew(ledger: Ledger, clock: Clock) -> None:
    for number in range(3):
        reserve(ledger, f"run-{number}")
    assert reserve(ledger, "elsewhere", lineage="another shop").lineage == "another shop"
    clock.now = START + timedelta(days=90)
    reserve(ledger, "next quarter")
    spent = ledger.spent(SHOP)
    assert spent.epsilon == epsilon([RUN], DELTA)
    assert spent.lifetime_epsilon == epsilon([RUN] * 4, DELTA)
    assert ledger.spent(SHOP, START).epsilon == epsilon([RUN] * 3, DELTA)


def test_a_clock_moved_back_is_refused(ledger: Ledger, clock: Clock) -> None:
    made = reserve(ledger)
    clock.now = START - timedelta(days=91)  # a window that is still empty
    for move in (lambda: reserve(ledger), lambda: ledger.access(made), lambda: ledger.release(made)):
        with pytest.raises(ClockMovedBack, match=r"the clock says 2024-10-07 .* last written at 2025-01-06"):
            move()
    clock.now = START - timedelta(seconds=4)  # two machines may disagree a little
    reserve(ledger, "run-2")
    assert ledger.find(made.reservation_id).reserved_at == START


@pytest.mark.parametrize("field", ["run", "what", "lineage"])
@pytest.mark.parametrize("bad", ["", " ", "x" * 129, "two\nlines"])
def test_names_that_cannot_be_written_are_refused(ledger: Ledger, field: str, bad: str) -> None:
    names = {"run": "run", "what": "training", "lineage": SHOP, field: bad}
    with pytest.raises(LedgerTextInvalid, match=f"{field} has {len(bad)} characters"):
        ledger.reserve(events=[RUN], **names)


def test_reserving_nothing_and_unknown_reservations_are_refused(ledger: Ledger) -> None:
    with pytest.raises(PrivacyParameterInvalid, match="number of releases is 0"):
        ledger.reserve("run", "training", [], SHOP)
    with pytest.raises(ReservationUnknown, match="'res_none'"):
        ledger.find("res_none")


def edit(database: Path, statement: str) -> None:
    connection = sqlite3.connect(database)
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE privacy_ledger SET events = '[]' WHERE sequence = 2", 2),
        ("UPDATE privacy_ledger SET lineage = 'another shop' WHERE sequence = 1", 1),
        ("UPDATE privacy_ledger SET at_us = at_us - 1 WHERE sequence = 3", 3),
        ("UPDATE privacy_ledger SET epsilon_window = 0.1 WHERE sequence = 3", 3),
        ("UPDATE privacy_ledger SET kind = 'release' WHERE sequence = 2", 2),
        ("DELETE FROM privacy_ledger WHERE sequence = 1", 1),
        ("DELETE FROM privacy_ledger WHERE sequence = 2", 2),
        ("DELETE FROM privacy_ledger WHERE sequence = 3", 2),
        ("DELETE FROM privacy_ledger", 0),
        ("DROP TABLE privacy_ledger", 0),
    ],
)
def test_a_ledger_that_was_edited_or_cut_is_refused(
    opened: Callable[..., Ledger], database: Path, statement: str, row: int
) -> None:
    ledger = opened()
    for number in range(3):
        made = reserve(ledger, f"run-{number}")
    edit(database, statement)
    for use in (lambda: reserve(opened(), "next"), lambda: opened().spent(SHOP), lambda: opened().access(made)):
        with pytest.raises(LedgerBroken, match=f"row {row} "):
            use()


def test_an_older_copy_of_the_database_is_refused(opened: Callable[..., Ledger], database: Path) -> None:
    reserve(opened(), "run-1")
    edit(database, f"VACUUM INTO '{database.with_name('backup.db')}'")
    reserve(opened(), "run-2")
    for name in ("state.db-wal", "state.db-shm"):
        database.with_name(name).unlink(missing_ok=True)
    database.with_name("backup.db").replace(database)
    with pytest.raises(LedgerBroken, match="row 1 is the last, but 2 were written"):
        opened().verify()


@pytest.mark.parametrize("content", [None, "", "nonsense", f"1 {'f' * 64}"])
def test_a_lost_or_forged_witness_is_refused(
    opened: Callable[..., Ledger], database: Path, content: str | None
) -> None:
    reserve(opened())
    witness = database.with_name(WITNESS)
    witness.unlink()
    if content is not None:
        witness.write_text(content)
    with pytest.raises(LedgerBroken, match=r"witness|is not what was written"):
        opened().verify()


def test_a_crash_between_row_and_witness_loses_nothing(opened: Callable[..., Ledger], database: Path) -> None:
    reserve(opened(), "run-1")
    witness = database.with_name(WITNESS)
    behind = witness.read_text()
    reserve(opened(), "run-2")
    witness.write_text(behind)
    assert opened().verify() == 2
    reserve(opened(), "run-3")
    assert witness.read_text().startswith("3 ")


def test_the_files_are_for_their_owner_alone(ledger: Ledger, database: Path) -> None:
    reserve(ledger)
    assert database.with_name(WITNESS).stat().st_mode & 0o077 == 0


def one_run(arguments: tuple[str, int]) -> str:
    """A training run in a process of its own."""
    path, number = arguments
    database = Path(path)
    engine = open_state(database)
    ledger = Ledger(LedgerBook(engine, database.with_name(WITNESS)), budget(), lambda: START)
    try:
        made = ledger.reserve(f"run-{number}", "training", [RUN], SHOP)
        ledger.access(made)
        ledger.commit(made, [RUN])
    except BudgetExceeded:
        return "refused"
    finally:
        engine.dispose()
    return "ran"


def killed_run(path: str, *, accesses: bool) -> None:
    """A run whose process dies without a word."""
    database = Path(path)
    book = LedgerBook(open_state(database), database.with_name(WITNESS))
    ledger = Ledger(book, budget(), lambda: START)
    made = ledger.reserve("killed", "training", [RUN], SHOP)
    if accesses:
        ledger.access(made)
    os._exit(9)


@pytest.mark.parametrize("accesses", [True, False])
def test_a_process_that_was_killed_is_charged(opened: Callable[..., Ledger], database: Path, *, accesses: bool) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=killed_run, args=(str(database),), kwargs={"accesses": accesses}
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    ledger = opened()
    assert ledger.spent(SHOP).events == (RUN,)
    (row,) = [
        one for one in LedgerBook(open_state(database), database.with_name(WITNESS)).rows() if one.kind == "reserve"
    ]
    if accesses:
        with pytest.raises(ReservationClosed):
            ledger.release(ledger.find(row.reservation))
    else:
        ledger.release(ledger.find(row.reservation))
        assert ledger.spent(SHOP).events == ()


def test_of_eight_threads_with_room_for_three_exactly_three_run(ledger: Ledger, database: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(one_run, [(str(database), number) for number in range(8)]))
    assert sorted(outcomes) == ["ran"] * 3 + ["refused"] * 5
    assert ledger.spent(SHOP).events == (RUN,) * 3
    assert ledger.verify() == 9


def test_of_eight_processes_with_room_for_three_exactly_three_run(ledger: Ledger, database: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        outcomes = pool.map(one_run, [(str(database), number) for number in range(8)], chunksize=1)
    assert sorted(outcomes) == ["ran"] * 3 + ["refused"] * 5
    assert ledger.spent(SHOP).epsilon <= ROOM_FOR_THREE
    assert ledger.verify() == 9
