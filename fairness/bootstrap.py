"""Resampling of customers: whole customers are drawn within their group, never single rows.

A customer's purchases, weeks and campaigns hang together. A test that draws rows takes them for independent and finds
differences between groups that are none.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from fairness.errors import NonFiniteValues, TallyMismatch
from fairness.groups import Grouping

Floats = npt.NDArray[np.float64]
_CHUNK: Final = 4_000_000  # resampled places held at once
_KEPT_BYTES: Final = 64_000_000  # counts kept for reuse by one grouping


@dataclass(frozen=True, eq=False)
class Tally:
    """What is summed over the customers of a group: its figure is sum of numerator over sum of denominator.

    Attributes:
        numerator: (C,).
        denominator: (C,), none negative.
        events: (C,) what is counted for a group to have enough of, such as purchases or redemptions.
        counted: (C,) who belongs to the group's n and is resampled; what the others hold is not looked at.
    """

    numerator: Floats
    denominator: Floats
    events: Floats
    counted: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class GroupDraws:
    """The figure of each group, and what it would have been with other customers of the same kind.

    Attributes:
        labels: (G,) groups.
        n: (G,) customers counted.
        events: (G,).
        values: (G,) figures; NaN where undefined.
        draws: (G, D) figures of resampled customers; groups are drawn independently.
    """

    labels: tuple[str, ...]
    n: npt.NDArray[np.int64]
    events: npt.NDArray[np.int64]
    values: Floats
    draws: Floats


def mean_tally(values: Floats) -> Tally:
    """Tally the mean of one value per customer.

    Args:
        values: (C,); NaN for a customer who is not judged.
    """
    counted = ~np.isnan(values)
    ones = counted.astype(np.float64)
    return Tally(np.where(counted, values, 0.0), ones, ones, counted)


def customer_weights(n: int, n_draws: int, seed: int) -> npt.NDArray[np.float32]:
    """Draw how often each of n customers appears in each resampling.

    For figures that are no ratio of sums over customers, such as exposure over demand.

    Returns:
        (D, n) counts; every row sums to n.
    """
    weights = np.empty((n_draws, n), dtype=np.float32)
    place = 0
    for chunk in _counts(n, n_draws, np.random.default_rng(seed)):
        weights[place : place + len(chunk)] = chunk
        place += len(chunk)
    return weights


def _counts(n: int, n_draws: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Yield (d, n) counts of n customers drawn n times with replacement, n_draws rows in all."""
    step = max(1, min(n_draws, _CHUNK // max(n, 1)))
    for start in range(0, n_draws, step):
        rows = min(step, n_draws - start)
        places = rng.integers(0, n, size=(rows, n)) if n else np.empty((rows, 0), dtype=np.int64)
        places += np.arange(rows)[:, None] * n
        yield np.bincount(places.ravel(), minlength=rows * n).reshape(rows, n)


class Resampling:
    """The resamplings of one grouping's customers, kept so that many measures share them.

    Customers who count are drawn within their group, n of n with replacement. Measures in which the same customers
    count see the same resamplings.

    Args:
        grouping: Who belongs where.
        n_draws: D, resamplings.
        seed: Of all of them.
    """

    def __init__(self, grouping: Grouping, *, n_draws: int, seed: int) -> None:
        self.grouping = grouping
        self.n_draws = n_draws
        self.seed = seed
        self._kept: OrderedDict[bytes, tuple[npt.NDArray[np.uint8], ...]] = OrderedDict()

    def draws(self, tally: Tally) -> GroupDraws:
        """Reckon every group's figure, and that of its resampled customers.

        Raises:
            TallyMismatch: If the tally is not of the grouping's customers, or a denominator is negative.
            NonFiniteValues: If a customer who counts has a figure that is NaN or infinite.
        """
        _check(tally, self.grouping)
        members = self._members(tally.counted)
        columns = np.column_stack([tally.numerator, tally.denominator]).astype(np.float64)
        draws = np.empty((len(members), self.n_draws))
        for group, (places, counts) in enumerate(zip(members, self._resampled(tally.counted, members), strict=True)):
            draws[group] = _ratios(_sums(counts, columns[places]))
        sums = np.array([columns[places].sum(axis=0) for places in members])
        return GroupDraws(
            labels=self.grouping.labels,
            n=np.array([places.size for places in members], dtype=np.int64),
            events=np.array([round(float(tally.events[places].sum())) for places in members], dtype=np.int64),
            values=_ratios(sums),
            draws=draws,
        )

    def _members(self, counted: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.int64]]:
        codes = self.grouping.codes
        return [np.flatnonzero(counted & (codes == group)) for group in range(len(self.grouping.labels))]

    def _resampled(
        self, counted: npt.NDArray[np.bool_], members: list[npt.NDArray[np.int64]]
    ) -> Iterator[Iterator[npt.NDArray[np.uint8]]]:
        sizes = [places.size for places in members]
        if sum(sizes) * self.n_draws > _KEPT_BYTES:
            return (self._group_counts(group, n) for group, n in enumerate(sizes))
        key = np.packbits(counted).tobytes()
        if key not in self._kept:
            self._make_room(sum(sizes) * self.n_draws)
            self._kept[key] = tuple(np.concatenate(list(self._group_counts(group, n))) for group, n in enumerate(sizes))
        self._kept.move_to_end(key)
        return (iter((counts,)) for counts in self._kept[key])

    def _make_room(self, n_bytes: int) -> None:
        while self._kept and n_bytes + sum(c.nbytes for kept in self._kept.values() for c in kept) > _KEPT_BYTES:
            self._kept.popitem(last=False)

    def _group_counts(self, group: int, n: int) -> Iterator[npt.NDArray[np.uint8]]:
        # a customer drawn more than 255 times does not happen: the count is nearly Poisson with mean 1
        rng = np.random.default_rng([self.seed, group])
        return (chunk.astype(np.uint8) for chunk in _counts(n, self.n_draws, rng))


def _sums(counts: Iterator[npt.NDArray[np.uint8]], columns: Floats) -> Floats:
    step = max(1, _CHUNK // max(len(columns), 1))
    parts = [
        kept[start : start + step].astype(np.float64) @ columns
        for kept in counts
        for start in range(0, len(kept), step)
    ]
    return np.concatenate(parts)  # (D, 2)


def _ratios(sums: Floats) -> Floats:
    ratios = np.full(len(sums), np.nan)
    np.divide(sums[:, 0], sums[:, 1], out=ratios, where=sums[:, 1] > 0)
    return ratios


def _check(tally: Tally, grouping: Grouping) -> None:
    n_customers = grouping.codes.size
    for name in ("numerator", "denominator", "events", "counted"):
        column = getattr(tally, name)
        if column.shape != (n_customers,):
            raise TallyMismatch(part=name, problem=f"has shape {column.shape}; {(n_customers,)} is wanted")
        broken = int((~np.isfinite(column[tally.counted])).sum())
        if broken:
            raise NonFiniteValues(part=name, n_broken=broken, n_customers=int(tally.counted.sum()))
    if (tally.denominator[tally.counted] < 0).any():
        raise TallyMismatch(part="denominator", problem="is negative for some customers")


@lru_cache(maxsize=6)
def resampling_of(grouping: Grouping, n_draws: int, seed: int) -> Resampling:
    """Give the resampling of a grouping; the last few groupings' are kept, so that measures in a row share them."""
    return Resampling(grouping, n_draws=n_draws, seed=seed)


def ratio_draws(tally: Tally, grouping: Grouping, *, n_draws: int, seed: int) -> GroupDraws:
    """Reckon every group's ratio of sums, and that of its resampled customers.

    Args:
        tally: What is summed.
        grouping: Who belongs where.
        n_draws: D, resamplings.
        seed: Of all of them.

    Raises:
        TallyMismatch: If the tally is not of the grouping's customers, or a denominator is negative.
        NonFiniteValues: If a customer who counts has a figure that is NaN or infinite.

    Source: Cameron, Gelbach and Miller (2008), pairs cluster bootstrap; Efron and Tibshirani (1993), chapter 13.
    """
    return resampling_of(grouping, n_draws, seed).draws(tally)
