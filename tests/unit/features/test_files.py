"""Folders of CSV and Parquet files."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.errors import SourceMissing, SourceTablesUnfit, SourceUnreadable, TableEmpty
from features.sources.files import FileSource
from features.sources.source import SourceTable

HEADER = "customer_id,product_id,store_id,basket_id,event_timestamp,quantity,paid_amount"


def rows_of(table: SourceTable) -> list[tuple[int, dict[str, object]]]:
    return [
        (int(place), row)
        for batch in table.batches()
        for place, row in zip(batch.source_rows, batch.rows.to_pylist(), strict=True)
    ]


def read(folder: Path, table: str) -> list[tuple[int, dict[str, object]]]:
    return rows_of(FileSource(folder, trading_time_zone="UTC").tables()[table])


def test_csv_and_parquet_give_the_same_rows(shop: Path) -> None:
    texts = pd.read_csv(shop / "products.csv", dtype=str)
    from_csv = read(shop, "products")
    (shop / "products.csv").unlink()
    texts.to_parquet(shop / "products.parquet")
    assert read(shop, "products") == from_csv
    assert len(from_csv) == 12
    assert from_csv[0] == (1, {**from_csv[0][1], "product_id": "bread", "unit_cost": "1.90"})


def test_only_an_empty_cell_is_missing(tmp_path: Path) -> None:
    (tmp_path / "transactions.csv").write_text(f'{HEADER}\nNA,null,,"",nan,"a,\n b",\'\n')
    ((_, row),) = read(tmp_path, "transactions")
    assert list(row.values()) == ["NA", "null", None, None, "nan", "a,\n b", "'"]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "transactions.csv").write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\r\na,b,c,d,e,1,2\r\n".encode())
    ((place, row),) = read(tmp_path, "transactions")
    assert (place, row["customer_id"], row["paid_amount"]) == (1, "a", "2")


def test_rows_with_too_many_or_too_few_cells_are_kept_apart_and_counted(tmp_path: Path) -> None:
    lines = ["1,b,c,d,e,1,2", "2,short", "3,b,c,d,e,1,2", "4,b,c,d,e,1,2,more,more", "5,short", "6,b,c,d,e,1,2"]
    (tmp_path / "transactions.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    table = FileSource(tmp_path, trading_time_zone="UTC").tables()["transactions"]
    places = [(place, row["customer_id"]) for place, row in rows_of(table)]
    assert places == [(1, "1"), (3, "3"), (6, "6")]
    assert [(row.source_row, row.reason) for row in table.malformed()] == [
        (2, "the row has 2 cells instead of 7"),
        (4, "the row has 9 cells instead of 7"),
        (5, "the row has 2 cells instead of 7"),
    ]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="nowhere"):
        FileSource(tmp_path / "nowhere", trading_time_zone="UTC")


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(SourceTablesUnfit, match=r"no transactions\.csv.*\n.*tables: transactions, products"):
        FileSource(tmp_path, trading_time_zone="UTC")


def test_everything_wrong_with_a_folder_is_listed_at_once(shop: Path) -> None:
    (shop / "sales.csv").write_text("a\n1\n")
    (shop / "inventory.xlsx").write_text("")
    (shop / "campaigns").mkdir()
    pd.DataFrame({"product_id": ["a"]}).to_parquet(shop / "products.parquet")
    with pytest.raises(SourceTablesUnfit) as failure:
        FileSource(shop, trading_time_zone="UTC")
    for part in ("sales.csv", "inventory.xlsx", "campaigns is not", "products.csv and products.parquet are both there"):
        assert part in str(failure.value)


def test_reading_matter_and_hidden_files_are_passed_over(shop: Path) -> None:
    (shop / ".DS_Store").write_text("")
    (shop / "notes.txt").write_text("")
    assert set(FileSource(shop, trading_time_zone="UTC").tables()) == {
        "transactions",
        "products",
        "promotions",
        "consents",
    }


def test_a_parquet_file_cut_short(shop: Path) -> None:
    path = shop / "transactions.parquet"
    pd.read_csv(shop / "transactions.csv").to_parquet(path)
    (shop / "transactions.csv").unlink()
    whole = path.read_bytes()
    for kept in (whole[: len(whole) // 2], b"", b"PAR1"):
        path.write_bytes(kept)
        with pytest.raises(SourceUnreadable, match=r"transactions\.parquet cannot be read"):
            FileSource(shop, trading_time_zone="UTC").tables()


def test_a_parquet_file_damaged_inside_shows_when_read(shop: Path) -> None:
    path = shop / "transactions.parquet"
    pd.read_csv(shop / "transactions.csv").to_parquet(path)
    (shop / "transactions.csv").unlink()
    start = pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset
    damaged = bytearray(path.read_bytes())
    damaged[start : start + 40] = b"\xff" * 40
    path.write_bytes(damaged)
    with pytest.raises(SourceUnreadable, match=r"transactions\.parquet cannot be read"):
        read(shop, "transactions")


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "transactions.csv"
    path.write_bytes(f"{HEADER}\n".encode() + "é,b,c,d,e,1,2\n".encode("latin-1"))
    with pytest.raises(SourceUnreadable, match="save it as CSV UTF-8"):
        read(tmp_path, "transactions")
    path.write_bytes(f"{HEADER}\na,b,c,d,e,1,2\n".encode("utf-16"))
    with pytest.raises(SourceUnreadable, match="save it as CSV UTF-8"):
        read(tmp_path, "transactions")


def test_a_file_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "transactions.csv").write_text("")
    with pytest.raises(TableEmpty, match=r"transactions\.csv"):
        FileSource(tmp_path, trading_time_zone="UTC").tables()
