"""Pseudonyms of customers and visitors."""

import hashlib
import hmac
import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import PrivacySettings
from privacy.errors import KeyMissing, PseudonymKeyUnknown
from privacy.pseudonyms import Pseudonymizer, load_pseudonymizer

ONE = Pseudonymizer({1: b"a" * 32}, 1)


def privacy_settings(*, version: int = 1, create: bool = True) -> PrivacySettings:
    return PrivacySettings(pseudonym_key_version=version, create_missing_keys=create, demo_refusal_share=0.0)


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
