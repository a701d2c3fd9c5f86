"""Options every verb shares, and the loading of settings for it."""

import os
import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from configs.loading import ENV_PREFIX, PROFILE_VARIABLE, load_settings
from configs.settings import Settings, StorageSettings
from serving.errors import DateMalformed, DiskSpaceShort

Profile = Annotated[
    str | None, typer.Option("--profile", help="Settings profile: dev, test, prod.", show_default="dev")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting: section.key=value. May be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
TrainUntil = Annotated[
    str | None,
    typer.Option("--train-until", help="Cut-off, YYYY-MM-DD: purchases from midnight UTC of that day on are not seen."),
]
TradingDay = Annotated[
    str | None,
    typer.Option(
        "--train-until",
        help="Cut-off, YYYY-MM-DD of the trading calendar: weeks that end by its midnight are known.",
    ),
]

_GIGABYTE = 1e9


def settings_of(profile: str | None, overrides: Sequence[str] | None) -> Settings:
    """Load the settings of one command.

    Raises:
        SettingsError: If they cannot be used.
    """
    return load_settings(profile, overrides or ())


def hand_down(profile: str | None, overrides: Sequence[str] | None) -> None:
    """Put profile and overrides into the environment, where child processes load them from."""
    if profile:
        os.environ[PROFILE_VARIABLE] = profile
    for override in overrides or ():
        path, _, value = override.partition("=")
        os.environ[ENV_PREFIX + path.upper().replace(".", "__")] = value


def utc_day(text: str | None) -> datetime | None:
    """Read YYYY-MM-DD as midnight UTC; None stays None.

    Raises:
        DateMalformed: If it is no date.

    >>> utc_day("2017-12-04")
    datetime.datetime(2017, 12, 4, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise DateMalformed(text=text) from None


def trading_day(text: str | None) -> date | None:
    """Read YYYY-MM-DD as a day of the trading calendar; None stays None.

    Raises:
        DateMalformed: If it is no date.
    """
    moment = utc_day(text)
    return None if moment is None else moment.date()


def require_space(storage: StorageSettings) -> None:
    """Refuse a long job that the disk has no room for.

    Raises:
        DiskSpaceShort: If less is free than `storage.min_free_gb`.
    """
    folder: Path = storage.root
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / _GIGABYTE
    if free_gb < storage.min_free_gb:
        raise DiskSpaceShort(folder=folder, free_gb=free_gb, limit_gb=storage.min_free_gb)
