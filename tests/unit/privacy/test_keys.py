"""Secret keys in files."""

import stat
from pathlib import Path

import pytest

from privacy.errors import KeyMissing, KeyUnusable
from privacy.keys import load_or_create_secret, write_secret


def test_a_made_secret_is_random_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "a.key"
    made = load_or_create_secret(path, create=True)
    assert len(made) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_secret(path, create=False) == made
    assert load_or_create_secret(tmp_path / "b.key", create=True) != made


def test_a_missing_secret_is_not_made_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    with pytest.raises(KeyMissing, match=r"a\.key.*create_missing_keys"):
        load_or_create_secret(path, create=False)
    assert not path.exists()


@pytest.mark.parametrize("text", ["not hex", "ab" * 31, ""])
def test_a_broken_key_file_is_named_and_never_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.key"
    path.write_text(text)
    with pytest.raises(KeyUnusable, match=r"a\.key"):
        load_or_create_secret(path, create=True)
    assert path.read_text() == text


def test_the_first_writer_wins(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    write_secret(path, b"1" * 32)
    write_secret(path, b"2" * 32)
    assert load_or_create_secret(path, create=False) == b"1" * 32
    assert [found.name for found in tmp_path.iterdir()] == ["a.key"]


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "signing.key"
    monkeypatch.setenv("FAIRSHELF_SECRET_SIGNING", "ab" * 32)
    assert load_or_create_secret(path, create=False) == bytes.fromhex("ab" * 32)
    assert not path.exists()
    write_secret(path, bytes(32))
    assert load_or_create_secret(path, create=False) == bytes.fromhex("ab" * 32)
    monkeypatch.setenv("FAIRSHELF_SECRET_SIGNING", "short")
    with pytest.raises(KeyUnusable, match="hexadecimal"):
        load_or_create_secret(path, create=False)
