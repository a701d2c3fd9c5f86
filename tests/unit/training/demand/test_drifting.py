"""What the demand models read, on a panel whose last weeks were changed by hand."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from configs.loading import load_settings
from training.demand.drifting import input_shifts, newest
from training.demand.panel import Panel

DRIFT = load_settings("test").refresh.drift.model_copy(update={"recent_weeks": 4})


@dataclass(frozen=True)
class Weeks:
    """A panel whose weeks begin at midnight UTC."""

    panel: Panel

    def cutoff(self, week: np.datetime64) -> datetime:
        """The moment at which a week begins."""
        day: Any = week.astype("datetime64[D]").astype(object)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)


@pytest.fixture
def steady(make_panel: Callable[..., Panel]) -> Panel:
    """12 weeks of 12 products that sell two a week at a dollar, never promoted."""
    panel = make_panel(n_weeks=12)
    alike = np.ones_like(panel.units)
    return replace(
        panel,
        units=2 * alike,
        shelf_price=alike,
        paid_price=alike,
        imputed=alike == 0,
        display=0 * alike,
        mailer=0 * alike,
    )


def shifts_of(panel: Panel, cutoff_week: int) -> dict[str, Any]:
    weeks: Any = Weeks(panel)
    return {shift.figure: shift for shift in input_shifts(weeks, weeks.cutoff(panel.weeks[cutoff_week]), DRIFT)}


def test_where_nothing_changes_nothing_has_moved(steady: Panel) -> None:
    for shift in shifts_of(steady, 8).values():
        assert shift.psi in (0, None)
        assert shift.before == shift.today


def test_dearer_scarcer_weeks_show_against_the_last_weeks_learnt_from(steady: Panel) -> None:
    late = steady.weeks >= steady.weeks[8]
    dearer = np.where(late, 3.0, 1.0) * steady.shelf_price
    units = steady.units.copy()
    units[:6, 8:] = 0
    units[:, 0] = 99  # long before the weeks compared
    found = shifts_of(replace(steady, units=units, shelf_price=dearer, paid_price=dearer), 8)
    assert (found["product week shelf price"].before, found["product week shelf price"].today) == (1, 3)
    assert found["product week shelf price"].psi > DRIFT.alarm_at
    assert (found["product week units"].before, found["product week units"].today) == (2, 2)
    assert (found["share of weeks with a sale"].before, found["share of weeks with a sale"].today) == (1, 0.5)


def test_a_price_that_was_carried_forward_says_nothing_new(steady: Panel) -> None:
    late = np.broadcast_to(steady.weeks >= steady.weeks[8], steady.units.shape)
    carried = replace(steady, shelf_price=np.where(late, 3.0, 1.0), imputed=late)
    assert shifts_of(carried, 8)["product week shelf price"].today is None


def test_the_newest_week_ends_a_week_after_it_begins(steady: Panel) -> None:
    weeks: Any = Weeks(steady)
    assert newest(weeks) == datetime(2017, 3, 27, tzinfo=UTC)  # the twelfth Monday is the 20th
