"""One call from what is summed over customers to a judged measure."""

from fairness.bootstrap import Resampling, Tally, resampling_of
from fairness.bounds import worst_case_bounds
from fairness.errors import NonFiniteValues
from fairness.groups import Grouping
from fairness.measures import Definition, Measure
from fairness.policy import Policy
from fairness.pooling import pooled_values
from fairness.verdict import insufficient, judge


def judged(
    definition: Definition, tally: Tally | None, groups: Grouping | Resampling, policy: Policy, *, note: str = ""
) -> Measure:
    """Judge a ratio of sums by the groups of one attribute, with bounds and, for intersections, pooled cells.

    Whatever stands in the way of a comparison (no data, no usable groups, figures that are NaN) gives INSUFFICIENT
    with the reason, never an exception and never a pass.

    Args:
        definition: What the measure is.
        tally: What is summed over customers; None when there is nothing to sum.
        groups: Who belongs where; the last few groupings' resamplings are kept and shared by their measures.
        policy: Margins, families and statistics.
        note: What a reader must know besides; it comes first.

    Raises:
        TallyMismatch: If the tally is not of the grouping's customers, which is a fault of the caller.
    """
    statistics = policy.statistics
    resampling = (
        groups if isinstance(groups, Resampling) else resampling_of(groups, statistics.n_draws, statistics.seed)
    )
    grouping = resampling.grouping
    attribute = grouping.attribute
    family, margin = policy.family(definition.measure, attribute), policy.margin(definition, attribute)
    try:
        drawn = None if tally is None or not tally.counted.any() else resampling.draws(tally)
    except NonFiniteValues as broken:
        return insufficient(definition, attribute=attribute, family=family, margin=margin, note=str(broken))
    return judge(
        definition,
        drawn,
        attribute=attribute,
        family=family,
        margin=margin,
        statistics=statistics,
        grouping=grouping,
        bounds=None if tally is None or drawn is None else worst_case_bounds(tally, grouping),
        pooled=pooled_values(drawn, grouping) if drawn is not None and grouping.cells else None,
        note=note,
    )
