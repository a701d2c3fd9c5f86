"""API keys: made once in development, refused when missing in production, never stored in the clear but once."""

import hashlib
import json
from pathlib import Path

import pytest

from serving.errors import ApiKeysBroken, ApiKeysMissing
from serving.keys import HASHES, PLAIN, ROLES, SECOND_ETHICS, load_keys, read_plain_keys


def test_development_makes_a_key_for_every_role_for_its_owner_alone(tmp_path: Path) -> None:
    ring = load_keys(tmp_path, create=True)
    plain = read_plain_keys(tmp_path)
    assert set(plain) == {*ROLES, SECOND_ETHICS}
    for label, key in plain.items():
        caller = ring.caller(key)
        assert caller is not None
        assert caller.roles == {label.removesuffix("-2")}
        assert caller.name == f"development-{label}"
        assert key not in (tmp_path / HASHES).read_text()
        assert hashlib.sha256(key.encode()).hexdigest() in (tmp_path / HASHES).read_text()
    for name in (HASHES, PLAIN):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {HASHES, PLAIN}


def test_the_two_of_the_ethics_committee_are_told_apart(tmp_path: Path) -> None:
    ring, plain = load_keys(tmp_path, create=True), read_plain_keys(tmp_path)
    first, second = ring.caller(plain["ethics"]), ring.caller(plain["ethics-2"])
    assert first is not None
    assert second is not None
    assert first.roles == second.roles == {"ethics"}
    assert first.name != second.name


def test_keys_made_before_there_were_two_of_ethics_still_work(tmp_path: Path) -> None:
    load_keys(tmp_path, create=True)
    plain = tmp_path / PLAIN
    plain.write_text("".join(f"{line}\n" for line in plain.read_text().splitlines() if "-2 " not in line))
    assert set(read_plain_keys(tmp_path)) == set(ROLES)


def test_keys_survive_a_second_start(tmp_path: Path) -> None:
    load_keys(tmp_path, create=True)
    before = read_plain_keys(tmp_path)
    ring = load_keys(tmp_path, create=True)
    assert read_plain_keys(tmp_path) == before
    assert ring.caller(before["storefront"]) is not None


def test_production_does_not_start_without_keys(tmp_path: Path) -> None:
    with pytest.raises(ApiKeysMissing, match=r"api_keys\.json.*sha256"):
        load_keys(tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []


def test_supplied_keys_work_without_any_plain_file(tmp_path: Path) -> None:
    record = {"name": "shop", "sha256": hashlib.sha256(b"s3cret").hexdigest(), "roles": ["storefront", "ethics"]}
    (tmp_path / HASHES).write_text(json.dumps({"keys": [record]}))
    ring = load_keys(tmp_path, create=False)
    caller = ring.caller("s3cret")
    assert caller is not None
    assert caller.name == "shop"
    assert caller.roles == {"storefront", "ethics"}
    assert ring.caller("s3cre") is None
    assert read_plain_keys(tmp_path) == {}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"keys": []}',
        '{"keys": [{"name": "a", "sha256": "abc", "roles": ["storefront"]}]}',
        '{"keys": [{"name": "a", "sha256": "' + "0" * 64 + '", "roles": ["emperor"]}]}',
        '{"keys": [{"name": "a", "sha256": "' + "0" * 64 + '", "roles": []}]}',
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / HASHES).write_text(content)
    with pytest.raises(ApiKeysBroken, match=r"api_keys\.json cannot be used"):
        load_keys(tmp_path, create=True)


def test_a_directory_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / HASHES).mkdir()
    with pytest.raises(ApiKeysBroken):
        load_keys(tmp_path, create=True)
