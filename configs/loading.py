"""Read the YAML sections, a profile, the environment and overrides into one frozen `Settings`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from configs.errors import (
    OverrideMalformed,
    SettingsFileBroken,
    SettingsFileMissing,
    SettingsInvalid,
    SettingValueBroken,
)
from configs.fields import KEY_PREFIX
from configs.settings import Settings

ENV_PREFIX: Final = "FAIRSHELF_"
PROFILE_VARIABLE: Final = "FAIRSHELF_PROFILE"

_HERE = Path(__file__).parent

Values = dict[str, Any]
Origins = dict[tuple[str, ...], str]


def load_settings(profile: str | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Load settings, strongest source first: overrides, environment, profile, section files.

    Args:
        profile: Name of a file in `configs/profiles/`; None reads FAIRSHELF_PROFILE and then takes `dev`.
        overrides: `section.key=value` strings, the value in YAML; of two for one key the later counts.

    Returns:
        The frozen settings.

    Raises:
        SettingsFileMissing: If the profile does not exist.
        SettingsFileBroken: If a file is not a YAML mapping of sections to keys.
        OverrideMalformed: If an override is not `section.key=value`.
        SettingValueBroken: If the value of a variable or an override is not YAML.
        SettingsInvalid: If a key is unknown or a value does not fit; every problem is listed with its source.
    """
    name = profile or os.environ.get(PROFILE_VARIABLE) or "dev"
    values: Values = {}
    origins: Origins = {}
    for added, origin in _sources(name, overrides):
        _merge(values, added, origins, origin)
    try:
        return Settings.model_validate({"profile": name, **values})
    except ValidationError as failure:
        raise SettingsInvalid(problems=[_explain(error, origins) for error in failure.errors()]) from None


def read_mapping(path: Path) -> Values:
    """Read one YAML file that must hold a mapping; an empty file is an empty mapping.

    Raises:
        SettingsFileBroken: If the file is not YAML in UTF-8, not a mapping, or names a key twice.
    """
    try:
        content = deepcopy(_parsed(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as failure:
        raise SettingsFileBroken(path=path, problem=_what(failure)) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsFileBroken(path=path, problem=f"it holds a {type(content).__name__}")
    return content


class _StrictLoader(yaml.SafeLoader):
    """YAML as safe_load reads it, but a key given twice is an error instead of the last one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


@lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    """Parse YAML, once for each text: files are read again each time, but they seldom change."""
    return yaml.load(text, _StrictLoader)  # noqa: S506 - a SafeLoader


def _sources(profile: str, overrides: Sequence[str]) -> Iterator[tuple[Values, str]]:
    """Give every source's values with its name, weakest first."""
    for section_file in sorted(_HERE.glob("*.yaml")):
        yield {section_file.stem: read_mapping(section_file)}, str(section_file)
    yield _from_profile(profile)
    yield from _from_environment(os.environ)
    yield from _from_overrides(overrides)


def _from_profile(name: str) -> tuple[Values, str]:
    files = {path.stem: path for path in sorted((_HERE / "profiles").glob("*.yaml"))}
    if name not in files:
        raise SettingsFileMissing(path=_HERE / "profiles" / f"{name}.yaml", known=list(files))
    values = read_mapping(files[name])
    for section, keys in values.items():
        if not isinstance(keys, dict):
            raise SettingsFileBroken(path=files[name], problem=f"section {section!r} holds {keys!r} instead of keys")
    return values, str(files[name])


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[Values, str]]:
    for name, text in sorted(environment.items()):
        if name.startswith(ENV_PREFIX) and name != PROFILE_VARIABLE and not name.startswith(KEY_PREFIX):
            keys = name.removeprefix(ENV_PREFIX).lower().split("__")
            yield _nested(keys, _value(text, name)), name


def _from_overrides(overrides: Sequence[str]) -> Iterator[tuple[Values, str]]:
    for override in overrides:
        path, separator, text = override.partition("=")
        keys = path.split(".")
        if not separator or len(keys) < 2 or not all(keys):
            raise OverrideMalformed(override=override)
        yield _nested(keys, _value(text, f"--set {path}")), f"--set {override}"


def _value(text: str, origin: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as failure:
        raise SettingValueBroken(origin=origin, text=text, problem=_what(failure)) from None


def _nested(keys: Sequence[str], value: Any) -> Values:
    """Hang a value under its keys.

    >>> _nested(["serving", "recommend", "max_limit"], 50)
    {'serving': {'recommend': {'max_limit': 50}}}
    """
    for key in reversed(keys):
        value = {key: value}
    return cast("Values", value)


def _merge(values: Values, added: Mapping[str, Any], origins: Origins, origin: str, at: tuple[str, ...] = ()) -> None:
    """Lay one source over the others: mappings join key by key, anything else replaces what was there."""
    for key, value in added.items():
        here = (*at, str(key))
        kept = values.get(key)
        if isinstance(kept, dict) and isinstance(value, dict):
            _merge(kept, value, origins, origin, here)
        else:
            values[key] = value
            for replaced in [place for place in origins if place[: len(here)] == here]:
                del origins[replaced]
            origins[here] = origin


def _explain(error: ErrorDetails, origins: Origins) -> str:
    """Say where a problem was set, which key it is, what stands there, and what is wrong with it."""
    location = tuple(str(part) for part in error["loc"])
    origin, name = _origin(location, origins), ".".join(location)
    if error["type"] == "extra_forbidden":
        return f"{origin}: unknown {'key' if len(location) > 1 else 'section'} {name}; {_hint(location)}"
    if error["type"] == "missing":
        return f"{origin}: {name} is not set"
    value = "" if isinstance(error["input"], dict) else f" = {error['input']!r}"
    wanted = "keys of its own belong here" if error["type"] == "model_type" else error["msg"]
    return f"{origin}: {name}{value}: {wanted.removeprefix('Value error, ')}"


def _origin(location: tuple[str, ...], origins: Origins) -> str:
    """Name the sources set at or below a place, or else the nearest one above it."""
    below = [origin for place, origin in origins.items() if place[: len(location)] == location]
    if below:
        return " and ".join(dict.fromkeys(below))
    above = [location[:depth] for depth in range(len(location), 0, -1) if location[:depth] in origins]
    return origins[above[0]] if above else "configs/"


def _hint(location: tuple[str, ...]) -> str:
    """Suggest a name that exists where an unknown one was used."""
    model: type[BaseModel] = Settings
    for part in location[:-1]:
        model = cast("type[BaseModel]", model.model_fields[part].annotation)
    close = get_close_matches(location[-1], model.model_fields, n=1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(model.model_fields)}"


def _what(failure: yaml.YAMLError | UnicodeDecodeError) -> str:
    """Put a parser's complaint into one line, with the place where it stopped."""
    if isinstance(failure, yaml.MarkedYAMLError) and failure.problem_mark is not None:
        mark = failure.problem_mark
        return f"{failure.problem} at line {mark.line + 1}, column {mark.column + 1}"
    return " ".join(str(failure).split())
