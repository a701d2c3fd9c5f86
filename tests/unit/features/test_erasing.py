"""Files without their people: the lake, refused rows, feature tables; order, digests and everybody else stay."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.settings import Settings
from features.erasing import FeatureTableRows, LakeRows, SealedDemographics, rewrite
from features.lake import Lake
from privacy.forgetting.subjects import Subject

ANNA = Subject("anna", ("c1_a", "c2_a"), "n0_anna")
BERT = Subject("bert", ("c1_b",), "n0_bert")
NOBODY = Subject("x", ("c1_x",), "n0_x")
LINES = [
    ("c1_a", "p1", "s1", "b1", "2017-01-02T10:00:00Z", 1, 2.0, 2.0, 0.0),
    ("c1_b", "p1", "s1", "b2", "2017-01-03T10:00:00Z", 1, 2.0, 2.0, 0.0),
    ("c1_a", "p2", "s1", "b3", "2017-01-04T10:00:00Z", 1, 2.0, 2.0, 0.0),
    ("c1_a", "p3", "s1", "b3", "2017-01-04T10:00:00Z", 1, 2.0, 2.0, 0.0),
    ("c1_c", "p1", "s1", "b4", "2017-01-05T10:00:00Z", 1, 2.0, 2.0, 0.0),
    ("c2_a", "p1", "s1", "b5", "2017-01-06T10:00:00Z", 1, 2.0, 2.0, 0.0),
]


@pytest.fixture
def lake(make_lake: Callable[..., Lake], settings: Settings) -> Lake:
    """Six lines of three people and two refused rows, where the settings say."""
    settings.storage.root.mkdir(parents=True)
    made = make_lake(LINES, folder="var/lake")
    (made.root / "rejects").mkdir()
    refused = pa.table({"source_row": [1, 2], "customer_id": ["c1_a", None], "reason": ["late", "no id"]})
    pq.write_table(refused, made.root / "rejects" / "transactions.parquet")
    return made


def test_the_lake_loses_the_person_and_keeps_everything_else(lake: Lake, settings: Settings) -> None:
    store = LakeRows(settings.storage)
    before = lake.read("transactions")
    products = (lake.root / "products.parquet").read_bytes()
    assert store.count([ANNA, BERT, NOBODY]) == [5, 1, 0]
    assert [row["table"] for row in store.find(BERT)] == ["transactions"]
    assert {row["table"] for row in store.find(ANNA)} == {"transactions", "rejects/transactions"}
    store.erase([ANNA])
    after = Lake.open(lake.root)
    kept = before[~before["customer_id"].isin(ANNA.pseudonyms)].reset_index(drop=True)
    pd.testing.assert_frame_equal(after.read("transactions"), kept)
    assert after.manifest.ancestors == (lake.manifest.snapshot_digest,)
    assert after.manifest.snapshot_digest != lake.manifest.snapshot_digest
    assert after.manifest.data_start == pd.Timestamp("2017-01-03T10:00:00Z")
    assert (lake.root / "products.parquet").read_bytes() == products
    assert pq.read_table(lake.root / "rejects" / "transactions.parquet")["reason"].to_pylist() == ["no id"]
    assert store.count([ANNA, BERT]) == [0, 1]


def test_again_and_for_somebody_unknown_the_lake_stays_as_it_is(lake: Lake, settings: Settings) -> None:
    LakeRows(settings.storage).erase([NOBODY])
    assert Lake.open(lake.root).manifest == lake.manifest
    LakeRows(settings.storage).erase([ANNA])
    once = Lake.open(lake.root).manifest
    LakeRows(settings.storage).erase([ANNA])
    assert Lake.open(lake.root).manifest == once


def test_a_run_killed_before_the_swap_leaves_the_old_lake(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("features.lake_edit.publish", killed)
    with pytest.raises(KeyboardInterrupt):
        LakeRows(settings.storage).erase([ANNA])
    assert Lake.open(lake.root).manifest == lake.manifest
    assert LakeRows(settings.storage).count([ANNA]) == [5]
    monkeypatch.undo()
    LakeRows(settings.storage).erase([ANNA])
    assert LakeRows(settings.storage).count([ANNA]) == [0]
    assert not list(settings.storage.root.glob(".lake*"))


def test_what_a_killed_ingest_left_is_removed(settings: Settings) -> None:
    left = settings.storage.root / ".ingest-abc" / "staged"
    left.mkdir(parents=True)
    (left / "transactions.parquet").write_bytes(b"half a file of c1_a")
    LakeRows(settings.storage).erase([ANNA])
    assert not left.parent.exists()


def test_anonymised_purchases_keep_their_baskets_together(lake: Lake, settings: Settings) -> None:
    LakeRows(settings.storage).anonymise([ANNA, BERT])
    lines = Lake.open(lake.root).read("transactions")
    assert lines["customer_id"].tolist() == ["n0_anna", "n0_bert", "n0_anna", "n0_anna", "c1_c", "n0_anna"]
    baskets = lines["basket_id"].tolist()
    assert baskets[4] == "b4"
    assert baskets[2] == baskets[3]
    assert len({*baskets}) == 5
    assert not {*baskets} & {"b1", "b2", "b3", "b5"}
    assert pq.read_table(lake.root / "rejects" / "transactions.parquet").num_rows == 1


def test_without_a_lake_there_is_nothing(settings: Settings) -> None:
    store = LakeRows(settings.storage)
    store.erase([ANNA])
    assert (store.count([ANNA]), store.find(ANNA)) == ([0], [])
    assert SealedDemographics().count([ANNA, BERT]) == [None, None]


def test_feature_tables_lose_the_person_in_every_snapshot(settings: Settings) -> None:
    folder = settings.storage.feast / "tables" / "customer_history"
    folder.mkdir(parents=True)
    for day in ("2017-01-01", "2017-02-01"):
        rows = pa.table({"customer_id": ["c1_a", "c1_b"], "product_ids": [["p1"], ["p2"]]})
        pq.write_table(rows, folder / f"as_of={day}.parquet")
    (folder / ".unfinished-x.parquet").write_bytes(b"half a file of c1_a")
    store = FeatureTableRows(settings.storage)
    assert store.count([ANNA, BERT]) == [2, 2]
    assert [row["snapshot"] for row in store.find(BERT)] == ["as_of=2017-01-01", "as_of=2017-02-01"]
    store.anonymise([ANNA])
    assert store.count([ANNA, BERT]) == [0, 2]
    assert not list(folder.glob(".*"))


def test_rewriting_keeps_row_groups_and_schema(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = pa.table({"customer_id": [f"c{one}" for one in range(10)], "x": pa.array(range(10), pa.int16())})
    pq.write_table(rows, path, row_group_size=4)
    rewrite(path, {"c5": 0}, None)
    assert pq.ParquetFile(path).num_row_groups == 3
    assert pq.read_table(path).equals(rows.filter(pa.array([one != 5 for one in range(10)])))
