"""Opening, reading and replacing the lake."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import LakeDamaged, LakeMissing, LakeTableMissing, LakeVersionMismatch
from features.lake import LAKE_FORMAT, Lake, LakeManifest, TableEntry, publish, snapshot_digest, table_entry


def write_lake(root: Path, *, products: int = 3) -> None:
    root.mkdir(parents=True)
    rows = pa.table({"product_id": [f"p{n}" for n in range(products)], "brand": ["x"] * products})
    pq.write_table(rows, root / "products.parquet")
    entries = {"products": table_entry(root / "products.parquet")}
    manifest = LakeManifest.model_validate(
        {
            "format_version": LAKE_FORMAT,
            "created_at": "2025-01-01T00:00:00Z",
            "source": "test",
            "trading_time_zone": "UTC",
            "data_start": "2025-01-01T00:00:00Z",
            "data_end": "2025-02-01T00:00:00Z",
            "snapshot_digest": snapshot_digest(entries),
            "tables": entries,
            "pseudonym_key_version": 1,
        }
    )
    (root / "manifest.json").write_text(manifest.model_dump_json())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_lake(tmp_path / "lake")
    return tmp_path / "lake"


def test_tables_are_read_whole_or_by_column(root: Path) -> None:
    lake = Lake.open(root)
    assert lake.has("products")
    assert not lake.has("inventory")
    assert lake.read("products")["product_id"].tolist() == ["p0", "p1", "p2"]
    assert list(lake.read("products", ["brand"]).columns) == ["brand"]
    with pytest.raises(LakeTableMissing, match="'inventory'; it holds products"):
        lake.read("inventory")


def test_no_lake_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LakeMissing, match="fairshelf ingest"):
        Lake.open(tmp_path / "lake")


@pytest.mark.parametrize("found", [0, 2, 99])
def test_a_lake_of_another_format_is_refused_even_if_its_manifest_looks_different(root: Path, found: int) -> None:
    (root / "manifest.json").write_text(json.dumps({"format_version": found, "something": "else"}))
    with pytest.raises(LakeVersionMismatch, match=f"format {found}; this version reads format {LAKE_FORMAT}"):
        Lake.open(root)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format_version": 1}', '{"format_version": "one"}'])
def test_a_damaged_manifest_is_named(root: Path, text: str) -> None:
    (root / "manifest.json").write_text(text)
    with pytest.raises(LakeDamaged, match=r"manifest\.json"):
        Lake.open(root)


def test_a_table_cut_short_or_gone_or_swapped_is_named(root: Path) -> None:
    path = root / "products.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LakeDamaged, match=r"products\.parquet"):
        Lake.open(root)
    path.unlink()
    with pytest.raises(LakeDamaged, match="is gone"):
        Lake.open(root)
    pq.write_table(pa.table({"product_id": ["p0"]}), path)
    with pytest.raises(LakeDamaged, match="1 rows instead of 3"):
        Lake.open(root)


def test_the_digest_names_content_and_table() -> None:
    one, two = TableEntry(rows=1, sha256="aa"), TableEntry(rows=1, sha256="bb")
    digests = {snapshot_digest(tables) for tables in ({"a": one}, {"b": one}, {"a": two}, {"a": one, "b": two})}
    assert len(digests) == 4


def test_publishing_replaces_the_old_lake_and_leaves_nothing_behind(tmp_path: Path, root: Path) -> None:
    write_lake(tmp_path / "draft", products=5)
    publish(tmp_path / "draft", root)
    assert len(Lake.open(root).read("products")) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]


def test_a_process_killed_between_the_renames_loses_nothing(tmp_path: Path, root: Path) -> None:
    root.rename(tmp_path / ".lake-previous")
    assert len(Lake.open(root).read("products")) == 3


def test_a_process_killed_after_the_renames_leaves_the_new_lake(tmp_path: Path, root: Path) -> None:
    write_lake(tmp_path / ".lake-previous", products=1)
    assert len(Lake.open(root).read("products")) == 3
    assert not (tmp_path / ".lake-previous").exists()
