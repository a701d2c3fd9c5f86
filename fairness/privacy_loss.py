"""Whether the noise of a private version costs some groups more than others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from fairness.bootstrap import GroupDraws, Tally, mean_tally, resampling_of
from fairness.eligibility import DEFINED
from fairness.groups import Grouping
from fairness.measures import UNKNOWN, Definition, Measure
from fairness.policy import Policy
from fairness.recommendation_definitions import KNOWN_DEMOGRAPHICS, N_TOP, TASKS, WORDS, Task
from fairness.verdict import insufficient, judge

Floats = npt.NDArray[np.float64]


def _definition(task: Task) -> Definition:
    return Definition(
        surface="recommendations",
        measure=f"privacy_loss_{task}",
        title=f"Who pays for privacy: {WORDS[task]}",
        meaning=f"How much NDCG@{N_TOP} ({WORDS[task]}) a group loses because the version is private, over what "
        "everybody loses on average; 1 is an equal share, below 0 the group gains. It compares with a version of the "
        "same data without the noise, and does not say that the loss is small.",
        unit="times the average loss",
        ideal=1.0,
        kind="difference",
        reference="ideal",
        side="high",
        more_is_better=False,
        source="Bagdasaryan, Poursaeed and Shmatikov (2019), Differential privacy has disparate impact on accuracy",
    )


PRIVACY_LOSS: Final = {task: _definition(task) for task in TASKS}
DEFINITIONS: Final[tuple[Definition, ...]] = tuple(PRIVACY_LOSS.values())


@dataclass(frozen=True, eq=False)
class Compared:
    """A private version and one without the noise, judged on the same customers and purchases.

    Attributes:
        private: Per task (C,) NDCG of each customer's list; NaN for who bought nothing.
        reference: The same of the version without the noise.
        n_bought: Per task (C,) purchases that the figures rest on.
        name: What the reference is called in the report.
    """

    private: Mapping[Task, Floats]
    reference: Mapping[Task, Floats]
    n_bought: Mapping[Task, Floats]
    name: str


def privacy_loss_measures(compared: Compared, groupings: Sequence[Grouping], policy: Policy) -> list[Measure]:
    """Judge each group's loss from privacy against the average loss, by every attribute, and by whether any is known.

    PASS where no group loses more than the limit times the average, wherever in the interval the figures truly are;
    INSUFFICIENT where that cannot be told, or where nobody loses on average, so that there is nothing to share out.

    Args:
        compared: Both versions' figures.
        groupings: Of the same customers, one per attribute.
        policy: Statistics and the limit.
    """
    measures = []
    for task in TASKS:
        lost = compared.reference[task] - compared.private[task]
        tally = replace(mean_tally(lost), events=compared.n_bought[task])
        note = _note(compared, task, tally)
        measures += [
            _judged(PRIVACY_LOSS[task], tally, grouping, policy, note) for grouping in (*groupings, *_known(groupings))
        ]
    return measures


def not_compared(policy: Policy, why: str) -> list[Measure]:
    """Say plainly that the comparison cannot be made.

    Args:
        policy: Of the model.
        why: What is missing and how to get it.
    """
    margin = _margin(policy)
    return [
        insufficient(
            definition,
            attribute=None,
            family=policy.family(definition.measure, None),
            margin=margin,
            note=why,
        )
        for definition in DEFINITIONS
    ]


def _judged(definition: Definition, tally: Tally, grouping: Grouping, policy: Policy, note: str) -> Measure:
    statistics, attribute = policy.statistics, grouping.attribute
    family, margin = policy.family(definition.measure, attribute), _margin(policy)
    nothing = insufficient(definition, attribute=attribute, family=family, margin=margin, note=note)
    if not tally.counted.any():
        return nothing
    drawn = resampling_of(grouping, statistics.n_draws, statistics.seed).draws(tally)
    average = _everybody(drawn)
    if float((average <= 0).mean()) > 1 - DEFINED:
        why = "The average loss cannot be told from none, so there is nothing of which a group could bear too much."
        return nothing.model_copy(update={"note": f"{note} {why}"})
    return judge(
        definition,
        _shares(drawn, tally, average),
        attribute=attribute,
        family=family,
        margin=margin,
        statistics=statistics,
        grouping=grouping,
        against="an equal share",
        note=note,
    )


def _known(groupings: Sequence[Grouping]) -> list[Grouping]:
    """Set those of whom something is known against those of whom nothing is; nobody where one of the two is empty."""
    if not groupings:
        return []
    of_nobody = np.all([grouping.codes == len(grouping.labels) - 1 for grouping in groupings], axis=0)
    if of_nobody.all() or not of_nobody.any():
        return []
    return [Grouping(KNOWN_DEMOGRAPHICS, ("known", "not known", UNKNOWN), of_nobody.astype(np.int64))]


def _everybody(drawn: GroupDraws) -> Floats:
    """(D,) average loss of everybody in each resampling, those of no known group included."""
    held = drawn.n > 0
    averages: Floats = drawn.n[held] @ drawn.draws[held] / drawn.n.sum()
    return averages


def _shares(drawn: GroupDraws, tally: Tally, average: Floats) -> GroupDraws:
    """Divide each group's loss by everybody's, the sample's and every resampling's; undefined without a loss."""
    overall = float(tally.numerator[tally.counted].mean())
    draws = np.full_like(drawn.draws, np.nan)
    np.divide(drawn.draws, average, out=draws, where=average > 0)
    values = drawn.values / overall if overall > 0 else np.full_like(drawn.values, np.nan)
    return replace(drawn, values=values, draws=draws)


def _margin(policy: Policy) -> float:
    """Give how far above 1, an equal share, a group's loss may lie."""
    return policy.settings.privacy_loss.max_ratio - 1


def _note(compared: Compared, task: Task, tally: Tally) -> str:
    if not tally.counted.any():
        return "Nobody bought anything that could have been recommended in the window that is judged."
    before = float(np.mean(compared.reference[task][tally.counted]))
    after = float(np.mean(compared.private[task][tally.counted]))
    change = f" ({(after - before) / before:+.1%})" if before > 0 else ""
    return f"NDCG@{N_TOP} of everybody: {before:.4f} with {compared.name}, {after:.4f} with this version{change}."
