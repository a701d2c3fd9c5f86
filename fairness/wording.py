"""Verdicts in plain words, for people who are no engineers."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fairness.contrasts import Compared
from fairness.measures import Definition, Verdict

Floats = npt.NDArray[np.float64]
_NAMED: Final = 6  # groups named before the rest is only counted
_HOPELESS: Final = 1000.0  # times the customers, beyond which more of them is no advice


def listed(names: Sequence[str]) -> str:
    """Join names for a sentence; past the first few the rest is counted.

    >>> listed(["19-34", "35-54"])
    '19-34; 35-54'
    """
    rest = len(names) - _NAMED
    return "; ".join(names[:_NAMED]) + (f"; and {rest} more" if rest > 0 else "")


def verdict_note(
    verdict: Verdict,
    definition: Definition,
    compared: Compared,
    names: Sequence[str],
    sizes: npt.NDArray[np.int64],
    margin: float,
    power: float,
) -> str:
    """Say what a verdict rests on.

    Args:
        verdict: Reached before adjustment.
        definition: What the measure is.
        compared: All comparisons.
        names: (G,) groups judged.
        sizes: (G,) customers in each.
        margin: It was held against.
        power: Of the smallest disparity that is called detectable.
    """
    low, high = compared.interval
    span = f"{definition.kind} between {low:.3g} and {high:.3g}"
    if verdict == "PASS":
        return f"The {span} lies within the margin of {margin:g} wherever in the interval it truly is."
    if verdict == "FAIL":
        surest = _pair(compared, _furthest(definition, near=compared.highs, far=compared.lows), names)
        return f"The {span} lies wholly beyond the margin of {margin:g} (surest: {surest})."
    place = _furthest(definition, near=compared.lows, far=compared.highs)
    whom = _pair(compared, place, names)
    return (
        f"The {span} is not wholly within the margin of {margin:g}, nor is harm beyond doubt ({whom}). "
        f"In a sample like this one, a {definition.kind} of {compared.minimum_detectable:.3g} "
        f"is told from none {power:.0%} of the time. {_needed(definition, compared, place, sizes, margin)}"
    )


def _furthest(definition: Definition, *, near: Floats, far: Floats) -> int:
    """Place of the comparison with the most harm, by the end `near` for low figures and `far` for high ones."""
    if definition.kind == "ratio" or (definition.reference == "ideal" and definition.side == "low"):
        return int(near.argmin())
    if definition.reference == "groups" or definition.side == "high":
        return int(far.argmax())
    return int(np.maximum(-near, far).argmax())


def _pair(compared: Compared, place: int, names: Sequence[str]) -> str:
    worse, better = compared.pairs[place]
    return names[worse] if better is None else f"{names[worse]} against {names[better]}"


def _needed(definition: Definition, compared: Compared, place: int, sizes: npt.NDArray[np.int64], margin: float) -> str:
    """Reckon how many customers would settle it: intervals narrow with the square root of their number."""
    value, low, high = (float(part[place]) for part in (compared.values, compared.lows, compared.highs))
    if definition.kind == "ratio":
        value, low, high, edge = (float(np.log(max(x, 1e-12))) for x in (value, low, high, margin))
    else:
        edge = -margin if value < 0 else margin
    room, reach = abs(value - edge), (high - low) / 2
    group = [part for part in compared.pairs[place] if part is not None]
    now = int(sizes[group].sum())
    times = (reach / room) ** 2 if room > 0 else np.inf
    if times > _HOPELESS:
        return "The figure is so close to the margin that more customers would hardly settle it."
    wanted = float(f"{now * max(times, 1.0):.2g}")
    return f"If the figure stays as it is, about {wanted:,.0f} in the groups compared would settle it (now {now:,})."
