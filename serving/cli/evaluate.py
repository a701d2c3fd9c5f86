"""`fairshelf evaluate`: backtest what would have been served."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.evaluate_policy import policy
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
from serving.cli.output import Steps, show
from serving.cli.train import show_demand, show_evaluation
from serving.errors import TrackUnknown

if TYPE_CHECKING:
    from training.demand.plan import Track

app = typer.Typer(help="Backtest what would have been served.", no_args_is_help=True)
app.command("policy")(policy)


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


@app.command("demand")
def demand(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for forecasts.parquet, elasticities.parquet and metrics.json.")
    ],
    track: Annotated[
        str, typer.Option("--track", help="What is known of the weeks ahead: none, promo, or full with prices.")
    ] = "full",
    train_until: TradingDay = None,
    test_weeks: Annotated[
        int | None,
        typer.Option("--test-weeks", min=1, max=52, help="Weeks judged. Default: demand.evaluation.test_weeks."),
    ] = None,
    products: Annotated[
        Path | None,
        typer.Option("--products", help="CSV or Parquet list: product_id, and store_id for products at stores."),
    ] = None,
    stores: Annotated[bool, typer.Option("--stores", help="Forecast the products' frequent stores too.")] = False,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Fit before a cut-off, forecast the weeks after from an origin every horizon, and judge by what then sold."""
    from training.demand.jobs import evaluate_demand

    settings = settings_of(profile, overrides)
    require_space(settings.storage)
    evaluation = evaluate_demand(
        settings,
        track=_track(track),
        train_until=trading_day(train_until),
        test_weeks=test_weeks or settings.demand.evaluation.test_weeks,
        products=products,
        stores=stores,
        out_dir=out,
        progress=Steps(),
    )
    if not as_json:
        show_demand(evaluation)
    facts = {"products judged": evaluation.n_products, "store series": evaluation.n_store_series, "written to": out}
    show({**facts, **evaluation.headline()}, as_json=as_json, title="Backtest")


def _track(name: str) -> "Track":
    from training.demand.plan import TRACKS

    for track in TRACKS:
        if track == name:
            return track
    raise TrackUnknown(name=name, known=TRACKS)
