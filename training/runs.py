"""One tracked run: parameters, metrics, texts and pictures."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from matplotlib.figure import Figure

from configs.settings import Settings
from training.evaluation_results import Evaluation
from training.figures import loss_curve, ndcg_bars

_MAX_PARAM_LENGTH: Final = 6000  # MLflow's own limit


class Run:
    """One tracked run that is open for writing.

    Args:
        client: MLflow client of the tracking server.
        run_id: The run's id there.
    """

    def __init__(self, client: Any, run_id: str) -> None:
        self._client = client
        self.run_id = run_id

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log parameters that are not there yet; a resumed run keeps the values it began with."""
        known = self._client.get_run(self.run_id).data.params
        for key, value in params.items():
            if key not in known:
                self._client.log_param(self.run_id, key, str(value)[:_MAX_PARAM_LENGTH])

    def log_metrics(self, values: Mapping[str, float], *, step: int = 0) -> None:
        """Log metrics at a step; `@` becomes `_at_`, which MLflow can store."""
        for key, value in values.items():
            self._client.log_metric(self.run_id, _metric_name(key), float(value), step=step)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; equal names are replaced."""
        for key, value in tags.items():
            self._client.set_tag(self.run_id, key, value)

    def log_text(self, text: str, file: str) -> None:
        """Log a text as an artefact, for instance `model_card.md`."""
        self._client.log_text(self.run_id, text, file)

    def log_figure(self, figure: Figure, file: str) -> None:
        """Log a picture as an artefact, for instance `figures/loss.png`."""
        self._client.log_figure(self.run_id, figure, file)

    def log_evaluation(self, evaluation: Evaluation) -> None:
        """Log every score over everyone as a metric, all figures as JSON, and the picture of NDCG@20."""
        overall = [score for score in evaluation.scores if score.subset == "everyone"]
        self.log_metrics({f"{score.method}.{score.task}.{score.metric}": score.value for score in overall})
        self.log_text(evaluation.model_dump_json(indent=2), "evaluation.json")
        self.log_figure(ndcg_bars(evaluation), "figures/ndcg.png")

    def log_loss_curve(self, metrics: tuple[str, ...]) -> None:
        """Draw the logged history of metrics and log the picture; metrics without history are left out."""
        histories = {metric: self.metric_history(metric) for metric in metrics}
        self.log_figure(loss_curve({key: points for key, points in histories.items() if points}), "figures/loss.png")

    def metric_history(self, metric: str) -> list[tuple[int, float]]:
        """Read (step, value) pairs of a metric, by step."""
        points = self._client.get_metric_history(self.run_id, _metric_name(metric))
        return sorted((point.step, point.value) for point in points)


def flat_sections(settings: Settings, sections: Iterable[str]) -> dict[str, Any]:
    """Flatten some sections of the settings to `section.key: value`, as parameters of a run."""
    chosen = settings.model_dump(mode="json", include=set(sections))
    return {f"{section}.{key}": value for section, values in chosen.items() for key, value in values.items()}


def _metric_name(name: str) -> str:
    return name.replace("@", "_at_")
