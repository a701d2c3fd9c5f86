"""Known events: the share of a week that they cover, and whom they touch."""

from datetime import date

import numpy as np
import pytest

from configs.demand import EventSettings
from training.demand.errors import EventUnknownDepartment
from training.demand.events import uplift_of, with_events
from training.demand.panel import Panel
from training.demand.plan import Plan


@pytest.fixture
def shop(panel: Panel) -> Panel:
    panel.attributes["department"] = np.array(["GROCERY", "FLORAL"] * 6, dtype=object)
    return panel


def event(first: str, last: str, uplift: float, *departments: str) -> EventSettings:
    return EventSettings(
        name="fair",
        first_day=date.fromisoformat(first),
        last_day=date.fromisoformat(last),
        uplift=uplift,
        departments=departments,
    )


WEEKS = np.array(["2017-12-11", "2017-12-18", "2017-12-25"], dtype="datetime64[D]")


def test_an_event_counts_by_the_days_it_covers(shop: Panel) -> None:
    factors = uplift_of([event("2017-12-18", "2017-12-24", 1.5), event("2017-12-25", "2017-12-25", 0.3)], WEEKS, shop)
    np.testing.assert_allclose(factors, np.tile([1, 1.5, 1 - 0.7 / 7], (12, 1)))


def test_it_touches_its_departments_and_multiplies(shop: Panel) -> None:
    events = [event("2017-12-11", "2017-12-31", 2.0, "FLORAL"), event("2017-12-18", "2017-12-24", 1.5)]
    factors = uplift_of(events, WEEKS, shop)
    np.testing.assert_allclose(factors[0], [1, 1.5, 1])
    np.testing.assert_allclose(factors[1], [2, 3, 2])


def test_it_comes_on_top_of_the_plan(shop: Panel) -> None:
    plan = Plan.unchanged(shop, 2)
    monday = str(plan.weeks[0])
    sunday = str(plan.weeks[0] + np.timedelta64(6, "D"))
    lifted = with_events(plan, [event(monday, sunday, 1.25)], shop)
    np.testing.assert_allclose(lifted.uplift, np.tile([1.25, 1.0], (12, 1)))
    np.testing.assert_array_equal(plan.uplift, 1)


def test_a_department_that_is_not_there_is_refused(shop: Panel) -> None:
    with pytest.raises(EventUnknownDepartment, match=r"TOYS.*FLORAL, GROCERY"):
        uplift_of([event("2017-12-11", "2017-12-31", 2.0, "TOYS")], WEEKS, shop)


def test_an_event_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        event("2017-12-11", "2017-12-01", 2.0)
