"""Sealing with one key, opening with the other."""

from pathlib import Path

import pytest

from privacy.errors import KeyMissing, SealBroken
from privacy.keys import read_secret
from privacy.sealed import PRIVATE_KEY, PUBLIC_KEY, load_or_create_public_key, seal
from privacy.unsealing import unseal


def test_what_was_sealed_opens_with_the_private_key_alone(tmp_path: Path) -> None:
    public_key = load_or_create_public_key(tmp_path, create=True)
    private_key = read_secret(tmp_path / PRIVATE_KEY)
    sealed = seal(b"secret", public_key)
    assert b"secret" not in sealed
    assert unseal(sealed, private_key) == b"secret"
    with pytest.raises(SealBroken):
        unseal(sealed, public_key)
    with pytest.raises(SealBroken):
        unseal(sealed[:-1], private_key)
    assert seal(b"secret", public_key) != sealed


def test_the_pair_is_made_once(tmp_path: Path) -> None:
    first = load_or_create_public_key(tmp_path, create=True)
    assert load_or_create_public_key(tmp_path, create=False) == first


def test_no_key_is_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match=PUBLIC_KEY):
        load_or_create_public_key(tmp_path, create=False)
    assert not list(tmp_path.iterdir())


def test_a_lost_public_half_is_not_replaced_by_a_new_pair(tmp_path: Path) -> None:
    load_or_create_public_key(tmp_path, create=True)
    private_key = read_secret(tmp_path / PRIVATE_KEY)
    (tmp_path / PUBLIC_KEY).unlink()
    with pytest.raises(KeyMissing, match=PRIVATE_KEY):
        load_or_create_public_key(tmp_path, create=True)
    assert read_secret(tmp_path / PRIVATE_KEY) == private_key
