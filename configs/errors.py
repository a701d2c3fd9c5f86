"""What can be wrong with settings."""

from collections.abc import Sequence
from pathlib import Path


class SettingsError(Exception):
    """Settings cannot be used as they stand."""


class SettingsFileMissing(SettingsError):
    """A settings file that was asked for is not there."""

    def __init__(self, *, path: Path, known: Sequence[str]) -> None:
        super().__init__(
            f"no settings file {path}. Known profiles: {', '.join(known)}. "
            "Name one of them with --profile or FAIRSHELF_PROFILE."
        )


class SettingsFileBroken(SettingsError):
    """A settings file is not a YAML mapping."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(f"{path} is not a YAML mapping: {problem}. Correct the file; every line reads `key: value`.")


class SettingValueBroken(SettingsError):
    """The text of a variable or an override is not YAML."""

    def __init__(self, *, origin: str, text: str, problem: str) -> None:
        super().__init__(
            f"{origin}: {text!r} is not a YAML value: {problem}. Correct or quote it; close every bracket."
        )


class SettingsInvalid(SettingsError):
    """One or more values are unknown, of the wrong type or out of range; all of them are listed."""

    def __init__(self, *, problems: Sequence[str]) -> None:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"{len(problems)} setting(s) cannot be used:\n{listed}\n"
            "Correct them where they are set; each key's meaning and range stands beside it in configs/*.yaml."
        )


class OverrideMalformed(SettingsError):
    """An override on the command line is not of the form section.key=value."""

    def __init__(self, *, override: str) -> None:
        super().__init__(
            f"override {override!r} is not of the form section.key=value. Write it like two_tower.max_epochs=3."
        )
