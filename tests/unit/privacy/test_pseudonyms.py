"""Pseudonyms of customers and visitors."""

import hashlib
import hmac
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.loading import load_settings
from configs.settings import PrivacySettings
from privacy.errors import KeyMissing, PseudonymKeyUnknown, PseudonymRetired, RotationNeeded
from privacy.key_ring import first_ring, write_ring
from privacy.pseudonyms import FollowedPseudonyms, Pseudonymizer, every_name, load_pseudonymizer, version_of

ONE = Pseudonymizer({1: b"a" * 32}, 1)


def privacy_settings(*, version: int = 1, create: bool = True) -> PrivacySettings:
    changes = {"pseudonym_key_version": version, "create_missing_keys": create, "demo_refusal_share": 0.0}
    return load_settings("test").privacy.model_copy(update=changes)


def test_a_pseudonym_is_the_keyed_hash_of_purpose_and_id() -> None:
    expected = hmac.new(b"a" * 32, b"customer\x00" + b"42", hashlib.sha256).hexdigest()[:32]
    assert ONE.pseudonym("42") == f"c1_{expected}"


@given(st.text(min_size=1, max_size=128))
def test_form_and_stability(source_id: str) -> None:
    assert re.fullmatch(r"c1_[0-9a-f]{32}", ONE.pseudonym(source_id))
    assert ONE.pseudonym(source_id) == Pseudonymizer({1: b"a" * 32}, 1).pseudonym(source_id)


def test_kind_key_and_version_part_pseudonyms() -> None:
    other_key = Pseudonymizer({1: b"b" * 32}, 1)
    other_version = Pseudonymizer({1: b"a" * 32, 2: b"b" * 32}, 2)
    made = [ONE.pseudonym("42"), other_key.pseudonym("42"), other_version.pseudonym("42"), ONE.visitor("42")]
    assert len({name[3:] for name in made}) == 3  # version 2 uses the other key, so only prefixes part those two
    assert len(set(made)) == 4
    assert ONE.visitor("42").startswith("v1_")
    assert other_version.pseudonym("42").startswith("c2_")


def test_a_column_keeps_order_index_and_gaps() -> None:
    ids = pd.Series(["b", "a", None, "b"], index=[5, 3, 9, 1])
    made = ONE.pseudonyms(ids)
    assert list(made.index) == [5, 3, 9, 1]
    assert made.tolist()[:2] == [ONE.pseudonym("b"), ONE.pseudonym("a")]
    assert made.isna().tolist() == [False, False, True, False]
    assert made.iloc[3] == made.iloc[0]


def test_keys_are_made_once_and_read_again(tmp_path: Path) -> None:
    first = load_pseudonymizer(tmp_path, privacy_settings())
    again = load_pseudonymizer(tmp_path, privacy_settings(create=False))
    assert first.pseudonym("42") == again.pseudonym("42")
    second = load_pseudonymizer(tmp_path, privacy_settings(version=2))
    assert second.pseudonym("42").startswith("c2_")
    assert load_pseudonymizer(tmp_path, privacy_settings()).pseudonym("42") == first.pseudonym("42")


def test_production_refuses_to_make_a_key(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match=r"pseudonym_v1\.key"):
        load_pseudonymizer(tmp_path, privacy_settings(create=False))


def test_a_version_without_a_key_is_refused() -> None:
    with pytest.raises(PseudonymKeyUnknown, match="version 3; known versions: 1"):
        Pseudonymizer({1: b"a" * 32}, 3)


KEYS = {1: b"a" * 32, 2: b"b" * 32, 3: b"c" * 32}
CHAIN = Pseudonymizer(KEYS, 3, first_version=1, oldest_resolving=2)


def obvious(source_id: str, version: int) -> str:
    """The chain, written out."""
    name = "c1_" + hmac.new(KEYS[1], b"customer\x00" + source_id.encode(), hashlib.sha256).hexdigest()[:32]
    for later in range(2, version + 1):
        name = f"c{later}_" + hmac.new(KEYS[later], b"renamed\x00" + name.encode(), hashlib.sha256).hexdigest()[:32]
    return name


@given(st.text(min_size=1, max_size=128))
def test_each_key_is_laid_over_the_name_before(source_id: str) -> None:
    assert CHAIN.pseudonym(source_id) == obvious(source_id, 3)
    assert CHAIN.names_of(source_id)[:3] == tuple(obvious(source_id, version) for version in (1, 2, 3))
    for version in (1, 2, 3):
        assert CHAIN.renamed(obvious(source_id, version)) == obvious(source_id, 3)
    assert CHAIN.renamed(CHAIN.visitor(source_id)) == CHAIN.visitor(source_id)


def test_an_earlier_key_alone_does_not_give_the_names_of_today() -> None:
    thief = Pseudonymizer({1: KEYS[1], 2: b"guess" * 6 + b"??", 3: b"x" * 32}, 3, first_version=1)
    assert thief.names_of("42")[0] == CHAIN.names_of("42")[0]
    later = {name for name in CHAIN.names_of("42") if version_of(name) != 1}
    assert len(later) == 4
    assert not set(thief.names_of("42")) & later


@pytest.mark.parametrize("text", ["42", "", "c1_short", "a0_" + "0" * 32, "x1_" + "0" * 32, "c1_" + "g" * 32])
def test_what_is_no_name_stays_as_it_is(text: str) -> None:
    assert CHAIN.renamed(text) == text
    assert version_of(text) is None


def test_names_resolve_from_the_oldest_of_the_window_on() -> None:
    assert CHAIN.resolve(obvious("42", 2)) == CHAIN.resolve(obvious("42", 3)) == obvious("42", 3)
    with pytest.raises(PseudonymRetired, match=r"version 1.*before 2"):
        CHAIN.resolve(obvious("42", 1))


def test_no_key_of_the_chain_may_be_lost() -> None:
    with pytest.raises(PseudonymKeyUnknown, match="version 2; known versions: 1, 3"):
        Pseudonymizer({1: KEYS[1], 3: KEYS[3]}, 3, first_version=1)


def test_the_record_of_rotations_goes_before_the_setting(tmp_path: Path) -> None:
    for version, key in KEYS.items():
        (tmp_path / f"pseudonym_v{version}.key").write_text(key.hex())
    moving = first_ring(1).model_copy(update={"moving_to": 2})
    write_ring(tmp_path, moving)
    settings = privacy_settings(create=False)
    followed = FollowedPseudonyms(tmp_path, settings)
    assert followed.pseudonym("42") == obvious("42", 1)
    assert every_name(tmp_path, moving, "42")[:2] == (obvious("42", 1), obvious("42", 2))
    write_ring(tmp_path, moving.model_copy(update={"current": 2, "moving_to": None}))
    assert load_pseudonymizer(tmp_path, settings).pseudonym("42") == followed.pseudonym("42") == obvious("42", 2)
    with pytest.raises(RotationNeeded, match=r"is 3, but .* version 2"):
        load_pseudonymizer(tmp_path, privacy_settings(version=3))
    (tmp_path / "pseudonym_v1.key").unlink()
    with pytest.raises(KeyMissing, match=r"pseudonym_v1\.key"):
        load_pseudonymizer(tmp_path, privacy_settings())
