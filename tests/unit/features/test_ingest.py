"""The door into the lake, from files to a published lake."""

import errno
import fcntl
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from configs.settings import Settings
from features import lake_tables
from features.errors import ColumnsUnfit, DiskFull, FeatureError, IngestRunning, TableEmpty, TooManyRejects
from features.ingest import IngestResult, ingest, ingest_files
from features.lake import Lake
from features.sources.files import FileSource
from privacy.consent import MARKETING, PERSONALIZATION, PURPOSES, ConsentLedger
from privacy.errors import KeyMissing
from privacy.pseudonyms import load_pseudonymizer
from privacy.state import open_state
from privacy.vault import open_vault

NOW = datetime(2025, 6, 5, tzinfo=UTC)


def run(folder: Path, settings: Settings, *, now: datetime = NOW) -> IngestResult:
    source = FileSource(folder, trading_time_zone="UTC")
    return ingest(source, settings.storage, settings.ingest, settings.privacy, now=now, progress=lambda _: None)


def append(folder: Path, table: str, *lines: str) -> None:
    with (folder / f"{table}.csv").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def line(customer: str = "ada", product: str = "milk", quantity: str = "1", at: str = "2025-02-03T08:00:00Z") -> str:
    return f"{customer},{product},corner,b900,{at},{quantity},1.40,1.40,0.00,store"


def test_the_corner_shop_comes_through_whole(shop: Path, settings: Settings) -> None:
    said: list[str] = []
    result = ingest_files(shop, settings.storage, settings.ingest, settings.privacy, said.append)
    lake = Lake.open(settings.storage.lake)
    assert {table: entry.rows for table, entry in lake.manifest.tables.items()} == {
        "transactions": 353,
        "products": 12,
        "promotions": 4,
        "consents": 26,
    }
    assert lake.manifest.data_start == datetime(2025, 2, 3, 8, tzinfo=UTC)
    assert lake.manifest.data_end == datetime(2025, 6, 1, 11, tzinfo=UTC)
    assert lake.read("transactions")["paid_amount"].sum() == pytest.approx(954.86)
    assert (result.n_customers, result.n_new_consents) == (8, 26)
    assert any("transactions" in text for text in said)
    assert not list((settings.storage.lake / "rejects").iterdir())
    assert result.report_page.exists()


def test_transactions_have_the_promised_types_order_and_defaults(shop: Path, settings: Settings) -> None:
    rows = pd.read_csv(shop / "transactions.csv", dtype=str)
    rows.drop(columns=["shelf_amount", "channel"]).sample(frac=1, random_state=1).to_csv(
        shop / "transactions.csv", index=False
    )
    run(shop, settings)
    lines = Lake.open(settings.storage.lake).read("transactions")
    assert lines.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(("customer_id", "product_id", "store_id", "basket_id", "channel"), "object"),
        "event_timestamp": "datetime64[us, UTC]",
        **dict.fromkeys(("quantity", "paid_amount", "shelf_amount", "loyalty_discount", "coupon_discount"), "float64"),
    }
    ordered = lines.sort_values(["event_timestamp", "basket_id", "product_id"], kind="stable")
    assert ordered.index.tolist() == lines.index.tolist()
    assert (lines["shelf_amount"] - lines["paid_amount"] - lines["loyalty_discount"]).abs().max() < 1e-9
    assert (lines["loyalty_discount"] > 0).sum() == (rows["loyalty_discount"] != "0.00").sum()
    assert (lines["coupon_discount"] == 0).all()
    assert lines["channel"].isna().all()


def test_a_discount_not_supplied_follows_from_the_two_amounts(shop: Path, settings: Settings) -> None:
    rows = pd.read_csv(shop / "transactions.csv", dtype=str)
    rows.drop(columns=["loyalty_discount"]).to_csv(shop / "transactions.csv", index=False)
    run(shop, settings)
    found = Lake.open(settings.storage.lake).read("transactions")["loyalty_discount"]
    assert found.sum() == pytest.approx(rows["loyalty_discount"].astype(float).sum())


def test_customers_carry_pseudonyms_everywhere_and_the_vault_knows_them(shop: Path, settings: Settings) -> None:
    append(shop, "transactions", line("grumpy-id", quantity="0"))
    run(shop, settings)
    pseudonymizer = load_pseudonymizer(settings.storage.keys, settings.privacy)
    lake = Lake.open(settings.storage.lake)
    names = ["ada", "ben", "cleo", "dan", "eva", "finn", "gus", "hana"]
    expected = {pseudonymizer.pseudonym(name): name for name in names}
    assert set(lake.read("transactions")["customer_id"]) == set(expected)
    vault = open_vault(settings.storage.vault)
    assert vault.resolve(list(expected), role="privacy", reason="test") == expected
    refused = pd.read_parquet(settings.storage.lake / "rejects" / "transactions.parquet")
    assert refused["customer_id"].tolist() == [pseudonymizer.pseudonym("grumpy-id")]
    held = b"".join(path.read_bytes() for path in settings.storage.lake.rglob("*") if path.is_file())
    assert b"grumpy-id" not in held
    assert b"grumpy-id" not in settings.storage.state_db.read_bytes()


def test_bad_rows_are_kept_with_their_reasons(shop: Path, settings: Settings) -> None:
    append(shop, "transactions", line(quantity="0"), line(quantity="x", product=""), "short,row")
    result = run(shop, settings)
    refused = pd.read_parquet(settings.storage.lake / "rejects" / "transactions.parquet")
    assert refused["source_row"].tolist() == [354, 355, 356]
    assert refused["reason"].tolist() == [
        "quantity is not above 0, or too large",
        "product_id is missing; quantity is not a number",
        "the row has 2 cells instead of 10",
    ]
    assert refused["quantity"].tolist() == ["0", "x", None]
    (report,) = [table for table in result.report.tables if table.table == "transactions"]
    assert (report.n_rows, report.n_accepted, report.n_rejected) == (356, 353, 3)
    assert report.reject_reasons["product_id is missing"] == 1


def test_too_many_bad_rows_fail_the_run_and_leave_the_old_lake(shop: Path, settings: Settings) -> None:
    run(shop, settings)
    before = Lake.open(settings.storage.lake).manifest
    append(shop, "transactions", *[line(quantity="0")] * 30)
    append(shop, "products", *[f"new{n},,,,,,minus,,maybe" for n in range(3)])
    with pytest.raises(TooManyRejects) as failure:
        run(shop, settings)
    message = str(failure.value)
    kept = settings.storage.reports / "rejects-failed"
    for part in (
        "5.0%",
        "transactions: 30 of 383 rows (7.8%)",
        "not above 0, or too large: 30",
        "products: 3 of 15",
        str(kept),
    ):
        assert part in message
    assert "ada" not in message
    assert len(pd.read_parquet(kept / "transactions.parquet")) == 30
    assert pd.read_parquet(kept / "products.parquet")["reason"].unique().tolist() == [
        "unit_cost is not a number; sold_by_weight is not true or false"
    ]
    assert Lake.open(settings.storage.lake).manifest == before
    assert not list(settings.storage.root.glob(".ingest-*"))


def test_the_share_is_a_limit_not_a_target(shop: Path, settings: Settings) -> None:
    append(shop, "transactions", *[line(quantity="0")] * 18)  # 18 of 371 rows are 4.9%
    assert run(shop, settings).lake.manifest.tables["transactions"].rows == 353


def test_ingesting_again_gives_the_same_lake_and_adds_no_consent(shop: Path, settings: Settings) -> None:
    first = run(shop, settings)
    again = run(shop, settings, now=datetime(2025, 7, 1, tzinfo=UTC))
    assert again.lake.manifest.snapshot_digest == first.lake.manifest.snapshot_digest
    assert again.lake.manifest.created_at != first.lake.manifest.created_at
    assert (first.n_new_consents, again.n_new_consents) == (26, 0)
    append(shop, "transactions", line())
    assert run(shop, settings).lake.manifest.snapshot_digest != first.lake.manifest.snapshot_digest


def test_the_order_of_the_rows_does_not_change_the_lake(shop: Path, settings: Settings) -> None:
    first = run(shop, settings).lake.manifest.tables
    for path in shop.glob("*.csv"):
        pd.read_csv(path, dtype=str).sample(frac=1, random_state=3).to_csv(path, index=False)
    assert run(shop, settings).lake.manifest.tables == first


def test_consents_arrive_in_the_ledger(shop: Path, settings: Settings) -> None:
    run(shop, settings)
    name = load_pseudonymizer(settings.storage.keys, settings.privacy).pseudonym
    engine = open_state(settings.storage.state_db)
    ledger = ConsentLedger(engine)
    assert not ledger.granted(name("finn"), PERSONALIZATION, NOW).granted
    assert ledger.granted(name("ada"), PERSONALIZATION, NOW).version == "form-1"
    assert ledger.granted(name("hana"), MARKETING, datetime(2025, 5, 2, tzinfo=UTC)).granted
    assert not ledger.granted(name("hana"), MARKETING, datetime(2025, 5, 3, tzinfo=UTC)).granted
    assert {p: len(ledger.granted_customers(p, NOW)) for p in PURPOSES} == {
        "personalization": 7,
        "marketing": 6,
        "model_training": 7,
        "price_personalization": 0,
    }
    engine.dispose()


def test_promotions_of_one_key_become_one_with_the_strongest_placement(shop: Path, settings: Settings) -> None:
    (shop / "promotions.csv").write_text(
        "product_id,store_id,week_start,display,mailer\n"
        "milk,corner,2025-02-03,0,A\nmilk,corner,2025-02-03,5,0\nmilk,corner,2025-02-10,0,0\ntea,corner,2025-02-03,,\n"
    )
    result = run(shop, settings)
    found = Lake.open(settings.storage.lake).read("promotions")
    assert found.astype(str).to_numpy().tolist() == [
        ["milk", "corner", "2025-02-03", "5", "A"],
        ["tea", "corner", "2025-02-03", "None", "None"],
        ["milk", "corner", "2025-02-10", "0", "0"],
    ]
    (report,) = [table for table in result.report.tables if table.table == "promotions"]
    assert (report.n_rows, report.n_accepted, report.n_merged, report.n_written) == (4, 4, 1, 3)


def test_a_product_described_twice_keeps_its_first_row(shop: Path, settings: Settings) -> None:
    products = pd.read_csv(shop / "products.csv", dtype=str)
    many = products.loc[[0] * 40].assign(product_id=[f"extra{n}" for n in range(40)])
    second = products.loc[[0]].assign(department="ELSEWHERE")
    pd.concat([products, many, second]).to_csv(shop / "products.csv", index=False)
    run(shop, settings)
    found = Lake.open(settings.storage.lake).read("products").set_index("product_id")
    assert found.loc["bread", "department"] == "BAKERY"
    refused = pd.read_parquet(settings.storage.lake / "rejects" / "products.parquet")
    assert refused[["source_row", "product_id", "department", "reason"]].to_numpy().tolist() == [
        [53, "bread", "ELSEWHERE", "repeats the product_id of an earlier row"]
    ]


def test_a_product_sold_but_not_described_keeps_a_row_outside_the_catalogue(shop: Path, settings: Settings) -> None:
    append(shop, "transactions", line(product="mystery"), line(product="mystery"))
    result = run(shop, settings)
    products = Lake.open(settings.storage.lake).read("products").set_index("product_id")
    assert len(products) == 13
    assert not products.loc["mystery", "is_merchandise"]
    assert pd.isna(products.loc["mystery", "department"])
    assert products.drop(index="mystery")["is_merchandise"].all()
    assert any("2 rows name 1 product_id values that products does not hold" in text for text in result.report.warnings)


def test_transactions_alone_are_enough(shop: Path, settings: Settings) -> None:
    for name in ("products", "promotions", "consents"):
        (shop / f"{name}.csv").unlink()
    lake = run(shop, settings).lake
    products = lake.read("products")
    assert len(products) == 12
    assert products["is_merchandise"].all()
    assert set(lake.manifest.tables) == {"transactions", "products"}


def test_every_table_of_the_contracts_can_be_given(shop: Path, settings: Settings) -> None:
    at = "2025-02-03T08:00:00Z"
    (shop / "inventory.csv").write_text(f"product_id,store_id,event_timestamp,on_hand\nmilk,corner,{at},12\n")
    (shop / "campaigns.csv").write_text(f"campaign_id,customer_id,event_timestamp,kind\nspring,ada,{at},flyer\n")
    (shop / "redemptions.csv").write_text(
        f"campaign_id,customer_id,event_timestamp\nspring,ada,{at}\nautumn,ada,{at}\n"
    )
    result = run(shop, settings)
    lake = result.lake
    assert lake.read("inventory")["on_hand"].tolist() == [12.0]
    assert lake.read("campaigns")["kind"].tolist() == ["flyer"]
    assert set(lake.read("redemptions")["campaign_id"]) == {"autumn", "spring"}
    assert any("1 rows name 1 campaign_id values that campaigns" in text for text in result.report.warnings)


def test_tables_with_a_header_alone_are_empty_tables(shop: Path, settings: Settings) -> None:
    (shop / "consents.csv").write_text("customer_id,purpose,granted,event_timestamp\n")
    (shop / "promotions.csv").write_text("product_id,store_id,week_start\n")
    result = run(shop, settings)
    assert result.lake.read("consents").empty
    assert result.n_new_consents == 0
    (shop / "transactions.csv").write_text(
        "customer_id,product_id,store_id,basket_id,event_timestamp,quantity,paid_amount\n"
    )
    with pytest.raises(TableEmpty, match=r"transactions\.csv"):
        run(shop, settings)


def test_columns_outside_the_contract_are_named_as_ignored(shop: Path, settings: Settings) -> None:
    rows = pd.read_csv(shop / "transactions.csv", dtype=str)
    rows.assign(cashier="x", till="1").to_csv(shop / "transactions.csv", index=False)
    result = run(shop, settings)
    assert any("ignored: cashier, till" in text for text in result.report.warnings)


@pytest.mark.parametrize("column", ["customer_id", "paid_amount"])
def test_a_missing_column_names_file_and_column(shop: Path, settings: Settings, column: str) -> None:
    pd.read_csv(shop / "transactions.csv", dtype=str).drop(columns=[column]).to_csv(
        shop / "transactions.csv", index=False
    )
    with pytest.raises(ColumnsUnfit, match=rf"transactions\.csv.*column {column} is missing"):
        run(shop, settings)


def test_a_parquet_column_of_a_hopeless_type_is_named(shop: Path, settings: Settings) -> None:
    rows = pd.read_csv(shop / "transactions.csv", dtype=str)
    (shop / "transactions.csv").unlink()
    rows.assign(quantity=pd.Series([[1]] * len(rows), dtype=object)).to_parquet(shop / "transactions.parquet")
    with pytest.raises(ColumnsUnfit, match=r"transactions\.parquet.*column quantity holds list"):
        run(shop, settings)


def test_production_without_a_key_stops_before_reading(shop: Path, settings: Settings) -> None:
    strict = settings.privacy.model_copy(update={"create_missing_keys": False})
    with pytest.raises(KeyMissing, match=r"pseudonym_v1\.key"):
        run(shop, settings.model_copy(update={"privacy": strict}))
    assert not settings.storage.lake.exists()


def test_two_ingests_do_not_meet(shop: Path, settings: Settings) -> None:
    settings.storage.root.mkdir(parents=True)
    with (settings.storage.root / ".ingest.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(IngestRunning):
            run(shop, settings)
    run(shop, settings)


def test_a_full_disk_leaves_the_old_lake(shop: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    run(shop, settings)
    before = Lake.open(settings.storage.lake).manifest

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lake_tables.LakeTables, "write", full)
    with pytest.raises(DiskFull, match="untouched"):
        run(shop, settings)
    assert Lake.open(settings.storage.lake).manifest == before
    assert not list(settings.storage.root.glob(".ingest-*"))


def test_what_a_killed_run_left_is_swept_up(shop: Path, settings: Settings) -> None:
    left = settings.storage.root / ".ingest-killed"
    left.mkdir(parents=True)
    (left / "half.parquet").write_text("half")
    run(shop, settings)
    assert not left.exists()


def test_the_report_is_written_for_programs_and_people(shop: Path, settings: Settings) -> None:
    result = run(shop, settings)
    written = json.loads((settings.storage.reports / "data-report.json").read_text())
    assert written == json.loads(result.report.model_dump_json())
    assert "corner" not in result.report_page.read_text()


QUANTITY = st.sampled_from(["1", "2.5", "0", "-1", "", "x", "inf", "1e12"])
PRODUCT = st.sampled_from(["milk", "tea", "", "x" * 129])


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(PRODUCT, QUANTITY), min_size=1, max_size=12), st.integers(0, 3))
def test_every_row_read_is_kept_or_refused(
    tmp_path: Path, settings: Settings, rows: list[tuple[str, str]], n_short: int
) -> None:
    folder = tmp_path / "any"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "transactions.csv").write_text(
        "customer_id,product_id,store_id,basket_id,event_timestamp,quantity,paid_amount,shelf_amount,loyalty_discount,channel\n"
    )
    append(folder, "transactions", line(), *[line(product=p, quantity=q) for p, q in rows], *["short"] * n_short)
    lenient = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"max_reject_share": 1.0})})
    result = run(folder, lenient)
    (report,) = result.report.tables
    n_input = 1 + len(rows) + n_short
    assert report.n_rows == n_input == report.n_accepted + report.n_rejected
    assert report.n_accepted == len(result.lake.read("transactions"))
    n_good = sum(product in ("milk", "tea") and quantity in ("1", "2.5") for product, quantity in rows)
    assert report.n_accepted == 1 + n_good
    path = settings.storage.lake / "rejects" / "transactions.parquet"
    assert report.n_rejected == (len(pd.read_parquet(path)) if path.exists() else 0)


def test_every_failure_is_one_of_ours() -> None:
    for failure in (ColumnsUnfit, DiskFull, IngestRunning, TableEmpty, TooManyRejects):
        assert issubclass(failure, FeatureError)
