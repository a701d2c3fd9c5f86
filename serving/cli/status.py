"""`fairshelf doctor`: what is installed, configured, loaded and stale."""

import platform
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import typer

from configs.settings import Settings
from serving.cli.options import AsJson, Overrides, Profile, require_space, settings_of
from serving.cli.output import show
from serving.keys import HASHES

PACKAGES = ("torch", "lightning", "mlflow", "feast", "bentoml", "pandas")
_MISSING = "missing"
_NEEDED = ("lake", "online store", "champion two-tower", "champion demand", "state database")


def doctor(profile: Profile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Say what is installed, configured, loaded and stale; exit code 2 when something serving needs is missing."""
    settings = settings_of(profile, overrides)
    facts = {
        "profile": settings.profile,
        "storage": settings.storage.root,
        "python": platform.python_version(),
        **{f"package {name}": _package(name) for name in PACKAGES},
        "disk": _checked(lambda: _disk(settings)),
        "lake": _checked(lambda: _lake(settings)),
        "online store": _checked(lambda: _online(settings)),
        "champion two-tower": _checked(lambda: _champion(settings, "two-tower")),
        "champion demand": _checked(lambda: _champion(settings, "demand")),
        "state database": _checked(lambda: _state(settings)),
        "API keys": "issued"
        if (settings.storage.keys / HASHES).exists()
        else f"{_MISSING}: `fairshelf serve` makes them",
    }
    show(facts, as_json=as_json, title="Fairshelf")
    if any(str(facts[name]).startswith(_MISSING) for name in _NEEDED):
        raise typer.Exit(2)


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _checked(look: Callable[[], str]) -> str:
    """Say what a look found, or why it could not."""
    try:
        return look()
    except Exception as failure:
        return f"{_MISSING}: {failure}"


def _disk(settings: Settings) -> str:
    require_space(settings.storage)
    return "enough free space"


def _lake(settings: Settings) -> str:
    from features.lake import Lake

    manifest = Lake.open(settings.storage.lake).manifest
    age = datetime.now(UTC) - manifest.data_end
    stale = f"; stale: newest purchase {age.days} days old" if age.days > settings.ingest.stale_after_days else ""
    return f"{manifest.source}, {manifest.data_start:%Y-%m-%d} to {manifest.data_end:%Y-%m-%d}{stale}"


def _online(settings: Settings) -> str:
    from features.build_record import read_record

    record = read_record(settings.storage.feast)
    if record.as_of is None:
        return f"{_MISSING}: fill it with `fairshelf features materialize`"
    return f"snapshot of {record.as_of:%Y-%m-%d}, filled at {record.materialised_at:%Y-%m-%d %H:%M} UTC"


def _state(settings: Settings) -> str:
    from features.preparation import read_consents

    consents = read_consents(settings.storage, datetime.now(UTC))
    return f"{len(consents.personal):,} customers allow personalisation, {len(consents.trainable):,} model training"


def _champion(settings: Settings, model: str) -> str:
    from training.artifact import load_champion

    manifest = load_champion(settings.storage.bundles, model).manifest
    return f"version {manifest.version}, purchases before {manifest.train_until:%Y-%m-%d}"
