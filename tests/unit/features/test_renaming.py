"""New names in files; the stores together are tried in tests/unit/serving/test_keeping.py."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from configs.settings import Settings
from features.ingest import ingest_files
from features.lake import Lake
from features.renaming import FeatureTableNames, LakeNames, OnlineCopies, OnlineLeftovers, rename_file
from privacy.key_ring import first_ring
from privacy.keys import write_secret
from privacy.pseudonyms import pseudonymizer_of


def swap(name: str) -> str:
    return {"a": "z", "b": "y"}.get(name, name)


def test_rows_keep_their_content_and_are_put_in_order_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows = pa.table({"customer_id": ["a", "b", "b", None], "n": [1, 2, 1, 0], "list": [[1], [2], [], None]})
    pq.write_table(rows, path)
    assert rename_file(path, swap, in_order=True)
    found = pq.read_table(path)
    assert found.schema.equals(rows.schema)
    assert found.to_pydict() == {
        "customer_id": ["y", "y", "z", None],
        "n": [1, 2, 1, 0],
        "list": [[], [2], [1], None],
    }
    assert not rename_file(path, swap, in_order=True)


def test_a_file_without_customers_or_with_new_names_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    for rows in (pa.table({"product_id": ["a"]}), pa.table({"customer_id": ["z"]})):
        pq.write_table(rows, path)
        before = path.stat().st_ino
        assert not rename_file(path, swap, in_order=False)
        assert path.stat().st_ino == before


def test_the_lake_keeps_its_rows_order_and_rejects(shop: Path, settings: Settings) -> None:
    with (shop / "transactions.csv").open("a") as file:
        file.write("ada,milk,corner,b900,not a time,1,1.40,1.40,0.00,store\n")
    ingest_files(shop, settings.storage, settings.ingest, settings.privacy, lambda _: None)
    root, keys = settings.storage.lake, settings.storage.keys
    before, rejects = Lake.open(root), pd.read_parquet(root / "rejects" / "transactions.parquet")
    lines = before.read("transactions")
    write_secret(keys / "pseudonym_v2.key", b"k" * 32)
    rename = pseudonymizer_of(keys, first_ring(1), 2).renamed
    assert LakeNames(settings.storage).rekey(rename) == 3
    after = Lake.open(root)
    pd.testing.assert_frame_equal(
        after.read("transactions"), lines.assign(customer_id=lines["customer_id"].map(rename))
    )
    pd.testing.assert_frame_equal(
        pd.read_parquet(root / "rejects" / "transactions.parquet"),
        rejects.assign(customer_id=rejects["customer_id"].map(rename)),
    )
    assert after.manifest.pseudonym_key_version == 2
    assert after.manifest.tables["products"] == before.manifest.tables["products"]
    assert LakeNames(settings.storage).rekey(rename) == 0


def test_what_a_killed_run_left_behind_is_cleared_away(settings: Settings) -> None:
    folder = settings.storage.feast / "tables" / "customer_history"
    folder.mkdir(parents=True)
    (folder / ".unfinished-as_of=2025-05-01.parquet").write_bytes(b"PAR1 cut sho")
    pq.write_table(pa.table({"customer_id": ["a"]}), folder / "as_of=2025-05-01.parquet")
    assert FeatureTableNames(settings.storage).rekey(swap) == 1
    assert [path.name for path in folder.iterdir()] == ["as_of=2025-05-01.parquet"]


def test_an_empty_house_has_nothing_to_rename(settings: Settings) -> None:
    for store in (LakeNames, FeatureTableNames, OnlineCopies, OnlineLeftovers):
        assert store(settings.storage).rekey(str.upper) == 0
