"""`fairshelf evaluate`: backtest what would have been served."""

from pathlib import Path
from typing import Annotated

import typer

from serving.cli.options import AsJson, Overrides, Profile, TrainUntil, require_space, settings_of, utc_day
from serving.cli.output import Steps, show
from serving.cli.train import show_evaluation

app = typer.Typer(help="Backtest what would have been served.", no_args_is_help=True)


@app.callback()  # without one, typer drops the word of a group's only command
def _models() -> None:
    """Backtest what would have been served."""


@app.command("recommender")
def recommender(
    out: Annotated[Path, typer.Option("--out", help="Folder for recommendations.parquet and metrics.json.")],
    train_until: TrainUntil = None,
    test_weeks: Annotated[
        int | None, typer.Option("--test-weeks", min=1, max=52, help="Weeks judged. Default: evaluation.test_weeks.")
    ] = None,
    source_ids: Annotated[
        bool, typer.Option("--source-ids", help="Write the source's own customer ids; goes to the audit log.")
    ] = False,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train before a cut-off, rank for everyone, and judge by what was bought in the weeks after."""
    from training.two_tower.jobs import evaluate_recommender

    settings = settings_of(profile, overrides)
    require_space(settings.storage)
    evaluation = evaluate_recommender(
        settings,
        train_until=utc_day(train_until),
        test_weeks=test_weeks or settings.evaluation.test_weeks,
        out_dir=out,
        source_ids=source_ids,
        progress=Steps(),
    )
    if not as_json:
        show_evaluation(evaluation)
    facts = {
        "customers judged": evaluation.n_judged,
        "without consent": evaluation.n_without_consent,
        "written to": out,
    }
    show({**facts, **evaluation.headline()}, as_json=as_json, title="Backtest")
