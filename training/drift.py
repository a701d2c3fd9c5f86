"""How far figures of today have moved from those at the end of training."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from configs.refresh import DriftSettings
from training.evaluation_results import Result

FOLDER: Final = "drift"  # below the reports

_HALF: Final = 0.5  # of a row in every part, so that an empty part makes no infinite index

Floats = npt.NDArray[np.float64]
Side = Literal["inputs", "outputs"]


class Shift(Result):
    """One figure at the end of training and today.

    Attributes:
        side: What models read, or what they answer.
        figure: Its name.
        psi: Population stability index, from 0 (alike); None for a figure that is a single number.
        before: Its mean at the end of training, or the number itself.
        today: The same now.
    """

    side: Side
    figure: str
    psi: float | None
    before: float | None
    today: float | None


class Drift(Result):
    """Everything that was compared for one champion.

    Attributes:
        model: Model name.
        version: Of the champion.
        bundle_digest: Of its bundle.
        measured_at: Wall-clock time.
        before: Moment of the champion's cut-off.
        today: Moment of the newest features; data time.
        n_lists: Lists on record that were looked at.
        alarm_at: Index above which a figure has drifted.
        shifts: Figure by figure.
        notes: What could not be compared, and why.
    """

    model: str
    version: str
    bundle_digest: str
    measured_at: datetime
    before: datetime
    today: datetime
    n_lists: int
    alarm_at: float
    shifts: tuple[Shift, ...]
    notes: tuple[str, ...]

    @property
    def drifted(self) -> tuple[Shift, ...]:
        """The figures whose index passes the alarm, furthest first."""
        found = [shift for shift in self.shifts if shift.psi is not None and shift.psi > self.alarm_at]
        return tuple(sorted(found, key=lambda shift: -(shift.psi or 0)))


def stability_index(before: Floats, today: Floats) -> float:
    """Compare how two populations spread over the same parts.

    Args:
        before: (G,) how many lay in each part.
        today: (G,) the same for the other population.

    Returns:
        The index, 0 for equal shares and without bound; by custom .1 is worth a look and .25 has drifted. NaN where
        either population is empty.

    Source: Siddiqi (2006), population stability index; half a row is added to every part.

    >>> round(stability_index(np.array([50.0, 50.0]), np.array([90.0, 10.0])), 2)
    0.85
    """
    if not before.sum() or not today.sum():
        return float("nan")
    old = (before + _HALF) / (before + _HALF).sum()
    new = (today + _HALF) / (today + _HALF).sum()
    return float(((new - old) * np.log(new / old)).sum())


def shift_of_numbers(side: Side, figure: str, before: Floats, today: Floats, n_bins: int) -> Shift:
    """Compare a number over two populations: parts alike full before, and one for what is not known.

    Args:
        side: What models read, or what they answer.
        figure: Its name.
        before: (n,) values at the end of training; NaN where not known.
        today: (m,) values now.
        n_bins: Parts; equal values stay together, so there may be fewer.
    """
    known = before[np.isfinite(before)]
    cuts = np.unique(np.quantile(known, np.arange(1, n_bins) / n_bins)) if len(known) else np.empty(0)
    counts = [_parts(values, cuts) for values in (before, today)]
    return Shift(
        side=side,
        figure=figure,
        psi=_told(stability_index(*counts)),
        before=_told(_mean(before)),
        today=_told(_mean(today)),
    )


def shift_of_names(side: Side, figure: str, before: Sequence[str], today: Sequence[str]) -> Shift:
    """Compare how often each name occurs in two populations; there is no mean of names."""
    names, place = np.unique(np.array([*before, *today], dtype=str), return_inverse=True)
    counts = [
        np.bincount(part, minlength=len(names)).astype(np.float64)
        for part in (place[: len(before)], place[len(before) :])
    ]
    psi = stability_index(*counts) if len(names) else float("nan")
    return Shift(side=side, figure=figure, psi=_told(psi), before=None, today=None)


def shift_of_figure(side: Side, figure: str, before: float, today: float) -> Shift:
    """Put two single numbers side by side."""
    return Shift(side=side, figure=figure, psi=None, before=_told(before), today=_told(today))


def shifts_of_tables(
    side: Side, before: Mapping[str, npt.NDArray[Any]], today: Mapping[str, npt.NDArray[Any]], settings: DriftSettings
) -> list[Shift]:
    """Compare two tables column by column, texts as names and everything else as numbers."""
    return [
        shift_of_names(side, name, values.tolist(), today[name].tolist())
        if values.dtype.kind in "OUS"
        else shift_of_numbers(side, name, values.astype(np.float64), today[name].astype(np.float64), settings.n_bins)
        for name, values in before.items()
    ]


def write_drift(drift: Drift, reports_dir: Path) -> Path:
    """Keep the newest comparison of a model, where the server looks for it."""
    path = drift_file(reports_dir, drift.model)
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.partial")
    staged.write_text(drift.model_dump_json(indent=2), encoding="utf-8")
    staged.replace(path)
    return path


def read_drift(reports_dir: Path, model: str) -> Drift | None:
    """Read the newest comparison of a model; None where there is none that can be read."""
    try:
        return Drift.model_validate_json(drift_file(reports_dir, model).read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def drift_file(reports_dir: Path, model: str) -> Path:
    """Say where a model's comparison lies."""
    return reports_dir / FOLDER / f"{model}.json"


def _parts(values: Floats, cuts: Floats) -> Floats:
    """Count values by part; the last part holds what is not known."""
    known = np.isfinite(values)
    place = np.searchsorted(cuts, values[known], side="left")
    counts = np.bincount(place, minlength=len(cuts) + 2).astype(np.float64)
    counts[-1] = (~known).sum()
    return counts


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _told(value: float) -> float | None:
    return value if np.isfinite(value) else None
