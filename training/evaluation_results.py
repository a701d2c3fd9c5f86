"""What an evaluation found, as values that can be stored, printed and gated on."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from training.baselines import Task
from training.errors import ScoreUnknown

Subset = Literal["everyone", "consenting", "warm", "cold"]
SUBSETS: tuple[Subset, ...] = ("everyone", "consenting", "warm", "cold")
TASKS: tuple[Task, ...] = ("all", "novel")


class Result(BaseModel):
    """A frozen record; NaN and infinity are written as null-safe strings, never as invalid JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Score(Result):
    """One metric of one method, averaged over the customers of a subset, with its interval."""

    method: str
    task: Task
    subset: Subset
    metric: str
    value: float
    low: float
    high: float
    n_customers: int


class Difference(Result):
    """The model's mean minus a baseline's, over the same customers; `relative` is over the baseline's mean."""

    method: str
    baseline: str
    task: Task
    subset: Subset
    metric: str
    value: float
    low: float
    high: float
    relative: float
    relative_low: float
    relative_high: float
    n_customers: int


class Spread(Result):
    """How widely a method's first places spread over the catalogue, and how popular they are."""

    method: str
    task: Task
    k: int
    catalogue_coverage: float
    popularity_percentile: float


class Evaluation(Result):
    """All figures of one backtest.

    Attributes:
        model: The method under judgement: the first one ranked.
        n_customers: Customers with a history before the cut-off, all of whom get lists.
        n_judged: Those of them who bought a catalogue product in the window.
        n_without_consent: Those of the judged who got the list that knows nothing about them.
        provenance: Where the data came from, to be shown wherever the figures are.
    """

    model: str
    train_until: datetime
    test_end: datetime
    data_snapshot_digest: str
    provenance: str
    n_products: int
    n_customers: int
    n_judged: int
    n_without_consent: int
    confidence: float
    n_bootstrap: int
    seed: int
    warm_min_baskets: int
    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    spreads: tuple[Spread, ...]

    @property
    def methods(self) -> list[str]:
        """Every method once, in the order ranked."""
        return list(dict.fromkeys(score.method for score in self.scores))

    def score(self, method: str, *, task: Task, metric: str, subset: Subset = "everyone") -> Score:
        """Look up one score.

        Raises:
            ScoreUnknown: If it was not measured.
        """
        wanted = (method, task, subset, metric)
        for score in self.scores:
            if (score.method, score.task, score.subset, score.metric) == wanted:
                return score
        raise ScoreUnknown(method=method, task=task, metric=metric, subset=subset, known=self.methods)

    def difference(self, baseline: str, *, task: Task, metric: str, subset: Subset = "everyone") -> Difference:
        """Look up the model's difference to one baseline.

        Raises:
            ScoreUnknown: If it was not measured.
        """
        wanted = (baseline, task, subset, metric)
        for difference in self.differences:
            if (difference.baseline, difference.task, difference.subset, difference.metric) == wanted:
                return difference
        raise ScoreUnknown(method=baseline, task=task, metric=metric, subset=subset, known=self.methods)

    def best_baseline(self, *, task: Task, metric: str) -> Score:
        """Give the highest score of any method but the model, over everyone.

        Raises:
            ScoreUnknown: If there was no other method.
        """
        others = [method for method in self.methods if method != self.model]
        scores = [self.score(method, task=task, metric=metric) for method in others]
        if not scores:
            raise ScoreUnknown(method="any baseline", task=task, metric=metric, subset="everyone", known=self.methods)
        return max(scores, key=lambda score: score.value)

    def headline(self) -> dict[str, float]:
        """Flatten the model's scores over everyone to `task.metric: value`, for manifests and trackers."""
        return {
            f"{score.task}.{score.metric}": score.value
            for score in self.scores
            if score.method == self.model and score.subset == "everyone"
        }
