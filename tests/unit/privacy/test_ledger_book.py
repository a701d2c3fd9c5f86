"""The rows of the budget's ledger."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from configs.loading import load_settings
from configs.privacy import BudgetSettings
from privacy.errors import LedgerBroken
from privacy.ledger_book import (
    GENESIS,
    WITNESS,
    Kind,
    LedgerBook,
    Row,
    charged,
    microseconds,
    moment,
    open_book,
    states,
    window_of,
)
from privacy.state import open_state

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
SETTINGS = BudgetSettings(cap_epsilon=8, delta=1e-5, window_days=90, clock_tolerance_s=5)


def row(after: Row | None = None, *, kind: Kind = "reserve", reservation: str = "res_1") -> Row:
    return Row(
        sequence=after.sequence + 1 if after else 1,
        at_us=microseconds(NOW),
        kind=kind,
        reservation=reservation,
        run="run",
        what="training",
        lineage="a shop",
        unit="customer",
        window_start_us=microseconds(window_of(NOW, SETTINGS).start),
        window_days=90,
        events='[{"mechanism":"gaussian","noise_multiplier":4.0}]',
        epsilon_alone=1.0,
        epsilon_window=1.0,
        epsilon_lifetime=1.0,
        delta=1e-5,
        cap_epsilon=8.0,
        previous=after.digest if after else GENESIS,
    )


def written(one: Row) -> Row:
    """The row as the book keeps it."""
    return replace(one, digest=one.sealed())


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = open_state(tmp_path / "state.db")
    yield made
    made.dispose()


@pytest.fixture
def book(engine: sa.Engine, tmp_path: Path) -> LedgerBook:
    return LedgerBook(engine, tmp_path / WITNESS)


def test_rows_come_back_in_order_as_they_were_written(book: LedgerBook) -> None:
    first = row()
    second = row(written(first), kind="access")
    assert book.rows() == ()
    assert book.append(first)
    assert book.append(second)
    assert book.rows() == (written(first), written(second))


def test_a_place_is_taken_once(book: LedgerBook, engine: sa.Engine, tmp_path: Path) -> None:
    other = LedgerBook(engine, tmp_path / WITNESS)
    assert book.append(row())
    assert not other.append(row(reservation="res_2"))
    assert [one.reservation for one in book.rows()] == ["res_1"]


def test_the_table_itself_lets_no_two_rows_follow_the_same(book: LedgerBook, engine: sa.Engine) -> None:
    book.append(row())
    values = vars(written(replace(row(reservation="res_2"), sequence=2)))
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sa.Table("privacy_ledger", sa.MetaData(), autoload_with=engine).insert(), values)


def test_every_field_is_under_the_digest() -> None:
    whole = row()
    for name, value in vars(whole).items():
        other: Any = value + 1 if isinstance(value, int | float) else f"{value}x"
        assert replace(whole, **{name: other}).sealed() != whole.sealed() or name == "digest"


def test_releases_that_nobody_can_read_are_named(book: LedgerBook) -> None:
    book.append(replace(row(), events='[{"mechanism":"magic"}]'))
    with pytest.raises(LedgerBroken, match="row 1 holds releases that nobody can read"):
        book.rows()


def test_opening_makes_table_and_witness_and_finds_them_again(tmp_path: Path) -> None:
    storage = load_settings("test", [f"storage.root={tmp_path}"]).storage
    assert open_book(storage).append(row())
    assert (tmp_path / WITNESS).read_text().startswith("1 ")
    assert len(open_book(storage).rows()) == 1


def test_states_follow_the_moves_and_what_was_given_back_costs_nothing() -> None:
    kinds: list[tuple[Kind, str]] = [
        ("reserve", "a"),
        ("reserve", "b"),
        ("reserve", "c"),
        ("reserve", "d"),
        ("access", "a"),
        ("release", "b"),
        ("access", "c"),
        ("surplus", "c"),
        ("commit", "c"),
    ]
    rows = [row(kind=kind, reservation=name) for kind, name in kinds]
    assert states(rows) == {"a": "accessed", "b": "released", "c": "committed", "d": "reserved"}
    assert [(one.kind, one.reservation) for one in charged(rows)] == [
        ("reserve", "a"),
        ("reserve", "c"),
        ("reserve", "d"),
        ("surplus", "c"),
    ]


@given(
    at=st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)).map(lambda one: one.replace(tzinfo=UTC)),
    days=st.integers(1, 3650),
)
def test_windows_hold_their_moments_and_follow_each_other(at: datetime, days: int) -> None:
    settings = SETTINGS.model_copy(update={"window_days": days})
    window = window_of(at, settings)
    assert window.holds(at)
    assert window.end - window.start == timedelta(days=days)
    assert not window.holds(window.end)
    assert window_of(window.end, settings).start == window.end


@given(st.integers(0, 2**52))
def test_times_survive_as_microseconds(at_us: int) -> None:
    assert microseconds(moment(at_us)) == at_us
