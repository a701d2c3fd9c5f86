"""`fairshelf recommend`: recommendations for everybody who agreed, as a Parquet file."""

from pathlib import Path
from typing import Annotated

import typer

from serving.cli.features import build_snapshot
from serving.cli.options import AsJson, Overrides, Profile, settings_of, utc_day
from serving.cli.output import Steps, show


def recommend(
    out: Annotated[Path, typer.Option("--out", help="Parquet file to write.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Products per customer.")] = 10,
    novel: Annotated[bool, typer.Option("--novel", help="Only products the customer never bought.")] = False,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Snapshot day. Default: end of the data.")] = None,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Rank for everybody who granted personalisation, with the champion."""
    from serving.cleared import cleared_champion
    from training.retraining import open_dates
    from training.two_tower.batch import rank_everybody
    from training.two_tower.recommender import MODEL_NAME

    settings = settings_of(profile, overrides)
    steps = Steps()
    dates = open_dates(settings.storage, settings.privacy.erasure.retrain_within_days)
    bundle, _ = cleared_champion(settings.storage, settings.fairness, MODEL_NAME, retrain_by=dates.of)
    moment, store = build_snapshot(settings, utc_day(as_of), steps)
    steps(f"ranking with {MODEL_NAME} version {bundle.manifest.version}")
    n_customers = rank_everybody(
        bundle, store, settings.storage, moment, task="novel" if novel else "all", k=limit, out=out
    )
    show({"customers": n_customers, "file": out, "version": bundle.manifest.version}, as_json=as_json)
