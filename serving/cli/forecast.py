"""`fairshelf forecast`: what everything will sell, as a Parquet file."""

from pathlib import Path
from typing import Annotated

import typer

from serving.cli.options import AsJson, Overrides, Profile, require_space, settings_of
from serving.cli.output import Steps, show


def forecast(
    out: Annotated[Path, typer.Option("--out", help="Parquet file to write.")],
    weeks: Annotated[
        int | None, typer.Option("--weeks", min=1, max=26, help="Weeks ahead. Default: demand.horizon_weeks.")
    ] = None,
    stores: Annotated[bool, typer.Option("--stores", help="Every product at every store too.")] = False,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Forecast every product for the weeks after the data, with the champion; prices stay, nothing is promoted."""
    from serving.cleared import cleared_champion
    from training.demand.batch import forecast_everything
    from training.demand.forecaster import MODEL_NAME
    from training.demand.sources import prepare_demand
    from training.retraining import open_dates

    settings = settings_of(profile, overrides)
    require_space(settings.storage)
    steps = Steps()
    dates = open_dates(settings.storage, settings.privacy.erasure.retrain_within_days)
    bundle, _ = cleared_champion(settings.storage, settings.fairness, MODEL_NAME, retrain_by=dates.of)
    sources = prepare_demand(settings.storage, steps)
    steps(f"forecasting with {MODEL_NAME} version {bundle.manifest.version}")
    n_weeks = weeks or settings.demand.horizon_weeks
    n_products, n_pairs = forecast_everything(bundle, sources, settings.demand, n_weeks=n_weeks, stores=stores, out=out)
    facts = {"products": n_products, "pairs of product and store": n_pairs, "weeks": n_weeks, "file": out}
    show({**facts, "version": bundle.manifest.version}, as_json=as_json, title="Forecast")
