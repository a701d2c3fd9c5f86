"""Files that people made of customers: rows go, files and everybody else stay."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.loading import load_settings
from privacy.forgetting.subjects import Subject
from serving.people.files import IdFiles

ANNA = Subject("17", ("c1_a", "x1_a"), "n0_a")
BERT = Subject("18", ("c1_b",), "n0_b")


@pytest.fixture
def files(tmp_path: Path) -> IdFiles:
    return IdFiles(load_settings("test", [f"storage.root={tmp_path}"]).storage)


def test_rows_go_from_every_kind_of_file(files: IdFiles, tmp_path: Path) -> None:
    exports = tmp_path / "exports" / "may"
    exports.mkdir(parents=True)
    lists = pa.table({"customer_id": ["c1_a", "c1_b", "c1_a"], "product_id": ["17", "17", "18"], "rank": [1, 1, 2]})
    pq.write_table(lists, exports / "recommendations.parquet")
    pq.write_table(pa.table({"customer_id": ["17", "18"]}), tmp_path / "source-ids.parquet")
    pq.write_table(pa.table({"product_id": ["17"], "n": [1]}), tmp_path / "forecasts.parquet")
    (exports / "segment.csv").write_text("segment,loyal\ncustomer_id,n\nx1_a,17\n18,17\n17,1\n")
    (exports / "segment.ndjson").write_text(
        '{"segment": "loyal", "n": 17}\n{"customer_id": 17}\n{"customer_id": "18"}\n'
    )
    (tmp_path / "notes.txt").write_text("c1_a")
    before = (tmp_path / "forecasts.parquet").stat().st_mtime_ns
    assert files.count([ANNA, BERT]) == [6, 4]
    assert {row["file"]: row["rows"] for row in files.find(ANNA)} == {
        "exports/may/recommendations.parquet": 2,
        "exports/may/segment.csv": 2,
        "exports/may/segment.ndjson": 1,
        "source-ids.parquet": 1,
    }
    files.erase([ANNA])
    files.anonymise([ANNA])
    assert files.count([ANNA, BERT]) == [0, 4]
    assert pq.read_table(exports / "recommendations.parquet").to_pylist() == lists.to_pylist()[1:2]
    assert (exports / "segment.csv").read_text() == "segment,loyal\ncustomer_id,n\n18,17\n"
    assert [json.loads(line) for line in (exports / "segment.ndjson").read_text().splitlines()] == [
        {"segment": "loyal", "n": 17},
        {"customer_id": "18"},
    ]
    assert (tmp_path / "forecasts.parquet").stat().st_mtime_ns == before
    assert not list(tmp_path.rglob(".unfinished*"))


def test_what_belongs_to_other_stores_is_left_to_them(files: IdFiles, tmp_path: Path) -> None:
    for folder in ("lake", "feast/tables/customer_history", "bundles/m/1/frames", ".ingest-x", "vault"):
        (tmp_path / folder).mkdir(parents=True)
        pq.write_table(pa.table({"customer_id": ["c1_a"]}), tmp_path / folder / "a.parquet")
    assert files.count([ANNA]) == [0]
    files.erase([ANNA])
    assert len(list(tmp_path.rglob("a.parquet"))) == 5


def test_a_line_that_is_no_json_and_a_file_in_another_code_do_no_harm(files: IdFiles, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b'c1_a\n{"x": "c1_b"}\n\xff\xfe\n')
    (tmp_path / "empty.csv").write_text("")
    files.erase([ANNA])
    assert (tmp_path / "a.ndjson").read_bytes() == b'{"x": "c1_b"}\n\xff\xfe\n'
