"""Figures of methods that were judged customer by customer, with intervals over the same resamples."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from training.benchmarks import BenchmarkRow
from training.contest.result import Method
from training.intervals import bootstrap_means, percentile_interval
from training.peers.data import Floats

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Judged:
    """What one method reached.

    Attributes:
        values: By figure, (C,) of each customer; NaN leaves a customer out; the same customers for every method.
        costs: Processor seconds and gigabytes by figure; empty where they were not measured.
    """

    method: Method
    values: Mapping[str, Floats]
    costs: Mapping[str, float] = field(default_factory=dict)


def judged_rows(entries: Sequence[Judged], *, n_resamples: int, seed: int) -> list[BenchmarkRow]:
    """Average over customers, with intervals of 95% that resample customers, the same resamples for everyone.

    Returns:
        Each method's own figures and costs, and ours over the best peer of each figure.
    """
    figures = list(entries[0].values)
    tables = {figure: _Table(entries, figure, n_resamples=n_resamples, seed=seed) for figure in figures}
    rows: list[BenchmarkRow] = []
    for place, entry in enumerate(entries):
        for table in tables.values():
            rows += table.rows(place)
        rows += [
            _row(entry, figure, value, "GB" if figure.endswith("gb") else "s") for figure, value in entry.costs.items()
        ]
    return rows


class _Table:
    """One figure of all methods."""

    def __init__(self, entries: Sequence[Judged], figure: str, *, n_resamples: int, seed: int) -> None:
        self._entries, self._figure = entries, figure
        values = np.column_stack([entry.values[figure] for entry in entries])  # (C, methods)
        self._values = np.nanmean(values, axis=0)
        self._means = bootstrap_means(values, n_resamples=n_resamples, seed=seed)  # (R, methods)
        self._peers = [place for place, entry in enumerate(entries) if not entry.method.ours]

    def rows(self, place: int) -> Iterator[BenchmarkRow]:
        entry = self._entries[place]
        value = float(self._values[place])
        low, high = percentile_interval(self._means[:, place], _CONFIDENCE)
        own = _row(entry, self._figure, value, "").model_copy(update={"interval_95": (low, high)})
        yield own
        if entry.method.ours and self._peers:
            yield self._compared(own, place)

    def _compared(self, own: BenchmarkRow, place: int) -> BenchmarkRow:
        best = max(self._peers, key=lambda peer: float(self._values[peer]))
        theirs = self._means[:, best]
        ratios = self._means[:, place] / np.where(theirs > 0, theirs, np.nan)
        ratio = own.value / float(self._values[best]) if self._values[best] > 0 else None
        interval = tuple(percentile_interval(ratios, _CONFIDENCE))
        name = self._entries[best].method.name
        return own.model_copy(update={"ratio_to": name, "ratio": ratio, "interval_95": interval})


def _row(entry: Judged, figure: str, value: float, unit: str) -> BenchmarkRow:
    return BenchmarkRow(
        name=entry.method.name, figure=figure, value=value, unit=unit, ratio_to=None, ratio=None, interval_95=None
    )
