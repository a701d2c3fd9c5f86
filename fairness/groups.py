"""Who belongs to which group, for one sensitive attribute or for a pair of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from configs.fairness import AttributeSettings, StatisticsSettings
from fairness.measures import UNKNOWN
from features.columns import CUSTOMER_ID

Codes = npt.NDArray[np.int64]
_NO_ANSWER: Final = frozenset({"", UNKNOWN, "nan", "null", "<na>"})  # how sources write that they do not know


@dataclass(frozen=True, eq=False)
class Grouping:
    """Who belongs where.

    Attributes:
        attribute: Its name, such as `income`, or `income x age` for a pair.
        labels: (G,) groups in the policy's order; UNKNOWN is last and always there, if empty.
        codes: (C,) place in labels of each customer.
        cells: (G-1,) the two groups that each cell of a pair is made of; empty for a single attribute.
    """

    attribute: str
    labels: tuple[str, ...]
    codes: Codes
    cells: tuple[tuple[str, str], ...] = ()

    @property
    def counts(self) -> Codes:
        """(G,) customers in each group."""
        return np.bincount(self.codes, minlength=len(self.labels)).astype(np.int64)


def grouping_of(
    demographics: pd.DataFrame | None,
    customer_ids: Sequence[str],
    attribute: AttributeSettings,
    statistics: StatisticsSettings,
) -> Grouping:
    """Place every customer in a group of one attribute.

    Customers who are not in the table, or whose level is empty, are UNKNOWN; nobody's group is guessed. A level that
    the policy lists nowhere is a group of its own. An attribute with more groups than the policy allows has its
    groups numbered and not named, since so many levels (post codes, dates of birth) may name people.

    Args:
        demographics: customer_id and a text column per attribute; None puts everybody in UNKNOWN.
        customer_ids: (C,) whom to place.
        attribute: Its column, and the groups its levels fall into.
        statistics: Holds how many groups an attribute may have.
    """
    levels = _levels(demographics, customer_ids, attribute.column)
    group_of = {level: group for group, listed in attribute.groups.items() for level in listed}
    groups = levels.map(lambda level: level if level == UNKNOWN else group_of.get(level, level))
    others = sorted(set(groups) - set(attribute.groups) - {UNKNOWN})
    labels = [*attribute.groups, *others, UNKNOWN]
    codes = pd.Index(labels).get_indexer(groups).astype(np.int64)
    if len(labels) - 1 > statistics.max_levels:
        labels = [*(f"level {place + 1}" for place in range(len(labels) - 1)), UNKNOWN]
    return Grouping(attribute.name, tuple(labels), codes)


def _levels(demographics: pd.DataFrame | None, customer_ids: Sequence[str], column: str) -> pd.Series:
    if demographics is None or column not in demographics.columns:
        return pd.Series([UNKNOWN] * len(customer_ids), dtype=object)
    table = demographics.drop_duplicates(CUSTOMER_ID).set_index(CUSTOMER_ID)[column]
    levels = table.reindex(list(customer_ids)).astype(object).reset_index(drop=True)
    text = levels.where(levels.notna(), UNKNOWN).astype(str).str.strip()
    return text.where(~text.str.lower().isin(_NO_ANSWER), UNKNOWN)


def intersection(first: Grouping, second: Grouping) -> Grouping:
    """Cross two groupings of the same customers; whoever is unknown in either is unknown in the pair.

    >>> a = Grouping("a", ("x", "y", "unknown"), np.array([0, 1, 2, 1]))
    >>> b = Grouping("b", ("u", "v", "unknown"), np.array([0, 1, 0, 2]))
    >>> both = intersection(a, b)
    >>> both.labels, both.codes.tolist()
    (('x, u', 'x, v', 'y, u', 'y, v', 'unknown'), [0, 3, 4, 4])
    """
    cells = tuple((one, two) for one in first.labels[:-1] for two in second.labels[:-1])
    width = len(second.labels) - 1
    known = (first.codes < len(first.labels) - 1) & (second.codes < width)
    codes = np.where(known, first.codes * width + second.codes, len(cells)).astype(np.int64)
    labels = (*(f"{one}, {two}" for one, two in cells), UNKNOWN)
    return Grouping(f"{first.attribute} x {second.attribute}", labels, codes, cells)


def known_or_not(grouping: Grouping) -> Grouping:
    """Set those whose attribute is known against those whose is not, as two groups.

    Who is not known is seldom left out by chance, so a model may well serve them worse.

    >>> known_or_not(Grouping("income", ("low", "high", "unknown"), np.array([0, 2, 1]))).codes.tolist()
    [0, 1, 0]
    """
    codes = (grouping.codes == len(grouping.labels) - 1).astype(np.int64)
    name = grouping.attribute
    return Grouping(f"{name} known", (f"{name} is known", f"{name} is not known", UNKNOWN), codes)


def unusable(grouping: Grouping, statistics: StatisticsSettings) -> str | None:
    """Say why the groups of an attribute cannot be compared with each other at all, or None when they can.

    Args:
        grouping: Who belongs where.
        statistics: Holds how many groups an attribute may have.
    """
    filled = [label for label, n in zip(grouping.labels[:-1], grouping.counts[:-1], strict=True) if n > 0]
    if not filled:
        return (
            f"the {grouping.attribute} of none of the {grouping.codes.size} customers is known, so no groups can be "
            "compared. Give the source a demographics table that holds it, and ingest it again."
        )
    if len(filled) > statistics.max_levels:
        return (
            f"{grouping.attribute} has {len(filled)} groups; at most {statistics.max_levels} are judged. Put its "
            "levels into fewer groups under attributes in configs/fairness.yaml."
        )
    if len(filled) == 1:
        return (
            f"every customer whose {grouping.attribute} is known is in one group, {filled[0]!r}; there is no other "
            "group to compare it with. Check the demographics table."
        )
    return None
