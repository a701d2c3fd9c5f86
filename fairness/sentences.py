"""Plain sentences and figures of a report, for people who are no engineers."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from fairness.measures import Contrast, Family, Interval, Kind, Measure, Surface, Verdict

VERDICT_WORDS: Final[dict[Verdict, str]] = {
    "PASS": "Passed",
    "FAIL": "Failed",
    "INSUFFICIENT": "Not enough evidence",
}
VERDICT_SYMBOLS: Final[dict[Verdict, str]] = {"PASS": "✓", "FAIL": "✗", "INSUFFICIENT": "?"}
SURFACE_WORDS: Final[dict[Surface, str]] = {
    "recommendations": "Recommendations",
    "prices": "Prices",
    "segments": "Segments and campaigns",
    "proxies": "What gives people away",
}
FAMILY_WORDS: Final[dict[Family, str]] = {
    "invariant": "hard rule",
    "primary": "decides",
    "exploratory": "looked at, decides nothing",
}
MISSING: Final = "–"

_COUNTED: Final = frozenset({"products", "categories", "columns", "differences"})  # units that come in whole numbers
_PERCENT: Final = 100
_RARE: Final = 0.01
_HARDLY_EVER: Final = 0.001
_CORRECTIONS: Final[dict[Family, str]] = {"primary": "Holm", "exploratory": "Benjamini-Hochberg"}


def is_share(unit: str) -> bool:
    """Tell whether a unit is a share, which people read as a percentage."""
    return unit.split(" ", 1)[0] == "share"


def figure(value: float | None, unit: str) -> str:
    """Write a figure in its unit.

    >>> figure(0.1234, "share"), figure(0.1234, "NDCG"), figure(12.345, "USD per head"), figure(None, "share")
    ('12.3%', '0.123', 'USD 12.35', '–')
    """
    if value is None:
        return MISSING
    if is_share(unit):
        return f"{_digits(value * _PERCENT, 2 if abs(value) < _RARE else 1)}%"
    if unit.split(" ", 1)[0] == "USD":
        return f"{'-' if value < 0 else ''}USD {abs(value):,.{4 if 0 < abs(value) < _RARE else 2}f}"
    return _digits(value, 0 if unit in _COUNTED and value == int(value) else 3)


def contrast_figure(value: float | None, kind: Kind, unit: str) -> str:
    """Write a ratio as a plain number, a difference in the unit of what is compared.

    >>> contrast_figure(0.8712, "ratio", "share"), contrast_figure(0.012, "difference", "share")
    ('0.87', '1.20 points')
    """
    if value is None:
        return MISSING
    if kind == "ratio":
        return _digits(value, 2)
    if is_share(unit):
        return f"{_digits(value * _PERCENT, 2)} points"
    return figure(value, unit)


def interval_figure(interval: Interval | None, kind: Kind | None, unit: str) -> str:
    """Write an interval in brackets.

    Args:
        interval: Low and high; None gives a dash.
        kind: Of the contrast it belongs to; None for a group's own figure.
        unit: Of the measure.

    Returns:
        Such as `[0.77, 0.97]`.
    """
    if interval is None:
        return MISSING
    low, high = (figure(end, unit) if kind is None else contrast_figure(end, kind, unit) for end in interval)
    return f"[{low.removesuffix(' points')}, {high}]"


def attribute_words(attribute: str | None) -> str:
    """Write the name of an attribute, or of a pair, as words.

    >>> attribute_words("income x household_comp"), attribute_words(None)
    ('income and household comp', 'all customers')
    """
    return attribute.replace(" x ", " and ").replace("_", " ") if attribute else "all customers"


def asked(measure: Measure) -> str:
    """Say what was asked of a measure, such as `at least 0.75 was asked`."""
    if measure.margin is None:
        return "no margin was set"
    if measure.contrast is None:
        return f"the margin is {measure.margin:g}"
    margin = contrast_figure(measure.margin, measure.contrast.kind, measure.unit)
    return f"at least {margin} was asked" if measure.contrast.kind == "ratio" else f"no more than {margin} was allowed"


def contrast_sentence(measure: Measure) -> str:
    """Say what was compared, what came out, what was asked and what that means.

    Args:
        measure: Judged.

    Returns:
        Such as `In the group under 35K the figure is 0.51, in 75K and over 0.59: a ratio of 0.87 [0.77, 0.97]; at
        least 0.75 was asked. Passed.` Hard rules, and what could not be compared, are told by their note.
    """
    word = f"{VERDICT_WORDS[measure.verdict]}."
    contrast = measure.contrast
    if measure.family == "invariant" or contrast is None or contrast.value is None:
        return " ".join(part for part in (measure.note, word) if part)
    return f"{_compared(measure, contrast)}: {_outcome(measure, contrast)}; {asked(measure)}. {word}"


def chance_sentence(measure: Measure) -> str:
    """Say how easily chance alone would give the contrast, and what this sample could have shown; may be empty."""
    contrast = measure.contrast
    if contrast is None:
        return ""
    said = []
    if contrast.p_value is not None:
        said.append(
            f"If there were no difference, chance would give one like this {chance(contrast.p_value)}{_p(measure)}."
        )
    if contrast.minimum_detectable is not None:
        least = contrast_figure(contrast.minimum_detectable, contrast.kind, measure.unit)
        said.append(f"The smallest disparity that this sample tells from none is a {contrast.kind} of {least}.")
    return " ".join(said)


def chance(p_value: float) -> str:
    """Say a probability in words.

    >>> chance(0.25), chance(0.0004)
    ('25 times in 100', 'less than once in 1,000')
    """
    if p_value < _HARDLY_EVER:
        return "less than once in 1,000"
    if p_value < _RARE:
        return f"{round(p_value * 1000)} times in 1,000"
    return f"{round(p_value * _PERCENT)} times in 100"


def change_figure(value: float | None) -> str:
    """Write a change with its sign.

    >>> change_figure(-0.0123), change_figure(-0.0)
    ('-0.0123', '0.0000')
    """
    if value is None:
        return MISSING
    rounded = _digits(value, 4)
    return f"+{rounded}" if value > 0 and rounded != "0.0000" else rounded


def p_figure(p_value: float | None) -> str:
    """Write a p value.

    >>> p_figure(0.0004), p_figure(0.0312), p_figure(None)
    ('< 0.001', '0.031', '–')
    """
    if p_value is None:
        return MISSING
    return "< 0.001" if p_value < _HARDLY_EVER else f"{p_value:.3f}"


def reasons_against(measures: Sequence[Measure], waived: Collection[str], titles: Mapping[str, str]) -> tuple[str, ...]:
    """Say why a set of measures does not pass, one entry for each measure that stands in the way.

    Args:
        measures: Judged.
        waived: Keys of those that a waiver stands in for; it does not for a hard rule.
        titles: What measures are called in plain words, by name; one without is called by its name.

    Returns:
        Hard rules first, then failures, then missing evidence. Never empty where no measure decides.
    """
    if not any(measure.family != "exploratory" for measure in measures):
        return ("No measure that decides was judged, and a pass needs evidence.",)
    against = [measure for measure in measures if _stands_in_the_way(measure, waived)]
    ranked = sorted(against, key=lambda measure: (measure.family != "invariant", measure.verdict != "FAIL"))
    return tuple(f"{named(measure, titles)}: {_with_note(measure)}" for measure in ranked)


def named(measure: Measure, titles: Mapping[str, str]) -> str:
    """Name a measure in plain words, with the attribute and the name that waivers use."""
    by = f" by {attribute_words(measure.attribute)}" if measure.attribute else ""
    return f"{titles.get(measure.measure, measure.measure.replace('_', ' '))}{by} ({measure.key})"


def verdict_sentence(verdict: Verdict, measures: Sequence[Measure], waived: Collection[str]) -> str:
    """Say the verdict in a sentence or two.

    Args:
        verdict: Overall.
        measures: Judged.
        waived: Keys of those that a waiver stands in for.

    Returns:
        Sentences whose subject is `It`.
    """
    rules = counted(sum(measure.family == "invariant" for measure in measures), "hard rule")
    deciding = counted(sum(measure.family == "primary" for measure in measures), "comparison")
    said = {
        "PASS": f"It passed. There is evidence that groups are alike enough in the {deciding} that decide, "
        f"and {rules} held.{_waived_words(len(waived))}",
        "FAIL": "It failed. Groups are treated less equally than the policy allows, or a hard rule is broken.",
        "INSUFFICIENT": "It did not pass. There is not enough evidence that groups are treated equally. "
        "That is no finding of harm, and it is no pass either.",
    }
    return said[verdict]


def counted(n: int, noun: str) -> str:
    """Write a number with its noun.

    >>> counted(1, "measure"), counted(1200, "measure")
    ('1 measure', '1,200 measures')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _waived_words(n_waived: int) -> str:
    if not n_waived:
        return ""
    return f" For {counted(n_waived, 'comparison')} of these there is none: a waiver stands in."


def _stands_in_the_way(measure: Measure, waived: Collection[str]) -> bool:
    if measure.family == "exploratory" or measure.verdict == "PASS":
        return False
    return measure.family == "invariant" or measure.key not in waived


def _compared(measure: Measure, contrast: Contrast) -> str:
    values = {group.group: group.value for group in measure.groups if not group.suppressed}
    worst, best = contrast.worst_group, contrast.best_group
    if worst is None:
        return "Held against the ideal"
    said = f"In the group {worst} the figure is {figure(values.get(worst), measure.unit)}"
    if best is None:
        return said
    return f"{said}, in {best} {figure(values[best], measure.unit)}" if best in values else f"{said}, against {best}"


def _outcome(measure: Measure, contrast: Contrast) -> str:
    value = contrast_figure(contrast.value, contrast.kind, measure.unit)
    interval = interval_figure(contrast.interval_95, contrast.kind, measure.unit)
    return f"a {contrast.kind} of {value}" + (f" {interval}" if contrast.interval_95 else "")


def _p(measure: Measure) -> str:
    if measure.contrast is None or measure.contrast.p_adjusted is None:
        return ""
    correction = _CORRECTIONS.get(measure.family, "correction")
    return f" (p {p_figure(measure.contrast.p_value)}, {p_figure(measure.contrast.p_adjusted)} after {correction})"


def _with_note(measure: Measure) -> str:
    sentence = contrast_sentence(measure)
    return sentence if not measure.note or measure.note in sentence else f"{sentence} {measure.note}"


def _digits(value: float, places: int) -> str:
    rounded = f"{value:,.{places}f}"
    return rounded.replace("-", "", 1) if float(rounded.replace(",", "")) == 0 else rounded
