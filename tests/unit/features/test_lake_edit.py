"""Changing tables of a lake."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from configs.settings import Settings
from features.errors import LakeMissing
from features.ingest import ingest_files
from features.lake import Lake, snapshot_digest, table_entry
from features.lake_edit import LakeEdit, edited, has_lake


@pytest.fixture
def root(shop: Path, settings: Settings) -> Path:
    ingest_files(shop, settings.storage, settings.ingest, settings.privacy, lambda _: None)
    return settings.storage.lake


def halve(edit: LakeEdit) -> None:
    """Keep every second line."""
    path = edit.draft / "transactions.parquet"
    rows = pq.ParquetFile(path).read()
    path.unlink()
    pq.write_table(rows.take(list(range(0, rows.num_rows, 2))), path)
    edit.n_changed = 1


def test_the_manifest_follows_the_tables(root: Path) -> None:
    before = Lake.open(root)
    told = []
    with edited(root, before_swap=lambda old, new: told.append((old, new))) as edit:
        halve(edit)
        edit.changes["pseudonym_key_version"] = 7
    after = Lake.open(root).manifest
    assert after.tables["transactions"] == table_entry(root / "transactions.parquet")
    assert after.tables["transactions"].rows == 177
    assert after.snapshot_digest == snapshot_digest(after.tables) != before.manifest.snapshot_digest
    assert after.pseudonym_key_version == 7
    assert after.created_at == before.manifest.created_at
    assert told == [(before.manifest, after)]
    assert [path.name for path in root.parent.iterdir() if path.name.startswith(".lake")] == []


def test_a_failure_leaves_the_lake_as_it_was(root: Path) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def broken() -> None:
        with edited(root) as edit:
            halve(edit)
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        broken()
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert not root.with_name(".lake-edited").exists()


def test_without_a_change_nothing_is_written(root: Path) -> None:
    before = {path: path.stat().st_ino for path in root.rglob("*")}
    with edited(root):
        pass
    assert {path: path.stat().st_ino for path in root.rglob("*")} == before
    pd.testing.assert_frame_equal(Lake.open(root).read("products"), Lake.open(root).read("products"))


def test_there_must_be_a_lake(tmp_path: Path) -> None:
    assert not has_lake(tmp_path / "lake")
    with pytest.raises(LakeMissing), edited(tmp_path / "lake"):
        pass
