"""A calendar of known events: what the history cannot teach, given by a person, multiplies the forecast."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from configs.demand import EventSettings
from training.demand.errors import EventUnknownDepartment
from training.demand.panel import Floats, Panel, Weeks
from training.demand.plan import Plan

_DAYS_A_WEEK = 7


def uplift_of(events: Sequence[EventSettings], weeks: Weeks, panel: Panel) -> Floats:
    """Compute the factor that events put on each product and week.

    An event counts for the share of a week's days that it covers; events that overlap multiply.

    Args:
        events: Of the settings; one without departments holds for all products.
        weeks: (H,) Mondays.
        panel: Its products.

    Returns:
        (P, H) factors; 1 where no event falls.

    Raises:
        EventUnknownDepartment: If an event names a department that no product belongs to.
    """
    departments = panel.attributes["department"].astype(str)
    factors = np.ones((len(panel), len(weeks)))
    for event in events:
        _require_departments(event, departments)
        touched = np.isin(departments, event.departments) if event.departments else np.ones(len(panel), dtype=bool)
        share = np.array([_covered_days(event, week) / _DAYS_A_WEEK for week in weeks.astype("datetime64[D]").tolist()])
        factors[touched] *= 1 + share * (event.uplift - 1)
    return factors


def with_events(plan: Plan, events: Sequence[EventSettings], panel: Panel) -> Plan:
    """Put the calendar's factors on top of a plan's own.

    Raises:
        EventUnknownDepartment: If an event names a department that no product belongs to.
    """
    return replace(plan, uplift=plan.uplift * uplift_of(events, plan.weeks, panel))


def _covered_days(event: EventSettings, monday: date) -> int:
    first = max(event.first_day.toordinal(), monday.toordinal())
    last = min(event.last_day.toordinal(), monday.toordinal() + _DAYS_A_WEEK - 1)
    return max(last - first + 1, 0)


def _require_departments(event: EventSettings, departments: "np.ndarray[tuple[int, ...], np.dtype[np.str_]]") -> None:
    known = np.unique(departments)
    unknown = sorted(set(event.departments) - set(known.tolist()))
    if unknown:
        raise EventUnknownDepartment(event=event.name, unknown=unknown, known=known.tolist())
