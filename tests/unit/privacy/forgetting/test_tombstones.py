"""Tombstones: who was erased is known to whoever asks about an id, and to nobody who reads the table."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from configs.settings import Settings
from privacy.errors import KeyLost, KeyUnusable
from privacy.forgetting.subjects import Subject
from privacy.forgetting.tombstones import KEY_FILE, Tombstones, open_tombstones, tombstones_on_file

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANNA = Subject("anna", ("c1_aa", "c2_bb"), "n0_1")
BERT = Subject("bert", ("c1_cc",), "n0_2")


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")


def test_they_answer_for_ids_and_pseudonyms_and_name_nobody(engine: sa.Engine, tmp_path: Path) -> None:
    tombstones = Tombstones(engine, bytes(32))
    tombstones.lay([ANNA], "erase", NOW)
    tombstones.lay([BERT], "anonymise", NOW)
    assert tombstones.of_sources(["anna", "bert", "carl"]) == {"anna": "erase", "bert": "anonymise"}
    assert tombstones.of_pseudonyms(["c2_bb", "c1_cc", "c1_dd"]) == {"c2_bb": "erase", "c1_cc": "anonymise"}
    assert tombstones.of_sources(["c1_aa"]) == {}, "a source id that looks like a pseudonym is somebody else"
    assert not tombstones.of_sources([])
    content = (tmp_path / "state.db").read_bytes()
    assert not any(name.encode() in content for name in ("anna", "bert", *ANNA.pseudonyms))


def test_laying_again_changes_nothing_but_erase_outranks_anonymise(engine: sa.Engine) -> None:
    tombstones = Tombstones(engine, bytes(32))
    for mode, expected in (("anonymise", "anonymise"), ("erase", "erase"), ("anonymise", "erase")):
        tombstones.lay([ANNA], mode, NOW)  # type: ignore[arg-type]
        assert tombstones.of_sources(["anna"]) == {"anna": expected}


def test_many_are_asked_at_once(engine: sa.Engine) -> None:
    tombstones = Tombstones(engine, bytes(32))
    people = [Subject(str(one), (f"c1_{one}",), "n0_0") for one in range(1_700)]
    tombstones.lay(people[:900], "erase", NOW)
    assert set(tombstones.of_sources([one.source_id for one in people])) == {str(one) for one in range(900)}


def test_a_lost_or_exchanged_key_is_noticed(engine: sa.Engine, settings: Settings) -> None:
    keys, privacy = settings.storage.keys, settings.privacy
    assert tombstones_on_file(engine, keys, privacy) is None
    assert not (keys / KEY_FILE).exists()
    open_tombstones(engine, keys, privacy).lay([ANNA], "erase", NOW)
    found = tombstones_on_file(engine, keys, privacy)
    assert found is not None
    assert found.of_sources(["anna"]) == {"anna": "erase"}
    (keys / KEY_FILE).write_text("00" * 32)
    with pytest.raises(KeyUnusable, match="not the key that made the marks"):
        tombstones_on_file(engine, keys, privacy)
    (keys / KEY_FILE).unlink()
    with pytest.raises(KeyLost):
        open_tombstones(engine, keys, privacy)
    assert not (keys / KEY_FILE).exists(), "a new key would let erased people come back"
