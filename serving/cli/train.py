"""`fairshelf train`: one tracked run."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from configs.settings import PROJECT_ROOT, Settings
from serving.cli.options import (
    AsJson,
    Overrides,
    Profile,
    TradingDay,
    TrainUntil,
    require_space,
    settings_of,
    trading_day,
    utc_day,
)
from serving.cli.output import Steps, show, show_rows

if TYPE_CHECKING:
    from training.artifact import Bundle
    from training.demand.evaluation_results import DemandEvaluation
    from training.demand.jobs import TrainedDemand
    from training.evaluation_results import Evaluation
    from training.registry_file import ModelEntry
    from training.two_tower.jobs import Trained

app = typer.Typer(help="Train a model: one run, tracked in MLflow.", no_args_is_help=True)

_COLUMNS = ("method", "task", "NDCG@10", "NDCG@20", "recall@100", "hit rate@10")
_DEMAND_METRICS = ("wql", "wape", "rmsse", "bias", "coverage_80")
_METRICS = ("ndcg@10", "ndcg@20", "recall@100", "hit_rate@10")


@app.callback()  # without one, typer drops the word of a group's only command
def _models() -> None:
    """Train a model: one run, tracked in MLflow."""


@app.command("two-tower")
def two_tower(
    train_until: TrainUntil = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a killed run of the same settings.")] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Train with differential privacy, charged to the ledger.")
    ] = False,
    target_epsilon: Annotated[
        float | None, typer.Option(help="With --private: what the whole version may cost; 0.05 to 20.")
    ] = None,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train the recommender, judge it on the weeks after its cut-off, and write its bundle."""
    settings = settings_of(profile, [*(overrides or []), *_asked("two_tower", target_epsilon, private=private)])
    trained = train_recommender(settings, train_until, resume, Steps(), private=private)
    facts = {"version": trained.bundle.manifest.version, "bundle": trained.bundle.directory, "run": trained.run_id}
    if private:
        facts |= _promised(trained.bundle)
    if not as_json:
        show_evaluation(trained.evaluation)
    show({**facts, **trained.evaluation.headline()}, as_json=as_json, title="Trained")


@app.command("demand")
def demand(
    train_until: TradingDay = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a killed run of the same settings.")] = False,
    private: Annotated[
        bool,
        typer.Option("--private", help="Learn from noisy sums with bounded say per customer, charged to the ledger."),
    ] = False,
    target_epsilon: Annotated[
        float | None, typer.Option(help="With --private: what the whole version may cost; 0.05 to 20.")
    ] = None,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train forecaster and price response, judge them on the weeks after the cut-off, and write their bundle."""
    settings = settings_of(profile, [*(overrides or []), *_asked("demand", target_epsilon, private=private)])
    trained = train_demand_models(settings, train_until, resume, Steps(), private=private)
    facts = {"version": trained.bundle.manifest.version, "bundle": trained.bundle.directory, "run": trained.run_id}
    if private:
        facts |= _promised(trained.bundle)
    if not as_json:
        show_demand(trained.evaluation)
    show({**facts, **trained.evaluation.headline()}, as_json=as_json, title="Trained")


def _asked(section: str, target_epsilon: float | None, *, private: bool) -> list[str]:
    if target_epsilon is not None and not private:
        raise typer.BadParameter("--target-epsilon needs --private: without it nothing keeps to an epsilon")
    return [] if target_epsilon is None else [f"{section}.private.target_epsilon={target_epsilon}"]


def _promised(bundle: "Bundle") -> dict[str, Any]:
    promised = bundle.manifest.privacy
    return {"privacy": promised.mechanism, "epsilon": promised.epsilon, "delta": promised.delta}


def train_demand_models(
    settings: Settings, train_until: str | None, resume: bool, steps: Steps, *, private: bool = False
) -> "TrainedDemand":
    """Train one version of the demand models, private or not."""
    from training.demand.jobs import train_demand

    require_space(settings.storage)
    entry = model_entry("demand")
    return train_demand(
        settings,
        entry=entry,
        train_until=trading_day(train_until),
        resume=resume,
        progress=steps,
        private=private,
    )


def train_recommender(
    settings: Settings, train_until: str | None, resume: bool, steps: Steps, *, private: bool = False
) -> "Trained":
    """Train one version of the recommender, private or not."""
    from training.two_tower.jobs import train

    require_space(settings.storage)
    return train(
        settings,
        entry=model_entry("two-tower"),
        train_until=utc_day(train_until),
        resume=resume,
        progress=steps,
        private=private,
    )


def model_entry(name: str) -> "ModelEntry":
    """Read what the registry file says of a model.

    Raises:
        RegistryFileInvalid: If the file cannot be used.
        ModelUnknown: If it does not list the model.
    """
    from training.registry_file import load_registry_file

    return load_registry_file(PROJECT_ROOT / "mlflow" / "registry.yaml").model(name)


def show_evaluation(evaluation: "Evaluation") -> None:
    """Show every method beside the model, each task in turn, with intervals."""
    for task in ("all", "novel"):
        rows = []
        for method in evaluation.methods:
            scores = [evaluation.score(method, task=task, metric=metric) for metric in _METRICS]
            rows.append([method, task, *(f"{s.value:.4f} [{s.low:.4f}, {s.high:.4f}]" for s in scores)])
        show_rows(_COLUMNS, rows, title=f"{evaluation.train_until:%Y-%m-%d} to {evaluation.test_end:%Y-%m-%d}")


def show_demand(evaluation: "DemandEvaluation") -> None:
    """Show every method beside the model, each track and level in turn, with intervals."""
    for track, level in dict.fromkeys((score.track, score.level) for score in evaluation.scores):
        rows = []
        for method in evaluation.methods:
            found = {
                score.metric: f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]"
                for score in evaluation.scores
                if (score.method, score.track, score.level, score.band) == (method, track, level, "all")
            }
            if found:
                rows.append([method, *(found.get(metric, "–") for metric in _DEMAND_METRICS)])
        origins = ", ".join(map(str, evaluation.origins))
        show_rows(("method", *_DEMAND_METRICS), rows, title=f"{level}, track {track}, known to the week of {origins}")
