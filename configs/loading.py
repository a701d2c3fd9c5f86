"""Read the YAML sections, a profile, the environment and overrides into one frozen `Settings`."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from configs.errors import OverrideMalformed, SettingsFileBroken, SettingsFileMissing, SettingsInvalid
from configs.settings import Settings

ENV_PREFIX = "FAIRSHELF_"
PROFILE_VARIABLE = "FAIRSHELF_PROFILE"

_HERE = Path(__file__).parent

Sections = dict[str, dict[str, Any]]
Origins = dict[tuple[str, str], str]


def load_settings(profile: str | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Load settings, strongest source first: overrides, environment, profile, section files.

    Args:
        profile: Name of a file in `configs/profiles/`; None reads FAIRSHELF_PROFILE and then takes `dev`.
        overrides: `section.key=value` strings, the value in YAML.

    Returns:
        The frozen settings.

    Raises:
        SettingsFileMissing: If the profile does not exist.
        SettingsFileBroken: If a file is not a YAML mapping.
        OverrideMalformed: If an override is not `section.key=value`.
        SettingsInvalid: If a key is unknown or a value does not fit; every problem is listed with its source.
    """
    name = profile or os.environ.get(PROFILE_VARIABLE, "dev")
    sections: Sections = {}
    origins: Origins = {}
    for section_file in sorted(_HERE.glob("*.yaml")):
        _merge(sections, origins, {section_file.stem: read_mapping(section_file)}, str(section_file))
    profile_file = _HERE / "profiles" / f"{name}.yaml"
    if not profile_file.exists():
        raise SettingsFileMissing(path=profile_file, known=sorted(p.stem for p in profile_file.parent.glob("*.yaml")))
    _merge(sections, origins, read_mapping(profile_file), str(profile_file))
    for section, key, value, origin in (*_from_environment(os.environ), *_from_overrides(overrides)):
        _merge(sections, origins, {section: {key: value}}, origin)
    try:
        return Settings.model_validate({"profile": name, **sections})
    except ValidationError as failure:
        raise SettingsInvalid(problems=[_explain(error, origins) for error in failure.errors()]) from None


def read_mapping(path: Path) -> dict[str, Any]:
    """Read one YAML file that must hold a mapping; an empty file is an empty mapping.

    Raises:
        SettingsFileBroken: If the file is not YAML or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as failure:
        raise SettingsFileBroken(path=path, problem=" ".join(str(failure).split())) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsFileBroken(path=path, problem=f"it holds a {type(content).__name__}")
    return content


def _merge(sections: Sections, origins: Origins, added: Mapping[str, Any], origin: str) -> None:
    for section, values in added.items():
        if not isinstance(values, dict):
            raise SettingsFileBroken(path=Path(origin), problem=f"section {section!r} holds {values!r} instead of keys")
        for key, value in values.items():
            kept = sections.setdefault(section, {})
            before = kept.get(key)
            kept[key] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
            origins[section, key] = origin


def _from_environment(environment: Mapping[str, str]) -> Iterable[tuple[str, str, Any, str]]:
    for name, text in sorted(environment.items()):
        if name.startswith(ENV_PREFIX) and "__" in name:
            section, _, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
            yield section, *_nested(key.split("__"), yaml.safe_load(text)), name


def _from_overrides(overrides: Sequence[str]) -> Iterable[tuple[str, str, Any, str]]:
    for override in overrides:
        path, separator, text = override.partition("=")
        section, dot, key = path.partition(".")
        if not (separator and dot and section and key):
            raise OverrideMalformed(override=override)
        yield section, *_nested(key.split("."), yaml.safe_load(text)), f"--set {override}"


def _nested(keys: Sequence[str], value: Any) -> tuple[str, Any]:
    for key in reversed(keys[1:]):
        value = {key: value}
    return keys[0], value


def _explain(error: ErrorDetails, origins: Origins) -> str:
    location = [str(part) for part in error["loc"]]
    origin = origins.get((location[0], location[1])) if len(location) > 1 else None
    if origin is None:  # a whole section that no schema knows: name where its first key was set
        origin = next((source for (section, _), source in origins.items() if section == location[0]), "configs/")
    if error["type"] == "extra_forbidden":
        return f"{origin}: unknown key {'.'.join(location)}"
    value = "" if error["type"] == "missing" else f" = {error['input']!r}"
    return f"{origin}: {'.'.join(location)}{value}: {error['msg']}"
