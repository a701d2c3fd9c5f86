"""The YAML files that ship: they load, they are whole, and every key says what it means and how far it goes."""

from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from configs import settings as schema
from configs.loading import load_settings, read_mapping
from configs.settings import PROJECT_ROOT, Settings

CONFIGS = PROJECT_ROOT / "configs"
SECTION_FILES = sorted(CONFIGS.glob("*.yaml"))
PROFILE_FILES = sorted((CONFIGS / "profiles").glob("*.yaml"))
SECTIONS = {name: field.annotation for name, field in Settings.model_fields.items() if name != "profile"}

Keys = tuple[str, ...]


def commented_keys(path: Path) -> dict[Keys, str]:
    """Every key of a YAML file, by its place, with the comment on its line."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()

    def walk(node: yaml.Node, at: Keys) -> Iterator[tuple[Keys, str]]:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                yield (*at, key.value), lines[key.start_mark.line].partition(" #")[2].strip()
                yield from walk(value, (*at, key.value))

    root = yaml.compose(text)
    return dict(walk(root, ())) if root is not None else {}


def fields_of(model: Any, at: Keys = ()) -> dict[Keys, FieldInfo]:
    """Every setting of a section's schema, by its place in the YAML file."""
    found: dict[Keys, FieldInfo] = {}
    for name, field in model.model_fields.items():
        found[*at, name] = field
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= fields_of(field.annotation, (*at, name))
    return found


def bounds_of(field: FieldInfo) -> list[str]:
    """The limits of a number and the choices of a name, as a comment must spell them."""
    limits: list[Any] = []
    for rule in field.metadata:
        if isinstance(rule, annotated_types.Ge):
            limits.append(rule.ge)
        elif isinstance(rule, annotated_types.Gt):
            limits.append(rule.gt)
        elif isinstance(rule, annotated_types.Le):
            limits.append(rule.le)
        elif isinstance(rule, annotated_types.Lt):
            limits.append(rule.lt)
    if field.annotation is bool:
        return ["true", "false"]
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return [f"{limit:g}" if limit != int(limit) else str(int(limit)) for limit in limits] + list(choices)


def test_there_is_one_file_per_section_and_one_section_per_file() -> None:
    assert {path.stem for path in SECTION_FILES} == set(SECTIONS)


@pytest.mark.parametrize("path", [*SECTION_FILES, *PROFILE_FILES], ids=lambda path: path.stem)
def test_the_file_is_a_mapping(path: Path) -> None:
    assert read_mapping(path)


@pytest.mark.parametrize("path", SECTION_FILES, ids=lambda path: path.stem)
def test_the_section_holds_every_setting_of_its_schema_and_no_other(path: Path) -> None:
    assert set(commented_keys(path)) == set(fields_of(SECTIONS[path.stem]))


@pytest.mark.parametrize("path", [*SECTION_FILES, *PROFILE_FILES], ids=lambda path: path.stem)
def test_every_key_has_a_comment(path: Path) -> None:
    comments = commented_keys(path)
    if path in PROFILE_FILES:  # the outermost keys of a profile are names of sections
        comments = {keys: comment for keys, comment in comments.items() if len(keys) > 1}
    assert not [".".join(keys) for keys, comment in comments.items() if len(comment.split()) < 3]


@pytest.mark.parametrize("path", SECTION_FILES, ids=lambda path: path.stem)
def test_the_comment_spells_the_legal_range(path: Path) -> None:
    comments = commented_keys(path)
    silent = {
        ".".join(keys): bounds
        for keys, field in fields_of(SECTIONS[path.stem]).items()
        if (bounds := bounds_of(field)) and not set(bounds) <= set(comments[keys].replace(",", "").split())
    }
    assert not silent, "say the same in the schema and in the comment"


def leaves(node: dict[str, Any], at: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Every value of nested mappings, with its place."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, (*at, key))
        else:
            yield (*at, key), value


@pytest.mark.parametrize("path", PROFILE_FILES, ids=lambda path: path.stem)
def test_the_profile_loads_and_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAIRSHELF_PROFILE", raising=False)
    settings = load_settings(path.stem)
    assert settings.profile == path.stem
    loaded = settings.model_dump(mode="json")
    for place, value in leaves(read_mapping(path)):
        assert reduce(lambda node, key: node[key], place, loaded) == value


def test_the_profiles_are_those_of_the_house() -> None:
    assert [path.stem for path in PROFILE_FILES] == ["dev", "prod", "test"]


def test_production_makes_no_keys_and_lives_by_the_wall_clock() -> None:
    settings = load_settings("prod")
    assert not settings.privacy.create_missing_keys
    assert not settings.serving.create_missing_keys
    assert settings.features.clock == "wall"


def test_python_holds_no_default() -> None:
    models = [thing for thing in vars(schema).values() if isinstance(thing, type) and issubclass(thing, BaseModel)]
    assert Settings in models
    optional = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.is_required()
    ]
    assert not optional


def test_every_schema_is_frozen_and_closed() -> None:
    models = [thing for thing in vars(schema).values() if isinstance(thing, type) and issubclass(thing, schema.Section)]
    assert [model.__name__ for model in models if not model.model_config.get("frozen")] == []
    assert [model.__name__ for model in models if model.model_config.get("extra") != "forbid"] == []
