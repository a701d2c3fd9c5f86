"""How far what is really shown has moved from the report that let the model through."""

from collections.abc import Sequence
from typing import Final

from fairness.measures import UNKNOWN, Contrast, GroupResult, Measure, Verdict
from fairness.policy import Policy
from fairness.report import Report

PREFIX: Final = "drift_of_"


def drift(live: Sequence[Measure], released: Report, policy: Policy) -> list[Measure]:
    """Compare each group's live figure with its figure in the report.

    Args:
        live: Measures over live decisions.
        released: The report that let the model through.
        policy: Its drift margin: a ratio of live to released outside 1 ± margin is drift.

    Returns:
        One exploratory measure for each measure that both hold and that decides: FAIL where a group's whole interval
        lies outside the margin, PASS where all intervals lie inside, INSUFFICIENT otherwise.
    """
    before = {measure.key: measure for measure in released.measures if measure.family == "primary"}
    pairs = [(before[measure.key], measure) for measure in live if measure.key in before]
    return [_compare(old, new, policy.settings.live.drift_margin) for old, new in pairs]


def _compare(old: Measure, new: Measure, margin: float) -> Measure:
    figures = {group.group: group.value for group in old.groups}
    moved = [group for group in (_moved(group, figures.get(group.group)) for group in new.groups) if group is not None]
    judged = [group for group in moved if group.group != UNKNOWN] or moved
    furthest = max(judged, key=lambda group: abs((group.value or 1.0) - 1.0), default=None)
    verdict = _verdict(judged, margin)
    return Measure(
        surface=new.surface,
        measure=f"{PREFIX}{new.measure}",
        attribute=new.attribute,
        family="exploratory",
        unit="live over released",
        ideal=1.0,
        groups=tuple(moved),
        contrast=None
        if furthest is None
        else Contrast(
            kind="ratio",
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


def _moved(group: GroupResult, released: float | None) -> GroupResult | None:
    """Write a group's figure as a multiple of the released one; None where either is not known."""
    if group.suppressed or group.value is None or not released:
        return None
    interval = group.interval_95 and (group.interval_95[0] / released, group.interval_95[1] / released)
    return GroupResult(
        group=group.group, n=group.n, events=group.events, value=group.value / released, interval_95=interval
    )


def _verdict(groups: Sequence[GroupResult], margin: float) -> Verdict:
    intervals = [group.interval_95 for group in groups]
    known = [interval for interval in intervals if interval is not None]
    if any(low > 1 + margin or high < 1 - margin for low, high in known):
        return "FAIL"
    inside = all(low >= 1 - margin and high <= 1 + margin for low, high in known)
    return "PASS" if known and len(known) == len(intervals) and inside else "INSUFFICIENT"


def _note(verdict: Verdict, furthest: GroupResult | None, margin: float) -> str:
    if furthest is None or furthest.value is None:
        return "No group has a figure both live and in the report."
    said = {
        "FAIL": "This has drifted; audit the model again.",
        "PASS": "No drift.",
        "INSUFFICIENT": "Too few live decisions to tell.",
    }[verdict]
    return f"{furthest.group} moved furthest, to {furthest.value:.2f} of its figure; {margin:.0%} is allowed. {said}"
