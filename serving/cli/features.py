"""`fairshelf features`: Feast objects, feature tables, online store."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from configs.settings import Settings
from serving.cli.options import AsJson, Overrides, Profile, require_space, settings_of, utc_day
from serving.cli.output import Steps, show

if TYPE_CHECKING:
    from features.store import Store

app = typer.Typer(help="Feast objects, feature tables and the online store.", no_args_is_help=True)

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="Snapshot day, YYYY-MM-DD: history ends at its midnight UTC. Default: end of the data."
    ),
]


@app.command("apply")
def apply(profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Write the Feast definitions to the registry."""
    from features.store import Store

    settings = settings_of(profile, overrides)
    Store(settings.storage.feast).apply()
    show({"registry": settings.storage.feast / "registry.db"}, as_json=as_json, title="Feast definitions applied")


@app.command("build")
def build(as_of: AsOf = None, profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Compute the feature tables of one snapshot, if they are not there yet."""
    settings = settings_of(profile, overrides)
    moment, _ = build_snapshot(settings, utc_day(as_of), Steps())
    show({"snapshot": moment, "tables": settings.storage.feast / "tables"}, as_json=as_json, title="Features built")


@app.command("materialize")
def materialize(
    as_of: AsOf = None, profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Put one snapshot into the online store, then fold in the events recorded since."""
    settings = settings_of(profile, overrides)
    moment, n_folded = materialize_snapshot(settings, utc_day(as_of), Steps())
    show({"snapshot": moment, "customers with later events": n_folded}, as_json=as_json, title="Online store filled")


def build_snapshot(settings: Settings, as_of: datetime | None, steps: Steps) -> tuple[datetime, "Store"]:
    """Build the snapshot of a day; None takes the first midnight after the newest purchase."""
    from features.lake import Lake
    from features.preparation import end_of_data, ensure_features, ensure_price_tables, read_consents

    require_space(settings.storage)
    lake = Lake.open(settings.storage.lake)
    moment = as_of or end_of_data(lake)
    steps(f"features: snapshot {moment:%Y-%m-%d}")
    ensure_price_tables(settings.storage, lake)
    consents = read_consents(settings.storage, datetime.now(UTC))
    return moment, ensure_features(settings.storage, lake, consents, settings.features, [moment])


def materialize_snapshot(settings: Settings, as_of: datetime | None, steps: Steps) -> tuple[datetime, int]:
    """Build the snapshot of a day and fill the online store from it; gives the day and how many rows events changed."""
    from features.clock import Clock
    from features.events import EventRecorder
    from features.journal import Journal
    from privacy.consent import ConsentLedger
    from privacy.state import open_state

    moment, store = build_snapshot(settings, as_of, steps)
    steps("online store: filling")
    store.materialize(moment)
    engine = open_state(settings.storage.state_db)
    clock = Clock(settings.features.clock, settings.storage.feast)
    recorder = EventRecorder(Journal(engine), store, ConsentLedger(engine), settings.features, clock)
    return moment, recorder.recover()
