"""Pictures of a run: how the loss fell, and how the lists compare."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from training.evaluation_results import TASKS, Evaluation

_METRIC = "ndcg@20"


def loss_curve(histories: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """Draw one line per metric over epochs.

    Args:
        histories: (epoch, value) pairs by metric name.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, points in sorted(histories.items()):
        axes.plot([epoch for epoch, _ in points], [value for _, value in points], marker="o", label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel("value")
    axes.grid(visible=True, alpha=0.3)
    if histories:
        axes.legend()
    return figure


def ndcg_bars(evaluation: Evaluation) -> Figure:
    """Draw NDCG@20 of every method with its interval, one panel per task."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    panels = figure.subplots(1, len(TASKS))
    for axes, task in zip(panels, TASKS, strict=True):
        scores = [evaluation.score(method, task=task, metric=_METRIC) for method in evaluation.methods]
        values = [score.value for score in scores]
        below = [max(score.value - score.low, 0) for score in scores]
        above = [max(score.high - score.value, 0) for score in scores]
        axes.barh([score.method for score in scores], values, xerr=[below, above], capsize=4)
        axes.invert_yaxis()
        axes.set_title(f"{task}: NDCG@20, {scores[0].n_customers} customers")
        axes.set_xlim(left=0)
    figure.suptitle(
        f"{evaluation.train_until:%Y-%m-%d} to {evaluation.test_end:%Y-%m-%d}, "
        f"{evaluation.confidence:.0%} intervals over customers"
    )
    return figure
