"""The verdict on a scan for surcharges: none found counts only where one would have been found."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from fairness.groups import Grouping, unusable
from fairness.measures import Contrast, Definition, GroupResult, Measure, Verdict
from fairness.policy import Policy
from fairness.price_metrics import Bools, Comparisons, Ints
from fairness.suppression import suppressed_cells, totals_of
from fairness.surcharges import Scan, scan_units
from fairness.verdict import insufficient
from fairness.wording import listed

DETECTABLE_SHARE: Final = 0.05  # of the products scanned; a scan that would miss a surcharge on so many says nothing
_HIDDEN: Final = "a group that is not shown"


def judge_scan(
    definition: Definition,
    compared: Comparisons | None,
    unit: Ints,
    names: Sequence[str],
    grouping: Grouping,
    policy: Policy,
) -> Measure:
    """Scan for surcharges and judge what was found.

    FAIL when a group, the unknown among them, is surcharged on more products than the margin, which is certain but for
    alpha; PASS when none is and the scan would have found a surcharge on 5% of the products for every group judged;
    else INSUFFICIENT. A group's interval runs from what was found to what may have been missed.

    Args:
        definition: What the measure is.
        compared: Who paid what beside whom; None when there is nothing to compare.
        unit: (M,) product or category code of each row of `compared`.
        names: Names of these codes.
        grouping: Who belongs where.
        policy: Margins, families and statistics.
    """
    attribute = grouping.attribute
    family, margin = policy.family(definition.measure, attribute), policy.margin(definition, attribute)
    problem = unusable(grouping, policy.statistics)
    if problem is None and (compared is None or not compared.price.size):
        problem = (
            "No two customers bought the same fixed pack in the same store and week, so prices cannot be compared."
        )
    if problem is not None or compared is None:
        return insufficient(definition, attribute=attribute, family=family, margin=margin, note=problem or "")
    scan = scan_units(compared, unit, grouping, policy.statistics)
    hidden = suppressed_cells(scan.n_customers, totals_of(grouping, grouping.labels), policy.statistics.min_cell)
    labels = [_HIDDEN if hide else label for label, hide in zip(grouping.labels, hidden, strict=True)]
    return Measure(
        surface=definition.surface,
        measure=definition.measure,
        attribute=attribute,
        family=family,
        unit=definition.unit,
        ideal=definition.ideal,
        groups=_groups(scan, grouping, hidden),
        contrast=_contrast(definition, scan, labels),
        margin=margin,
        verdict=_verdict(scan, margin),
        note=_note(definition, scan, labels, names, policy.statistics.power),
    )


def _verdict(scan: Scan, margin: float) -> Verdict:
    if (scan.n_surcharged[scan.judged] > margin).any():
        return "FAIL"
    return "PASS" if scan.judged.sum() > 1 and not _blind(scan).any() else "INSUFFICIENT"


def _blind(scan: Scan) -> Bools:
    """(G,) scanned groups for which a surcharge on 5% of the products might be missed."""
    return scan.judged & ~(scan.detectable <= max(DETECTABLE_SHARE * scan.n_scanned, 1.0))  # NaN is not


def _groups(scan: Scan, grouping: Grouping, hidden: Bools) -> tuple[GroupResult, ...]:
    results = []
    for place in np.flatnonzero(scan.n_customers > 0):
        shown, judged = not hidden[place], bool(scan.judged[place]) and not hidden[place]
        found, most = float(scan.n_surcharged[place]), float(scan.at_most[place])
        results.append(
            GroupResult(
                group=grouping.labels[place],
                n=int(scan.n_customers[place]) if shown else None,
                events=int(scan.n_compared[place]) if shown else None,
                value=found if judged else None,
                interval_95=(found, most) if judged else None,
                suppressed=not shown,
            )
        )
    return tuple(results)


def _contrast(definition: Definition, scan: Scan, labels: Sequence[str]) -> Contrast | None:
    places = np.flatnonzero(scan.judged)
    if not places.size:
        return None
    worst = places[np.lexsort((-scan.at_most[places], -scan.n_surcharged[places]))[0]]
    needed = scan.detectable[places]
    return Contrast(
        kind=definition.kind,
        worst_group=labels[int(worst)],
        best_group="no surcharge",
        value=float(scan.n_surcharged[worst]),
        interval_95=None,  # a count of findings; what may have been missed stands with the groups and in the note
        p_value=scan.p_value,
        minimum_detectable=None if np.isnan(needed).any() else float(needed.max()),
    )


def _note(definition: Definition, scan: Scan, labels: Sequence[str], names: Sequence[str], power: float) -> str:
    what, blind = definition.unit, _blind(scan)
    sentences = [f"{scan.n_scanned:,} {what} were scanned."]
    for place in np.flatnonzero(scan.n_surcharged > 0):
        likeliest = listed([names[code] for code in scan.likeliest[place]])
        sentences.append(
            f"{labels[int(place)]}: surcharged on at least {scan.n_surcharged[place]} {what}, by "
            f"{scan.mean_surcharge[place]:.1%} on the likeliest of them ({likeliest})."
        )
    if (scan.judged & ~blind).any():
        most = int(scan.detectable[scan.judged & ~blind].max())
        sentences.append(f"A surcharge of any size on {most} or more of them is found {power:.0%} of the time.")
    sentences += [f"{labels[int(place)]}: {_unseen(scan, int(place), what)}" for place in np.flatnonzero(blind)]
    left_out = [label for label, n, seen in zip(labels, scan.n_customers, scan.judged, strict=True) if n and not seen]
    if left_out:
        sentences.append(f"Not scanned, too few customers or comparisons: {listed(list(dict.fromkeys(left_out)))}.")
    return " ".join(sentences)


def _unseen(scan: Scan, place: int, what: str) -> str:
    fewest = scan.detectable[place]
    if np.isnan(fewest):
        return f"not even a surcharge on all {what} would surely have been found."
    return f"a surcharge on fewer than {int(fewest)} of the {scan.n_scanned:,} {what} may go unseen."
