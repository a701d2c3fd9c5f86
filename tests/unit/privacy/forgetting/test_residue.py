"""The search: whatever hides a name, it is found; and what merely looks like a short id is not."""

import gzip
import json
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privacy.forgetting import residue
from privacy.forgetting.errors import SearchFailed
from privacy.forgetting.residue import search
from privacy.forgetting.subjects import Subject

NAME = "c1_0123456789abcdef0123456789abcdef"
ANNA = Subject("1462", (NAME, "x1_fedcba9876543210fedcba9876543210"), "n0_0")
LONG = Subject("customer-8361-77", (NAME,), "n0_0")


def kinds(root: Path, subject: Subject = ANNA) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for trace in search(root, [subject]):
        found.setdefault(trace.file, set()).add(trace.kind)
    return found


def test_every_kind_of_file_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(f"saw {NAME} today")
    (tmp_path / "wide.bin").write_bytes(b"\x01" + NAME.encode("utf-16-le"))
    np.save(tmp_path / "ids.npy", np.array([NAME, "c1_other"]))
    pq.write_table(pa.table({"notes": [["a", NAME]] * 3}), tmp_path / "lists.parquet")
    with gzip.open(tmp_path / "old.gz", "wt") as file:
        file.write(f"x {ANNA.pseudonyms[1]}")
    with zipfile.ZipFile(tmp_path / "model.ckpt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("part", f"{NAME}" * 9)
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE t (k BLOB)")
        database.execute("INSERT INTO t VALUES (?)", (b"\x02" * 9_000 + NAME.encode(),))
    (tmp_path / "clean.txt").write_text("c1_0123456789abcdef0123456789abcdee")
    found = kinds(tmp_path)
    names = {"log.txt", "wide.bin", "ids.npy", "lists.parquet", "old.gz", "model.ckpt", "a.db"}
    assert found == {name: {"pseudonym"} for name in names}


def test_a_name_across_pages_of_a_database_is_found(tmp_path: Path) -> None:
    tails = range(4_040, 4_120)  # in the midst of them a name lies half in the row's own page
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE t (k TEXT)")
        database.executemany("INSERT INTO t VALUES (?)", [("y" * 600 + NAME + "z" * tail,) for tail in tails])
    (cells,) = [trace for trace in search(tmp_path, [ANNA]) if trace.where == "table t, column k"]
    (raw,) = [trace for trace in search(tmp_path, [ANNA]) if trace.where == "bytes"]
    assert cells.n == len(tails)
    assert raw.n < len(tails), "the raw bytes alone would miss some"


def test_a_name_across_two_pieces_of_a_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residue, "_CHUNK", 64)
    (tmp_path / "a.bin").write_bytes(b"z" * 50 + NAME.encode() + b"z" * 90)
    assert kinds(tmp_path) == {"a.bin": {"pseudonym"}}


def test_a_short_id_counts_only_where_people_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"customer_id": ["1462"], "product_id": ["1"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"household_id": [1462]}), tmp_path / "numbers.parquet")
    pq.write_table(pa.table({"product_id": ["1462"], "n_customers": [1462]}), tmp_path / "products.parquet")
    (tmp_path / "a.json").write_text(json.dumps({"who": {"customer_id": "1462"}}))
    (tmp_path / "figures.json").write_text(json.dumps({"rows": 1462, "n_customers": 1462, "customers": 1462}))
    (tmp_path / "a.csv").write_text("purpose,marketing\ncustomer_id,n\n1462,3\n")
    (tmp_path / "prices.csv").write_text("product_id,n\n1462,1462\n")
    (tmp_path / "a.ndjson").write_text('{"x": 1}\n{"source_id": "1462"}\n')
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE identities (pseudonym TEXT, source_id TEXT)")
        database.execute("INSERT INTO identities VALUES ('x', '1462')")
    expected = {"a.parquet", "numbers.parquet", "a.json", "a.csv", "a.ndjson", "a.db"}
    assert kinds(tmp_path) == {name: {"shop's id"} for name in expected}


def test_a_long_id_is_looked_for_in_every_byte(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x00\x01" + LONG.source_id.encode() + b"\x02")
    assert kinds(tmp_path, LONG) == {"a.bin": {"shop's id"}}


def test_a_file_that_cannot_be_read_is_no_proof(tmp_path: Path) -> None:
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(SearchFailed, match=r"cut\.parquet could not be looked through"):
        search(tmp_path, [ANNA])


def test_many_people_are_looked_for_in_one_pass(tmp_path: Path) -> None:
    people = [Subject(f"id {one}", (f"c1_{one:032x}",), "n0_0") for one in range(2_000)]
    (tmp_path / "a.txt").write_text(" ".join(one.pseudonyms[0] for one in people[::2]))
    (trace,) = search(tmp_path, people)
    assert trace.n == 1_000
