"""Keys tried on the names on file."""

from pathlib import Path

import pytest

from configs.loading import load_settings
from configs.settings import Settings
from privacy.errors import KeyLost, KeyUnusable
from privacy.proven_keys import proven_pseudonymizer
from privacy.pseudonyms import load_pseudonymizer
from privacy.vault import open_vault


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    """A house that may make its keys, with one customer on file."""
    settings = load_settings("test", [f"storage.root={tmp_path / 'var'}", "privacy.create_missing_keys=true"])
    names = load_pseudonymizer(settings.storage.keys, settings.privacy)
    open_vault(settings.storage.vault).remember({names.pseudonym("ada"): "ada"})
    return settings


def test_a_key_that_made_the_names_on_file_is_proven(house: Settings) -> None:
    storage, privacy = house.storage, house.privacy
    name = proven_pseudonymizer(storage, privacy).pseudonym("ada")
    assert open_vault(storage.vault).any_link() == (name, "ada")
    assert open_vault(storage.root / "none").any_link() is None
    assert not (storage.root / "none").exists()


def test_a_lost_key_is_not_silently_made_anew(house: Settings) -> None:
    key = house.storage.keys / "pseudonym_v1.key"
    key.unlink()
    with pytest.raises(KeyLost, match=r"pseudonym_v1\.key is gone.*Restore it") as lost:
        proven_pseudonymizer(house.storage, house.privacy)
    assert "ada" not in str(lost.value)
    assert not key.exists()


def test_another_key_is_told_from_the_one_that_made_the_names(house: Settings) -> None:
    (house.storage.keys / "pseudonym_v1.key").write_text("07" * 32)
    with pytest.raises(KeyUnusable, match="not the key that made the names"):
        proven_pseudonymizer(house.storage, house.privacy)


def test_with_nobody_on_file_a_first_key_may_be_made(house: Settings) -> None:
    open_vault(house.storage.vault).erase(["ada"])
    (house.storage.keys / "pseudonym_v1.key").unlink()
    assert proven_pseudonymizer(house.storage, house.privacy).current_version == 1
