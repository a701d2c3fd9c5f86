"""Who is sent a campaign, who uses it, and what discounts a head comes to, by group."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairness import metrics
from fairness.bootstrap import GroupDraws, Tally, customer_weights, mean_tally
from fairness.campaign_definitions import (
    CAMPAIGN,
    COUPONS,
    ELIGIBLE,
    FIXED,
    KNOWN,
    MONEY,
    NO_SELECTION,
    OPPORTUNITY,
    REACHED,
    REDEEMED,
    adjusted_odds_ratio_of,
    definitions_of,
    selection_rate_of,
)
from fairness.campaign_facts import CampaignEvidence, Facts, facts_of, read_evidence
from fairness.errors import FiguresDisagree
from fairness.groups import Grouping, unusable
from fairness.judging import judged
from fairness.measures import UNKNOWN, Definition, Measure
from fairness.policy import Policy
from fairness.verdict import insufficient, judge
from features.lake import Lake

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float32]
ByGroup = Callable[[metrics.Labels], pd.Series]

DEFINITIONS: Final = (NO_SELECTION, *FIXED)  # those of each kind of campaign come from `campaign_definitions`
_ROUNDING: Final = 1e-9
_NO_CAMPAIGNS: Final = (
    "The source gave no campaigns, so it is not known who was in one. Give the source a campaigns table and ingest it "
    "again."
)
_NO_REDEMPTIONS: Final = (
    "The source gave no redemptions, so it is not known who used a coupon. Give the source a redemptions table and "
    "ingest it again."
)
_NO_RUN_UP: Final = (
    "No campaign starts {days} days or more after the first purchase in the data, so it is not known who shopped "
    "before one. Give the source purchases that reach further back."
)
_DOUBTFUL: Final = "Investigate: the ratio itself is below the limit of {margin:g}, and chance is not ruled out."


def read_campaigns(lake: Lake) -> CampaignEvidence:
    """Read what an audit of campaigns looks at; tables that the source never gave are None.

    Raises:
        LakeDamaged: If a table cannot be read.
    """
    return read_evidence(lake)


def campaign_definitions(evidence: CampaignEvidence) -> tuple[Definition, ...]:
    """Define every measure that `campaign_measures` gives for this evidence."""
    return definitions_of(evidence.kinds)


def campaign_measures(
    evidence: CampaignEvidence, customer_ids: Sequence[str], groupings: Sequence[Grouping], policy: Policy
) -> list[Measure]:
    """Judge access to campaigns and the money given out, by every grouping.

    The point figures are reckoned twice, by fairlearn and by the sums that are resampled.

    Args:
        evidence: Tables.
        customer_ids: (C,) all customers, each once; who is in no table counts as not reached.
        groupings: Who belongs where; adjusted odds are left to single attributes, cells being too small for them.
        policy: Margins, families and statistics.

    Returns:
        By kind of campaign the selection rate, whose contrast is the impact ratio, and the adjusted odds ratio; the
        funnel eligible, reached, redeemed; equal opportunity; money per head; of whom demographics are known.

    Raises:
        FiguresDisagree: If fairlearn's figure is another than ours.
    """
    facts = facts_of(evidence, customer_ids, policy.settings.campaigns)
    figures = _figures(evidence, facts, policy)
    measures = [_judged(figure, grouping, policy) for figure in figures for grouping in groupings]
    for grouping in groupings:
        if not grouping.cells:
            measures += _odds_by(grouping, evidence.kinds, facts, policy)
    return [*measures, _known(evidence, facts, groupings, policy)]


@dataclass(frozen=True, eq=False)
class _Figure:
    """A mean over customers, and how fairlearn reckons it by group; without a tally the note says what is missing."""

    definition: Definition
    tally: Tally | None
    by_group: ByGroup
    note: str = ""


def _figures(evidence: CampaignEvidence, facts: Facts, policy: Policy) -> list[_Figure]:
    everybody = np.ones(len(facts.reached), dtype=np.bool_)
    missing = "" if evidence.campaigns is not None and evidence.kinds else _NO_CAMPAIGNS
    run_up = missing or _NO_RUN_UP.format(days=policy.settings.campaigns.eligible_days)
    redeeming = missing or ("" if evidence.redemptions is not None else _NO_REDEMPTIONS)
    eligible = everybody & False if facts.eligible is None else facts.eligible
    late = "" if facts.eligible is not None else run_up
    users = facts.coupon_usd > 0
    selections = [_share(selection_rate_of(kind), facts.in_kind[kind], everybody) for kind in evidence.kinds]
    return [
        *(selections or [_share(NO_SELECTION, facts.reached, everybody, missing)]),
        _share(ELIGIBLE, eligible, everybody, late),
        _share(REACHED, facts.reached, eligible, late),
        _share(REDEEMED, facts.redeemed, facts.reached, redeeming),
        _opportunity(facts.reached, users, missing),
        _money(MONEY, facts.coupon_usd + facts.loyalty_usd),
        _money(COUPONS, facts.coupon_usd),
    ]


def _share(definition: Definition, chosen: metrics.Mask, among: metrics.Mask, missing: str = "") -> _Figure:
    return _Figure(
        definition,
        None if missing else _tally(np.where(among, chosen.astype(np.float64), np.nan)),
        lambda labels: metrics.selection_rate(chosen[among], labels[among]),
        missing,
    )


def _opportunity(reached: metrics.Mask, users: metrics.Mask, missing: str) -> _Figure:
    note = "Customers with any coupon discount stand in for those who would use a campaign."
    return _Figure(
        OPPORTUNITY,
        None if missing else _tally(np.where(users, reached.astype(np.float64), np.nan)),
        lambda labels: metrics.equal_opportunity(reached, users, labels),
        missing or note,
    )


def _money(definition: Definition, amounts: Floats) -> _Figure:
    note = f"{amounts.sum():,.0f} USD in all; events are customers who got any."
    return _Figure(definition, _tally(amounts), lambda labels: metrics.money_per_head(amounts, labels), note)


def _tally(values: Floats) -> Tally:
    """Tally a mean; its events are customers with anything: chosen, or with an amount."""
    tally = mean_tally(values)
    return replace(tally, events=(tally.numerator > 0).astype(np.float64))


def _judged(figure: _Figure, grouping: Grouping, policy: Policy) -> Measure:
    measure = judged(figure.definition, figure.tally, grouping, policy, note=figure.note)
    if figure.tally is None:
        return measure
    labels = np.array(grouping.labels, dtype=object)[grouping.codes]
    _confirm(measure, figure.by_group(labels))
    return _noted(measure, _with_unknown(measure, figure, labels, policy), _doubt(measure))


def _noted(measure: Measure, *notes: str) -> Measure:
    return measure.model_copy(update={"note": " ".join(filter(None, (measure.note, *notes)))})


def _confirm(measure: Measure, by_group: pd.Series) -> None:
    for group in measure.groups:
        if group.value is None:
            continue
        theirs = float(by_group[group.group])
        if abs(group.value - theirs) > _ROUNDING * max(1.0, abs(theirs)):
            raise FiguresDisagree(measure=measure.key, group=group.group, ours=group.value, theirs=theirs)


def _with_unknown(measure: Measure, figure: _Figure, labels: metrics.Labels, policy: Policy) -> str:
    """Give the impact ratio with the unknown as a group, which the contrast leaves out; groups not shown stay out."""
    if measure.unit != "share" or figure.tally is None:
        return ""
    large = {group.group for group in measure.groups if (group.n or 0) >= policy.statistics.min_n}
    if UNKNOWN not in large or len(large) < 2:
        return ""
    shown = np.isin(labels, list(large)) & figure.tally.counted
    ratio = metrics.impact_ratio(figure.tally.numerator[shown] > 0, labels[shown])
    return f"With the unknown as a group the ratio of lowest to highest is {ratio:.2f}."


def _doubt(measure: Measure) -> str:
    contrast = measure.contrast
    if measure.verdict != "INSUFFICIENT" or contrast is None or contrast.value is None or measure.margin is None:
        return ""
    return _DOUBTFUL.format(margin=measure.margin) if contrast.value < measure.margin else ""


def _odds_by(grouping: Grouping, kinds: Sequence[str], facts: Facts, policy: Policy) -> list[Measure]:
    """Judge the odds of every kind on the same resamplings of the customers of each group."""
    statistics = policy.statistics
    weights = np.empty((statistics.n_draws, len(facts.reached)), dtype=np.float32)
    for group, n in enumerate(grouping.counts):
        weights[:, grouping.codes == group] = customer_weights(int(n), statistics.n_draws, statistics.seed + group)
    return [_odds(kind, facts, grouping, weights, policy) for kind in kinds]


def _odds(kind: str, facts: Facts, grouping: Grouping, weights: Weights, policy: Policy) -> Measure:
    definition, attribute, selected = adjusted_odds_ratio_of(kind), grouping.attribute, facts.in_kind[kind]
    family, margin = policy.family(definition.measure, attribute), policy.margin(definition, attribute)
    problem = _no_odds(selected, facts, grouping, policy)
    if problem or facts.factors is None:
        return insufficient(definition, attribute=attribute, family=family, margin=margin, note=problem)
    measure = judge(
        definition,
        _odds_draws(selected, facts.factors, grouping, weights, policy.statistics.min_events),
        attribute=attribute,
        family=family,
        margin=margin,
        statistics=policy.statistics,
        grouping=grouping,
        note=_factor_note(facts, policy),
    )
    return _noted(measure, _raw_note(measure, selected, grouping), _doubt(measure))


def _no_odds(selected: metrics.Mask, facts: Facts, grouping: Grouping, policy: Policy) -> str:
    reason = unusable(grouping, policy.statistics)
    if reason is not None:
        return reason[0].upper() + reason[1:]
    if facts.factors is None:
        return _NO_RUN_UP.format(days=policy.settings.campaigns.eligible_days)
    if selected.all() or not selected.any():
        return f"{'Every customer' if selected.all() else 'No customer'} was in such a campaign, so there are no odds."
    return ""


def _odds_draws(
    selected: metrics.Mask, factors: Floats, grouping: Grouping, weights: Weights, min_events: int
) -> GroupDraws:
    """Fit anew to resampled customers; a group of which nearly everybody was chosen has no interval."""
    codes, n_groups = grouping.codes, len(grouping.labels)
    fitted = metrics.adjusted_odds_ratio(selected, factors, codes)
    draws = metrics.adjusted_odds_ratio(selected, factors, codes, weights)
    chosen = np.bincount(codes[selected], minlength=n_groups).astype(np.int64)
    draws[:, (grouping.counts - chosen)[: draws.shape[1]] < min_events] = np.nan
    padding = ((0, n_groups - fitted.shape[1]), (0, 0))  # groups at the end that nobody is in
    return GroupDraws(
        labels=grouping.labels,
        n=grouping.counts,
        events=chosen,
        values=np.pad(fitted.T, padding, constant_values=np.nan)[:, 0],
        draws=np.pad(draws.T, padding, constant_values=np.nan),
    )


def _factor_note(facts: Facts, policy: Policy) -> str:
    factors = ", ".join(policy.settings.campaigns.legitimate_factors)
    return (
        f"Declared legitimate factors: {factors}, of the time before {facts.factors_until:%Y-%m-%d}. Odds are over "
        f"those of the average customer. A group with under {policy.statistics.min_events} customers who were not "
        "chosen has too uncertain odds to be compared."
    )


def _raw_note(measure: Measure, selected: metrics.Mask, grouping: Grouping) -> str:
    contrast = measure.contrast
    if contrast is None or contrast.worst_group is None or contrast.best_group is None:
        return ""
    odds = metrics.adjusted_odds_ratio(selected, np.empty((len(selected), 0)), grouping.codes)[0]
    worst, best = (odds[grouping.labels.index(group)] for group in (contrast.worst_group, contrast.best_group))
    return f"Without the factors the odds ratio of these two groups is {worst / best:.2f}."


def _known(evidence: CampaignEvidence, facts: Facts, groupings: Sequence[Grouping], policy: Policy) -> Measure:
    """Compare of how many anything is known, between those who were in a campaign and those who were not."""
    known = np.zeros(len(facts.reached), dtype=np.bool_)
    for grouping in groupings:
        known |= grouping.codes < len(grouping.labels) - 1
    by_campaign = Grouping(CAMPAIGN, ("reached", "not reached", UNKNOWN), np.where(facts.reached, 0, 1))
    everybody = np.ones(len(known), dtype=np.bool_)
    missing = "" if evidence.kinds else _NO_CAMPAIGNS
    measure = _judged(_share(KNOWN, known, everybody, missing), by_campaign, policy)
    if missing or not known.any() or known.all():
        return measure
    note = (
        f"{facts.reached[known].mean():.0%} of the customers of whom something is known were in a campaign, against "
        f"{facts.reached[~known].mean():.0%} of the others: demographics are not missing at random. So every share is "
        "printed with its worst-case bounds, wherever the unknown belong, and nobody's attribute is guessed."
    )
    return measure.model_copy(update={"note": f"{note} {measure.note}"})
