"""How each model of the registry is refreshed: its training, and its comparison with the champion."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from configs.settings import Settings
from training.artifact import Bundle
from training.demand import comparing as demand_comparing
from training.demand.evaluation import WQL
from training.demand.evaluation_results import DemandEvaluation
from training.demand.forecaster import MODEL_NAME as DEMAND
from training.demand.forecaster import SECTIONS as DEMAND_SECTIONS
from training.demand.jobs import train_demand
from training.errors import ModelUnknown, NothingToResume
from training.evaluation_results import TASKS, Evaluation
from training.promotion_checks import METRIC
from training.refreshing import Comparison, Job, Margin, Progress
from training.registry_file import ModelEntry
from training.two_tower import comparing
from training.two_tower.jobs import train
from training.two_tower.recommender import MODEL_NAME as TWO_TOWER
from training.two_tower.recommender import SECTIONS as TWO_TOWER_SECTIONS


def job_of(name: str) -> Job:
    """Look up how a model is refreshed.

    Raises:
        ModelUnknown: If nobody wrote it down.
    """
    if name not in _JOBS:
        raise ModelUnknown(name=name, known=sorted(_JOBS))
    return _JOBS[name]


def train_recommender(settings: Settings, entry: ModelEntry, private: bool, progress: Progress) -> Bundle:
    """Train a recommender on everything but the weeks that judge it; see `training.two_tower.jobs.train`."""

    def run(resume: bool) -> Bundle:
        how: dict[str, Any] = {"resume": resume, "private": private, "progress": progress}
        return train(settings, entry=entry, train_until=None, **how).bundle

    return _gone_on(run)


def train_forecaster(settings: Settings, entry: ModelEntry, private: bool, progress: Progress) -> Bundle:
    """Train demand models on everything but the weeks that judge them; see `training.demand.jobs.train_demand`."""

    def run(resume: bool) -> Bundle:
        how: dict[str, Any] = {"resume": resume, "private": private, "progress": progress}
        return train_demand(settings, entry=entry, train_until=None, **how).bundle

    return _gone_on(run)


def recommender_margins(evaluation: Evaluation) -> tuple[Margin, ...]:
    """Read NDCG@20 of both tasks, over the customers whose lists the two versions make from their data."""
    margins = []
    for task in TASKS:
        place: dict[str, Any] = {"task": task, "metric": METRIC, "subset": "consenting"}
        difference = evaluation.difference(comparing.CHAMPION, **place)
        margins.append(
            Margin(
                measure=f"{METRIC} {task}",
                challenger=evaluation.score(comparing.CHALLENGER, **place).value,
                champion=evaluation.score(comparing.CHAMPION, **place).value,
                gain=difference.relative,
                low=difference.relative_low,
                high=difference.relative_high,
            )
        )
    return tuple(margins)


def demand_margins(evaluation: DemandEvaluation) -> tuple[Margin, ...]:
    """Read the weighted quantile loss of every track; a smaller loss is a gain."""
    margins = []
    for track in evaluation.tracks:
        difference = evaluation.difference(demand_comparing.CHAMPION, track=track, metric=WQL)
        margins.append(
            Margin(
                measure=f"{WQL} {track}",
                challenger=evaluation.score(demand_comparing.CHALLENGER, track=track, metric=WQL).value,
                champion=evaluation.score(demand_comparing.CHAMPION, track=track, metric=WQL).value,
                gain=-difference.relative,
                low=-difference.relative_high,
                high=-difference.relative_low,
            )
        )
    return tuple(margins)


def _compare_recommenders(challenger: Bundle, champion: Bundle, settings: Settings, progress: Progress) -> Comparison:
    evaluation = comparing.compare_recommenders(challenger, champion, settings, progress)
    return Comparison(recommender_margins(evaluation), evaluation)


def _compare_demand(challenger: Bundle, champion: Bundle, settings: Settings, progress: Progress) -> Comparison | None:
    evaluation = demand_comparing.compare_demand(challenger, champion, settings, progress)
    return None if evaluation is None else Comparison(demand_margins(evaluation), evaluation)


def _gone_on(run: Callable[[bool], Bundle]) -> Bundle:
    """Go on with a killed run of the same settings and data, or begin."""
    try:
        return run(True)
    except NothingToResume:
        return run(False)


_JOBS: Final[Mapping[str, Job]] = {
    TWO_TOWER: Job(TWO_TOWER, TWO_TOWER_SECTIONS, True, train_recommender, _compare_recommenders),
    DEMAND: Job(DEMAND, DEMAND_SECTIONS, False, train_forecaster, _compare_demand),
}
