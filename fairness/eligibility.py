"""Which groups are judged, and why the others are not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.fairness import StatisticsSettings
from fairness.bootstrap import GroupDraws
from fairness.groups import Grouping, unusable
from fairness.measures import UNKNOWN, Definition
from fairness.wording import listed

Bools = npt.NDArray[np.bool_]
DEFINED: Final = 0.99  # share of resamplings in which a judged group's figure must be defined


@dataclass(frozen=True)
class Sifted:
    """Groups that can be judged, and what to say of the rest.

    Attributes:
        places: Of the groups judged.
        left_out: Sentences on groups that are not.
        problem: Why no comparison can be made; empty when one can.
    """

    places: tuple[int, ...]
    left_out: tuple[str, ...]
    problem: str


def why_not(
    definition: Definition, drawn: GroupDraws | None, grouping: Grouping | None, statistics: StatisticsSettings
) -> str:
    """Say what stands in the way of a comparison before any figure is looked at; empty when nothing does.

    Args:
        definition: What the measure is.
        drawn: Figures and resamplings; None when there are none.
        grouping: Who belongs where; None when groups are not of people's attributes.
        statistics: Holds how many groups an attribute may have.
    """
    if grouping is not None and (definition.reference == "groups" or too_many(grouping, statistics)):
        reason = unusable(grouping, statistics)
        if reason is not None:
            return reason
    return "There is nothing to judge: no data was found for this measure." if drawn is None else ""


def too_many(grouping: Grouping, statistics: StatisticsSettings) -> bool:
    """Tell whether an attribute has more groups than are judged, or shown."""
    return int((grouping.counts[:-1] > 0).sum()) > statistics.max_levels


def sift(
    definition: Definition, drawn: GroupDraws, hidden: Bools, statistics: StatisticsSettings, problem: str
) -> Sifted:
    """Sort the known groups into those that are judged and those that are not.

    Args:
        definition: What the measure is.
        drawn: Figures and resamplings.
        hidden: (G,) groups that are suppressed.
        statistics: Fewest customers and events of a group that is judged.
        problem: What already stands in the way.
    """
    known = np.array([label != UNKNOWN for label in drawn.labels], dtype=np.bool_)
    shown = known & (drawn.n > 0) & ~hidden
    few = shown & (drawn.n < statistics.min_n)
    rare = shown & ~few & (drawn.events < statistics.min_events)
    undefined = shown & ~few & ~rare & (np.isfinite(drawn.draws).mean(axis=1) < DEFINED)
    places = np.flatnonzero(shown & ~few & ~rare & ~undefined)
    reasons = {
        f"Hidden, being under {statistics.min_cell} or giving such a group away by subtraction": hidden & known,
        f"Not judged, being fewer than {statistics.min_n}": few,
        f"Not judged, having fewer than {statistics.min_events} events": rare,
        "Not judged, the figure having no meaning in some resamplings": undefined,
        "Nobody is in": known & (drawn.n == 0),
    }
    left_out = [f"{why}: {listed(_named(drawn, which))}." for why, which in reasons.items() if which.any()]
    return Sifted(
        places=tuple(places.tolist()),
        left_out=(*left_out, *_missed(drawn, rare, statistics)),
        problem=problem or _incomparable(definition, drawn.values[places]),
    )


def _named(drawn: GroupDraws, which: Bools) -> list[str]:
    return [label for label, chosen in zip(drawn.labels, which, strict=True) if chosen]


def _missed(drawn: GroupDraws, rare: Bools, statistics: StatisticsSettings) -> list[str]:
    """Point at groups that by their size should have had events enough: that there are none may be the harm itself."""
    rate = drawn.events.sum() / max(int(drawn.n.sum()), 1)
    striking = rare & (drawn.n * rate >= 2 * statistics.min_events)
    if not striking.any():
        return []
    names = listed(_named(drawn, striking))
    return [f"Look into {names}: at the rate of all together, many more events were to be expected there."]


def _incomparable(definition: Definition, values: npt.NDArray[np.float64]) -> str:
    if values.size < (2 if definition.reference == "groups" else 1):
        return _too_few(definition, values.size)
    if definition.kind == "difference":
        return ""
    if (values < 0).any():
        return "A group's figure is negative, so groups cannot be compared by a ratio."
    return "The figure is 0 in every group, so there is no ratio." if values.max() == 0 else ""


def _too_few(definition: Definition, n_judged: int) -> str:
    if definition.reference == "ideal":
        return "No group has enough customers and events to be judged."
    found = "Only one group has" if n_judged else "No group has"
    return f"{found} enough customers and events to be judged, and a comparison takes two."


def only(drawn: GroupDraws, places: Sequence[int]) -> GroupDraws:
    """Keep the groups at some places; the few resamplings without a figure take that of the sample."""
    chosen = list(places)
    values, draws = drawn.values[chosen], drawn.draws[chosen]
    return GroupDraws(
        labels=tuple(drawn.labels[place] for place in chosen),
        n=drawn.n[chosen],
        events=drawn.events[chosen],
        values=values,
        draws=np.where(np.isfinite(draws), draws, values[:, None]),
    )
