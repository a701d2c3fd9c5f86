"""How far what is really shown has moved from the report that let the model through."""

from collections.abc import Sequence
from typing import Final

from fairness.measures import UNKNOWN, Contrast, GroupResult, Measure, Verdict
from fairness.policy import Policy
from fairness.report import Report

PREFIX: Final = "drift_of_"


def drift(live: Sequence[Measure], released: Report, policy: Policy) -> list[Measure]:
    """Compare each group's live figure with its figure in the report.

    Measures whose groups are compared by ratio drift by ratio: live over released outside 1 ± `live.drift_margin`.
    Those compared by difference drift by difference: live less released beyond the measure's own margin.

    Args:
        live: Measures over live decisions.
        released: The report that let the model through.
        policy: Its drift margin.

    Returns:
        One exploratory measure for each measure that both hold and that decides: FAIL where a group's whole interval
        lies outside the margin, PASS where all intervals lie inside, INSUFFICIENT otherwise.
    """
    before = {measure.key: measure for measure in released.measures if measure.family == "primary"}
    pairs = [(before[measure.key], measure) for measure in live if measure.key in before]
    return [_compare(old, new, policy.settings.live.drift_margin) for old, new in pairs]


def _compare(old: Measure, new: Measure, drift_margin: float) -> Measure:
    relative = old.contrast is not None and old.contrast.kind == "ratio"
    ideal, margin = (1.0, drift_margin) if relative else (0.0, old.margin or 0.0)
    figures = {group.group: group.value for group in old.groups}
    moved = [_moved(group, figures.get(group.group), relative=relative) for group in new.groups]
    known = [group for group in moved if group is not None]
    judged = [group for group in known if group.group != UNKNOWN] or known
    furthest = max(judged, key=lambda group: abs((group.value or ideal) - ideal), default=None)
    verdict = _verdict(judged, ideal - margin, ideal + margin)
    return Measure(
        surface=new.surface,
        measure=f"{PREFIX}{new.measure}",
        attribute=new.attribute,
        family="exploratory",
        unit="live over released" if relative else f"live less released, {new.unit}",
        ideal=ideal,
        groups=tuple(known),
        contrast=None
        if furthest is None
        else Contrast(
            kind="ratio" if relative else "difference",
            worst_group=furthest.group,
            best_group="the report",
            value=furthest.value,
            interval_95=furthest.interval_95,
            p_value=None,
            minimum_detectable=None,
        ),
        margin=margin,
        verdict=verdict,
        note=_note(verdict, furthest, margin),
    )


def _moved(group: GroupResult, released: float | None, *, relative: bool) -> GroupResult | None:
    """Write a group's figure against the released one; None where either is not known, or there is no ratio."""
    if group.suppressed or group.value is None or released is None or (relative and released == 0):
        return None

    def against(figure: float) -> float:
        return figure / released if relative else figure - released

    interval = group.interval_95 and (against(group.interval_95[0]), against(group.interval_95[1]))
    return GroupResult(
        group=group.group, n=group.n, events=group.events, value=against(group.value), interval_95=interval
    )


def _verdict(groups: Sequence[GroupResult], lowest: float, highest: float) -> Verdict:
    intervals = [group.interval_95 for group in groups]
    known = [interval for interval in intervals if interval is not None]
    if any(low > highest or high < lowest for low, high in known):
        return "FAIL"
    inside = all(low >= lowest and high <= highest for low, high in known)
    return "PASS" if known and len(known) == len(intervals) and inside else "INSUFFICIENT"


def _note(verdict: Verdict, furthest: GroupResult | None, margin: float) -> str:
    if furthest is None or furthest.value is None:
        return "No group has a figure both live and in the report."
    said = {
        "FAIL": "This has drifted; audit the model again.",
        "PASS": "No drift.",
        "INSUFFICIENT": "Too few live decisions to tell.",
    }[verdict]
    return f"{furthest.group} moved furthest; {margin:g} either way is allowed. {said}"
