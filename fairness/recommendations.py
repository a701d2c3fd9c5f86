"""Fairness of recommendation lists: who is served how well, with what, and from whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from fairness.bootstrap import GroupDraws, Tally, customer_weights, mean_tally, ratio_draws
from fairness.eligibility import only
from fairness.errors import ListsMalformed
from fairness.groups import Grouping, intersection
from fairness.judging import judged
from fairness.measures import UNKNOWN, Definition, Measure
from fairness.policy import Policy
from fairness.ranking_metrics import (
    coverage_contributions,
    exposure_over_demand,
    hit_rate_at_k,
    miscalibration,
    n_relevant,
    ndcg_at_k,
    popularity_of_history,
    popularity_of_lists,
    popularity_percentiles,
    price_tiers,
    rank_discounts,
    recall_at_k,
    sums_by_class,
)
from fairness.recommendation_definitions import (
    CATALOGUE_COVERAGE,
    CATEGORY_CALIBRATION,
    DEFINITIONS,
    HIT_RATE,
    KNOWN_DEMOGRAPHICS,
    N_LONG,
    N_TOP,
    NDCG,
    POPULARITY_LIFT,
    PRICE_TIER_CALIBRATION,
    PRIVATE_LABELS,
    RECALL,
    SMALL_SUPPLIERS,
    SUPPLIER_CLASS,
    TASKS,
    Task,
)
from fairness.suppliers import PRIVATE_LABEL, SMALL, SUPPLIER_CLASSES
from fairness.verdict import insufficient, judge

__all__ = ["DEFINITIONS", "RecommendationEvidence", "recommendation_measures", "require_lists"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Tallied = tuple[Definition, Tally | None, str]  # what is judged, on what, and what a reader must know besides

_COLUMNS: Final = ("category", "price_usd", "popularity", SUPPLIER_CLASS)
_TRACE: Final = 1e-4  # exposure over demand that stands for none at all, which no ratio can tell from the ideal
_NO_BOUGHT: Final = "Nobody bought anything that could have been recommended in the window that is judged."


@dataclass(frozen=True, eq=False)
class RecommendationEvidence:
    """What an audit of lists looks at.

    Attributes:
        customer_ids: (C,) everyone who is shown a list.
        lists: Per task (C, K) positions of products as served, best first; -1 pads short lists.
        relevant: Per task (C, N) bool, what was bought in the window that is judged.
        history: (C, N) bool, what was bought before it.
        products: N rows in the order of positions: `category`, `price_usd`, `popularity`, `supplier_class`, and others.
        trade_off: What the re-ranking for suppliers costs, by strength; not judged here.

    Raises:
        ListsMalformed: If the parts do not fit each other, or a list holds a product twice or one that does not exist.
    """

    customer_ids: npt.NDArray[np.str_]
    lists: Mapping[Task, Ints]
    relevant: Mapping[Task, sparse.csr_array]
    history: sparse.csr_array
    products: pd.DataFrame
    trade_off: pd.DataFrame

    def __post_init__(self) -> None:
        """Refuse parts that do not fit each other."""
        shape = (len(self.customer_ids), len(self.products))
        missing = sorted(set(_COLUMNS) - set(self.products.columns))
        if missing:
            raise ListsMalformed(task="all", problem=f"the products have no column {', '.join(missing)}")
        strangers = sorted(set(self.products[SUPPLIER_CLASS].unique()) - set(SUPPLIER_CLASSES))
        if strangers:
            raise ListsMalformed(task="all", problem=f"suppliers are of classes that are not known: {strangers}")
        for task in TASKS:
            if task not in self.lists or task not in self.relevant:
                raise ListsMalformed(task=task, problem="there are none, or nothing to judge them by")
            require_lists(task, self.lists[task], n_products=shape[1])
            for name, matrix in (("purchases", self.relevant[task]), ("history", self.history)):
                if matrix.shape != shape:
                    raise ListsMalformed(task=task, problem=f"the {name} are {matrix.shape}; {shape} is wanted")
            if len(self.lists[task]) != shape[0]:
                raise ListsMalformed(task=task, problem=f"{len(self.lists[task])} lists for {shape[0]} customers")


def require_lists(task: Task, positions: Ints, *, n_products: int, scores: npt.NDArray[Any] | None = None) -> None:
    """Refuse lists that no figure can be told from.

    Args:
        task: Named in the message.
        positions: (C, K); -1 pads the end of short lists.
        n_products: Size of the catalogue.
        scores: (C, K) what the places were ranked by; None where it is not known.

    Raises:
        ListsMalformed: If a list holds a product that does not exist or the same one twice, or goes on after it
            ended, or, where scores are given, one of a listed product is not finite or nobody is shown anything.
    """
    if positions.ndim != 2 or positions.shape[1] == 0:
        raise ListsMalformed(task=task, problem=f"they have shape {positions.shape}, which has no places")
    listed = positions >= 0
    ordered = np.sort(positions, axis=1)
    repeated = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    faults = {
        f"hold a position outside -1 to {n_products - 1}": (positions < -1) | (positions >= n_products),
        "hold a product twice": repeated,
        "go on after they ended": listed[:, 1:] & ~listed[:, :-1],
    }
    if scores is not None:  # lists just made; of those on record some kind may never have been asked for
        faults["are empty"] = ~listed & ~listed.any()
        faults["hold a score that is not finite"] = listed & ~np.isfinite(scores)
    found = [
        f"{int(wrong.any(axis=1).sum())} of {len(positions)} {name}" for name, wrong in faults.items() if wrong.any()
    ]
    if found:
        raise ListsMalformed(task=task, problem="; ".join(found))


def recommendation_measures(
    evidence: RecommendationEvidence, groupings: Sequence[Grouping], policy: Policy
) -> list[Measure]:
    """Judge every measure of lists by every attribute, and the suppliers' exposure.

    Args:
        evidence: Lists and what they are judged by.
        groupings: Of the customers of the evidence, one per attribute.
        policy: Margins, families, statistics, and which suppliers are small.

    Returns:
        By attribute: the accuracy per task, calibration, popularity lift, coverage; then accuracy by pairs of
        attributes and by whether anything is known of a customer; then exposure by class of supplier. What cannot be
        told is INSUFFICIENT, with the reason.

    Raises:
        TallyMismatch: If a grouping is of other customers.
    """
    tallies = [*_accuracy(evidence), *_make_up(evidence)]
    measures: list[Measure] = []
    for grouping in groupings:
        measures += [judged(definition, tally, grouping, policy, note=note) for definition, tally, note in tallies]
        measures.append(_coverage(evidence, grouping, policy))
    ndcg = [tallied for tallied in tallies if tallied[0] in NDCG.values()]
    for pair in _pairs(groupings, policy):
        measures += [judged(definition, tally, pair, policy, note=note) for definition, tally, note in ndcg]
    if groupings:
        measures.append(_known_and_unknown(ndcg[0], groupings, policy))
    return measures + _exposure_measures(evidence, policy)


def _accuracy(evidence: RecommendationEvidence) -> list[Tallied]:
    """Tally how well each customer is served; events are purchases, so that a group which is never hit is judged."""
    tallies: list[Tallied] = []
    for metric, by_task, k in (
        (ndcg_at_k, NDCG, N_TOP),
        (recall_at_k, RECALL, N_LONG),
        (hit_rate_at_k, HIT_RATE, N_TOP),
    ):
        for task in TASKS:
            positions, relevant = evidence.lists[task], evidence.relevant[task]
            if positions.shape[1] < k:
                tallies.append((by_task[task], None, _too_short(positions, k)))
                continue
            bought = n_relevant(relevant)
            tally = replace(mean_tally(metric(positions, relevant, k)), events=bought.astype(np.float64))
            tallies.append((by_task[task], tally, "" if bought.any() else _NO_BOUGHT))
    return tallies


def _make_up(evidence: RecommendationEvidence) -> list[Tallied]:
    """Tally what each customer's list is made of, against the customer's own history; events are products bought."""
    positions, history, products = evidence.lists["all"], evidence.history, evidence.products
    bought = n_relevant(history).astype(np.float64)
    names = products["category"].to_numpy(dtype=str)
    _, categories = np.unique(names, return_inverse=True)
    tiers = price_tiers(products["price_usd"].to_numpy(dtype=float), names)
    tallies: list[Tallied] = []
    for definition, classes in ((CATEGORY_CALIBRATION, categories.astype(np.int64)), (PRICE_TIER_CALIBRATION, tiers)):
        if positions.shape[1] < N_LONG:
            tallies.append((definition, None, _too_short(positions, N_LONG)))
            continue
        figures = miscalibration(positions, history, classes, N_LONG)
        tallies.append((definition, replace(mean_tally(figures), events=bought), ""))
    if positions.shape[1] < N_TOP:
        return [*tallies, (POPULARITY_LIFT, None, _too_short(positions, N_TOP))]
    percentiles = popularity_percentiles(products["popularity"].to_numpy(dtype=float))
    listed, before = popularity_of_lists(positions, percentiles, N_TOP), popularity_of_history(history, percentiles)
    counted = ~(np.isnan(listed) | np.isnan(before))
    lift = Tally(np.where(counted, listed, 0.0), np.where(counted, before, 0.0), bought, counted)
    return [*tallies, (POPULARITY_LIFT, lift, "")]


def _too_short(positions: Ints, k: int) -> str:
    return f"The lists have {positions.shape[1]} places; this measure looks at {k}."


def _coverage(evidence: RecommendationEvidence, grouping: Grouping, policy: Policy) -> Measure:
    """Judge the coverage that equally many customers of each group reach."""
    top, n_products = evidence.lists["all"][:, :N_TOP], len(evidence.products)
    big_enough = grouping.counts[:-1][grouping.counts[:-1] >= policy.statistics.min_n]
    n_drawn = max(int(big_enough.min()) // 2, 1) if big_enough.size else 0
    parts = np.full(len(top), np.nan)
    for group in range(len(grouping.labels)):
        members = grouping.codes == group
        parts[members] = coverage_contributions(top[members], n_products, n_drawn)
    defined = ~np.isnan(parts)
    tally = Tally(
        numerator=np.where(defined, parts, 0.0),
        denominator=defined.astype(np.float64),
        events=(top >= 0).sum(axis=1).astype(np.float64),
        counted=np.ones(len(top), dtype=bool),
    )
    statistics, attribute = policy.statistics, grouping.attribute
    return judge(
        CATALOGUE_COVERAGE,
        ratio_draws(tally, grouping, n_draws=statistics.n_draws, seed=statistics.seed) if len(top) else None,
        attribute=attribute,
        family=policy.family(CATALOGUE_COVERAGE.measure, attribute),
        margin=policy.margin(CATALOGUE_COVERAGE, attribute),
        statistics=statistics,
        grouping=grouping,
        note=f"What {n_drawn} customers of each group see together, on average." if n_drawn else "",
    )


def _pairs(groupings: Sequence[Grouping], policy: Policy) -> list[Grouping]:
    by_name = {grouping.attribute: grouping for grouping in groupings}
    return [
        intersection(by_name[first], by_name[second])
        for first, second in policy.settings.intersections
        if first in by_name and second in by_name
    ]


def _known_and_unknown(tallied: Tallied, groupings: Sequence[Grouping], policy: Policy) -> Measure:
    """Judge whether people of whom nothing is known are served as well as the others."""
    definition, tally, note = tallied
    of_nobody = np.all([grouping.codes == len(grouping.labels) - 1 for grouping in groupings], axis=0)
    if of_nobody.all() or not of_nobody.any():
        return insufficient(
            definition,
            attribute=KNOWN_DEMOGRAPHICS,
            family=policy.family(definition.measure, KNOWN_DEMOGRAPHICS),
            margin=policy.margin(definition, KNOWN_DEMOGRAPHICS),
            note=f"Something is known of {'no customer' if of_nobody.all() else 'every customer'}, so there are no "
            "two groups to compare.",
        )
    grouping = Grouping(KNOWN_DEMOGRAPHICS, ("known", "not known", UNKNOWN), of_nobody.astype(np.int64))
    why = "People of whom something is known are usually those who buy more, which makes them easier to please."
    return judged(definition, tally, grouping, policy, note=f"{note} {why}".strip())


def _exposure_measures(evidence: RecommendationEvidence, policy: Policy) -> list[Measure]:
    statistics = policy.statistics
    weights = customer_weights(len(evidence.customer_ids), statistics.n_draws, statistics.seed)
    measures: list[Measure] = []
    drawn = {task: _exposure(evidence, task, policy.settings.suppliers.list_length, weights) for task in TASKS}
    for by_task, judged_class in ((SMALL_SUPPLIERS, SMALL), (PRIVATE_LABELS, PRIVATE_LABEL)):
        measures += [_judge_class(by_task[task], drawn[task], judged_class, policy) for task in TASKS]
    return measures


def _exposure(
    evidence: RecommendationEvidence, task: Task, list_length: int, weights: npt.NDArray[np.float32]
) -> GroupDraws:
    """Give each class's exposure over demand: everybody's lists over everybody's purchases, customers resampled."""
    top = evidence.lists[task][:, :list_length]
    classes = evidence.products[SUPPLIER_CLASS].to_numpy(dtype=str)
    codes = np.argmax(classes[:, None] == np.array(SUPPLIER_CLASSES), axis=1).astype(np.int64)
    n_classes = len(SUPPLIER_CLASSES)
    exposure = sums_by_class(top, codes, n_classes, rank_discounts(top.shape[1]))
    demand = np.asarray(evidence.relevant[task].astype(np.float64) @ np.eye(n_classes)[codes])
    resampled = [(weights @ sums.astype(np.float32)).astype(np.float64) for sums in (exposure, demand)]  # (D, 3) each
    return GroupDraws(
        labels=SUPPLIER_CLASSES,
        n=np.full(n_classes, len(top), dtype=np.int64),
        events=demand.sum(axis=0).astype(np.int64),
        values=exposure_over_demand(exposure.sum(axis=0), demand.sum(axis=0)),
        draws=exposure_over_demand(*resampled).T,
    )


def _judge_class(definition: Definition, drawn: GroupDraws, judged_class: str, policy: Policy) -> Measure:
    """Judge one class against the demand for it; the others are shown beside it."""

    def against_demand(groups: GroupDraws) -> Measure:
        return judge(
            definition,
            groups,
            attribute=SUPPLIER_CLASS,
            family=policy.family(definition.measure, SUPPLIER_CLASS),
            margin=policy.margin(definition, SUPPLIER_CLASS),
            statistics=policy.statistics,
            against="demand share",
        )

    one = only(drawn, [SUPPLIER_CLASSES.index(judged_class)])
    decided = against_demand(replace(one, values=np.maximum(one.values, _TRACE), draws=np.maximum(one.draws, _TRACE)))
    return decided.model_copy(update={"groups": against_demand(drawn).groups})
