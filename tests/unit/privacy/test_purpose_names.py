"""Names for purposes outside the stores cannot be joined."""

import itertools
from pathlib import Path

import pytest

from configs.loading import load_settings
from configs.settings import PrivacySettings
from privacy.errors import KeyMissing, KeyShared, PurposeUnknown
from privacy.pseudonyms import load_pseudonymizer
from privacy.purpose_names import ANALYTICS, EXPORT, NAMED_PURPOSES, PurposeNames, load_purpose_names
from privacy.rotation import rotate_purpose

IDS = [str(number) for number in range(1500)]


@pytest.fixture
def settings() -> PrivacySettings:
    return load_settings("test").privacy


def tables(keys_dir: Path, settings: PrivacySettings) -> dict[str, list[str]]:
    """The names of the same people, in the same order, for every purpose and every version of its key."""
    names = [load_pseudonymizer(keys_dir, settings).pseudonym(source_id) for source_id in IDS]
    found = {"operations": names}
    for purpose in NAMED_PURPOSES:
        for _ in range(2):
            maker = load_purpose_names(keys_dir, settings, purpose)
            found[f"{purpose} {maker.version}"] = [maker.name(name) for name in names]
            rotate_purpose(keys_dir, settings, purpose)
    return found


def test_no_two_tables_join_by_name_or_by_any_part_of_it(tmp_path: Path, settings: PrivacySettings) -> None:
    found = tables(tmp_path, settings)
    assert len(found) == 5
    for one, other in itertools.combinations(found, 2):
        assert not set(found[one]) & set(found[other])
        digits = [{name.partition("_")[2] for name in found[purpose]} for purpose in (one, other)]
        assert not digits[0] & digits[1]
        for start in range(0, 32, 8):  # 32 bits: of 1,500 names fewer than one pair meets by chance
            parts = [[name.partition("_")[2][start : start + 8] for name in found[purpose]] for purpose in (one, other)]
            assert sum(a == b for a, b in zip(*parts, strict=True)) == 0


def test_neither_the_order_of_names_nor_their_bits_tell_who_is_who(tmp_path: Path, settings: PrivacySettings) -> None:
    found = tables(tmp_path, settings)
    for one, other in itertools.combinations(found, 2):
        bits = [[int(name.partition("_")[2], 16) for name in found[purpose]] for purpose in (one, other)]
        agreeing = sum(128 - (a ^ b).bit_count() for a, b in zip(*bits, strict=True)) / (128 * len(IDS))
        assert agreeing == pytest.approx(0.5, abs=0.01)
        ranks = [sorted(range(len(IDS)), key=column.__getitem__) for column in bits]
        same = sum(a == b for a, b in zip(*ranks, strict=True))
        assert same <= 8, "as many as chance gives, or fewer"


def test_names_are_stable_until_the_key_is_rotated(tmp_path: Path, settings: PrivacySettings) -> None:
    first = load_purpose_names(tmp_path, settings, EXPORT).name("c1_x")
    assert load_purpose_names(tmp_path, settings, EXPORT).name("c1_x") == first
    assert rotate_purpose(tmp_path, settings, EXPORT) == 2
    second = load_purpose_names(tmp_path, settings, EXPORT)
    assert second.name("c1_x").startswith("x2_")
    assert second.name("c1_x") != first
    assert load_purpose_names(tmp_path, settings, ANALYTICS).version == 1
    assert load_pseudonymizer(tmp_path, settings).current_version == 1


def test_two_purposes_with_one_key_are_refused(tmp_path: Path, settings: PrivacySettings) -> None:
    load_pseudonymizer(tmp_path, settings)
    operations = (tmp_path / "pseudonym_v1.key").read_text()
    (tmp_path / "pseudonym_export_v1.key").write_text(operations)
    with pytest.raises(KeyShared, match="export and operations"):
        load_purpose_names(tmp_path, settings, EXPORT)
    (tmp_path / "pseudonym_export_v1.key").write_text("cd" * 32)
    (tmp_path / "pseudonym_analytics_v1.key").write_text("cd" * 32)
    with pytest.raises(KeyShared, match="analytics and export"):
        load_purpose_names(tmp_path, settings, ANALYTICS)


def test_an_unknown_purpose_and_a_missing_key_are_refused(tmp_path: Path, settings: PrivacySettings) -> None:
    with pytest.raises(PurposeUnknown, match="research"):
        load_purpose_names(tmp_path, settings, "research")
    with pytest.raises(PurposeUnknown, match="research"):
        PurposeNames("research", bytes(32), 1)
    with pytest.raises(KeyMissing, match=r"pseudonym_export_v1\.key"):
        load_purpose_names(tmp_path, settings.model_copy(update={"create_missing_keys": False}), EXPORT)
