"""`fairshelf privacy rotate-key` and `retain`: new names for everybody, and nothing kept too long."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from serving.cli.options import AsJson, Overrides, Profile, require_space, settings_of
from serving.cli.output import Steps, show, show_rows


def rotate_key(
    purpose: Annotated[
        str, typer.Option("--purpose", help="operations (every store of the shop), analytics or export.")
    ] = "operations",
    close: Annotated[
        bool, typer.Option("--close", help="Let the names of the last rotation stop to resolve now.")
    ] = False,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Give everybody pseudonyms of the next key; the earlier ones resolve for a while. Run again after a kill."""
    from privacy.purpose_names import OPERATIONS
    from privacy.rotation import rotate_purpose
    from serving.keeping import close_names, rotate_names

    settings, now = settings_of(profile, overrides), datetime.now(UTC)
    if close:
        n_forgotten = close_names(settings, now=now, force=True)
        show(
            {"window": "none was open" if n_forgotten is None else "closed", "forgotten": n_forgotten}, as_json=as_json
        )
        return
    if purpose != OPERATIONS:
        version = rotate_purpose(settings.storage.keys, settings.privacy, purpose)
        show({"purpose": purpose, "key version": version}, as_json=as_json)
        return
    require_space(settings.storage)
    done = rotate_names(settings, now=now, progress=Steps())
    facts = {"purpose": purpose, "key version": done.version, "earlier names resolve until": done.window_ends}
    show({**facts, **done.changed}, as_json=as_json, title="Pseudonyms")


def retain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go, and remove nothing.")] = False,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Remove what is older than privacy.retention allows, from every store."""
    from serving.keeping import retain_all

    settings = settings_of(profile, overrides)
    require_space(settings.storage)
    done = retain_all(settings, now=datetime.now(UTC), dry_run=dry_run, progress=Steps())
    if as_json:
        show({"dry_run": dry_run, "stores": [asdict(one) for one in done]}, as_json=True)
        return
    rows = [(one.store, one.ttl_days, f"{one.before:%Y-%m-%d}", one.n_removed) for one in done]
    removed = "would go" if dry_run else "removed"
    show_rows(("store", "days kept", "nothing before", removed), rows, title="Retention")
