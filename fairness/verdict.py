"""From figures to a verdict: PASS only on evidence, FAIL only beyond doubt, INSUFFICIENT for everything between."""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.fairness import StatisticsSettings
from fairness.bootstrap import GroupDraws
from fairness.contrasts import Compared, compare
from fairness.eligibility import DEFINED, only, sift, too_many, why_not
from fairness.groups import Grouping
from fairness.measures import UNKNOWN, Contrast, Definition, Family, GroupResult, Interval, Measure, Verdict
from fairness.suppression import suppressed_cells, totals_of
from fairness.wording import verdict_note

Floats = npt.NDArray[np.float64]
_ROUNDING: Final = 1e-12


def judge(
    definition: Definition,
    drawn: GroupDraws | None,
    *,
    attribute: str | None,
    family: Family,
    margin: float,
    statistics: StatisticsSettings,
    grouping: Grouping | None = None,
    bounds: Floats | None = None,
    pooled: Floats | None = None,
    against: str | None = None,
    note: str = "",
) -> Measure:
    """Judge one measure by one attribute.

    PASS when the interval lies within the margin for every pair of groups (or every group against the ideal), FAIL
    when it lies wholly beyond and chance is ruled out, else INSUFFICIENT. Groups under `min_cell` are hidden with a
    complement; those under `min_n` or `min_events` are shown and not judged; the unknown are shown and not judged.

    Args:
        definition: What the measure is.
        drawn: Figures and resamplings; None when there is nothing to judge, which the note should explain.
        attribute: Whose groups these are; None for a measure without groups.
        family: Which family it belongs to.
        margin: Least ratio, or largest difference, that is tolerated. With a difference and margin 0 only groups
            that are exactly equal pass.
        statistics: How verdicts are reached.
        grouping: Who belongs where, for the reason why groups cannot be compared, and for the cells of a pair.
        bounds: (G, 2) worst-case bounds of each group's figure.
        pooled: (G,) pooled figures of cells.
        against: Words for the ideal that groups are held against, such as `demand share`.
        note: What a reader must know besides; it comes first.
    """
    problem = why_not(definition, drawn, grouping, statistics)
    blank = insufficient(definition, attribute=attribute, family=family, margin=margin, note=_joined(note, problem))
    if drawn is None or (grouping is not None and too_many(grouping, statistics)):
        return blank
    hidden = suppressed_cells(drawn.n, totals_of(grouping, drawn.labels), statistics.min_cell)
    sifted = sift(definition, drawn, hidden, statistics, problem)
    groups = _group_results(drawn, hidden, statistics.confidence, bounds, pooled)
    update: dict[str, object] = {"groups": groups, "note": _joined(note, sifted.problem, *sifted.left_out)}
    if not sifted.problem:
        judged = only(drawn, sifted.places)
        compared = compare(judged, definition, statistics)
        verdict = _verdict(definition, compared, margin, statistics.alpha)
        words = verdict_note(verdict, definition, compared, judged.labels, judged.n, margin, statistics.power)
        contrast = _contrast(definition, compared, judged.labels, against)
        update |= {"contrast": contrast, "verdict": verdict, "note": _joined(note, words, *sifted.left_out)}
    return blank.model_copy(update=update)


def insufficient(
    definition: Definition, *, attribute: str | None, family: Family, margin: float | None, note: str
) -> Measure:
    """Record that a measure could not be judged at all.

    Args:
        definition: What the measure is.
        attribute: Whose groups it was to compare.
        family: Which family it belongs to.
        margin: The margin it would have been held against.
        note: What is missing, in plain words.
    """
    return Measure(
        surface=definition.surface,
        measure=definition.measure,
        attribute=attribute,
        family=family,
        unit=definition.unit,
        ideal=definition.ideal,
        groups=(),
        contrast=None,
        margin=margin,
        verdict="INSUFFICIENT",
        note=note,
    )


def _joined(*sentences: str) -> str:
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences if sentence)


def _group_results(
    drawn: GroupDraws,
    hidden: npt.NDArray[np.bool_],
    confidence: float,
    bounds: Floats | None,
    pooled: Floats | None,
) -> tuple[GroupResult, ...]:
    results = []
    for place in np.flatnonzero(drawn.n > 0):
        group = drawn.labels[place]
        if hidden[place]:
            results.append(GroupResult(group=group, n=None, events=None, value=None, interval_95=None, suppressed=True))
            continue
        bounded = bounds is not None and group != UNKNOWN and bool(np.isfinite(bounds[place]).all())
        results.append(
            GroupResult(
                group=group,
                n=int(drawn.n[place]),
                events=int(drawn.events[place]),
                value=_number(drawn.values[place]),
                interval_95=_percentiles(drawn.draws[place], confidence),
                bounds=(float(bounds[place, 0]), float(bounds[place, 1])) if bounds is not None and bounded else None,
                pooled=None if pooled is None else _number(pooled[place]),
            )
        )
    return tuple(results)


def _number(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None


def _percentiles(draws: Floats, confidence: float) -> Interval | None:
    defined = draws[np.isfinite(draws)]
    if defined.size < DEFINED * draws.size:
        return None
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _contrast(definition: Definition, compared: Compared, names: Sequence[str], against: str | None) -> Contrast:
    worse, better = compared.pairs[compared.place]
    return Contrast(
        kind=definition.kind,
        worst_group=names[worse],
        best_group=names[better] if better is not None else against or f"the ideal of {definition.ideal:g}",
        value=compared.value,
        interval_95=compared.interval,
        p_value=compared.p_value,
        minimum_detectable=compared.minimum_detectable,
    )


def _verdict(definition: Definition, compared: Compared, margin: float, alpha: float) -> Verdict:
    """FAIL is provisional: `adjust` takes it back where the family as a whole may be chance."""
    within, beyond = harm_bounds(definition, compared, margin)
    if within:
        return "PASS"
    return "FAIL" if beyond and compared.p_value < alpha else "INSUFFICIENT"


def harm_bounds(definition: Definition, compared: Compared, margin: float) -> tuple[bool, bool]:
    """Tell whether every comparison lies within the margin, and whether some comparison lies wholly beyond it."""
    lows, highs = compared.lows, compared.highs
    if definition.kind == "ratio":
        return bool((lows >= margin - _ROUNDING).all()), bool((highs < margin).any())
    too_high = definition.reference == "groups" or definition.side != "low"
    too_low = definition.reference == "ideal" and definition.side != "high"
    within = not (too_high and (highs > margin + _ROUNDING).any()) and not (
        too_low and (lows < -margin - _ROUNDING).any()
    )
    beyond = (too_high and bool((lows > margin + _ROUNDING).any())) or (
        too_low and bool((highs < -margin - _ROUNDING).any())
    )
    return within, beyond


def adjust(measures: Sequence[Measure], alpha: float) -> tuple[Measure, ...]:
    """Adjust p-values for the number of measures, and take back failures that the family as a whole may owe to chance.

    Holm within the primary family, Benjamini-Hochberg within the exploratory one; invariants and measures without a
    p-value stay as they are.

    Args:
        measures: All of a report.
        alpha: False alarms allowed to the primary family, false discoveries to the exploratory one.

    Returns:
        The measures in the same order.

    Source: Holm (1979); Benjamini and Hochberg (1995).
    """
    adjusted: dict[int, tuple[Contrast, float]] = {}
    for family, correct in (("primary", holm), ("exploratory", benjamini_hochberg)):
        tested = {
            place: (measure.contrast, measure.contrast.p_value)
            for place, measure in enumerate(measures)
            if measure.family == family and measure.contrast is not None and measure.contrast.p_value is not None
        }
        corrected = correct([p_value for _, p_value in tested.values()])
        for (place, (contrast, _)), p_adjusted in zip(tested.items(), corrected, strict=True):
            adjusted[place] = (contrast, p_adjusted)
    return tuple(
        _settled(measure, *adjusted[place], alpha) if place in adjusted else measure
        for place, measure in enumerate(measures)
    )


def _settled(measure: Measure, contrast: Contrast, p_adjusted: float, alpha: float) -> Measure:
    update: dict[str, object] = {"contrast": contrast.model_copy(update={"p_adjusted": p_adjusted})}
    if measure.verdict == "FAIL" and p_adjusted >= alpha:
        doubt = f"With all measures of its family looked at, this may be chance (adjusted p {p_adjusted:.3f})."
        update |= {"verdict": "INSUFFICIENT", "note": _joined(measure.note, doubt)}
    return measure.model_copy(update=update)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that any false alarm among them is no likelier than alpha.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    return _step(p_values, [len(p_values) - rank for rank in range(len(p_values))], rising=True)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the expected share of false discoveries is at most alpha.

    >>> [round(p, 3) for p in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    n = len(p_values)
    return _step(p_values, [n / (rank + 1) for rank in range(n)], rising=False)


def _step(p_values: Sequence[float], factors: Sequence[float], *, rising: bool) -> list[float]:
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, dtype=np.float64)[order] * np.asarray(factors)
    stepped = np.maximum.accumulate(scaled) if rising else np.minimum.accumulate(scaled[::-1])[::-1]
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(p) for p in adjusted]


def overall(measures: Sequence[Measure], waived: Collection[str] = ()) -> Verdict:
    """Give the verdict of a report: of its invariants and its primary family.

    Args:
        measures: All of a report, adjusted.
        waived: Keys of measures that a waiver in force covers; an invariant cannot be waived.

    Returns:
        FAIL if one that counts fails, INSUFFICIENT if one is not settled or none counts at all, else PASS.
    """
    deciding = [measure for measure in measures if measure.family != "exploratory"]
    verdicts = {m.verdict for m in deciding if m.family == "invariant" or m.key not in waived}
    if "FAIL" in verdicts:
        return "FAIL"
    return "INSUFFICIENT" if "INSUFFICIENT" in verdicts or not deciding else "PASS"
