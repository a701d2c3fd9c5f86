"""The traps of the Complete Journey: on hand-worked rows, then on the real data."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.settings import Settings
from features.errors import SourcePackageMissing, SourceUnreadable
from features.ingest import IngestResult, ingest
from features.lake import Lake
from features.sources import complete_journey
from features.sources.complete_journey import CompleteJourneySource, installed_data, refuses
from privacy.consent import PURPOSES

EASTERN = ZoneInfo("America/New_York")
NOON = datetime(2017, 3, 6, 17)
TRANSACTIONS = (
    "household_id store_id basket_id product_id quantity sales_value retail_disc coupon_disc coupon_match_disc week "
    "transaction_timestamp"
)
PRODUCTS = "product_id manufacturer_id department brand product_category product_type package_size"

# product, department, category: what each is
GOODS: Mapping[int, tuple[str, str | None]] = {
    1: ("GROCERY", "FLUID MILK PRODUCTS"),
    2: ("FLORAL", "GIFT & FRUIT BASKETS"),
    3: ("NUTRITION", None),
    4: ("PRODUCE", "TROPICAL FRUIT"),
    5: ("DRUG GM", "CANDY"),
}
NOT_GOODS: Mapping[int, tuple[str, str | None]] = {
    10: ("FUEL", "FUEL"),
    11: ("MISCELLANEOUS", None),
    12: ("COUPON", "COUPONS/STORE & MFG"),
    13: ("CNTRL/STORE SUP", None),
    14: ("POSTAL CENTER", None),
    15: ("PHOTO & VIDEO", None),
    16: ("PROD-WHS SALES", None),
    17: ("CHARITABLE CONT", None),
    20: ("GROCERY", "COUPON/MISC ITEMS"),
    21: ("AUTOMOTIVE", "GASOLINE-REG UNLEADED"),
    22: ("DRUG GM", "GIFT CARDS"),
    23: ("MEAT", "COUPON"),
}


def line(**changes: object) -> dict[str, object]:
    values = (7, 300, 1000, 1, 1, 2.0, 0.5, 0.0, 0.25, 11, NOON)
    return {**dict(zip(TRANSACTIONS.split(), values, strict=True)), **changes}


def write_data(folder: Path, lines: list[dict[str, object]], promotions: list[tuple[int, int, str, str, int]]) -> None:
    folder.mkdir()
    described = {**GOODS, **NOT_GOODS}
    tables: dict[str, pa.Table] = {
        "transactions": pa.Table.from_pylist(lines),
        "products": pa.table(
            list(zip(*((i, 69, d, "National", g, "TYPE", "1 LB") for i, (d, g) in described.items()), strict=True)),
            names=PRODUCTS.split(),
        ),
        "promotions": pa.table(
            list(zip(*promotions, strict=True)),
            names=["product_id", "store_id", "display_location", "mailer_location", "week"],
        ),
        "demographics": pa.table({"household_id": [7], "age": ["45-54"], "income": ["35-49K"]}),
        "campaigns": pa.table({"campaign_id": [1], "household_id": [7]}),
        "campaign_descriptions": pa.table(
            {"campaign_id": [1], "campaign_type": ["Type A"], "start_date": [datetime(2017, 3, 3)]}
        ),
        "coupon_redemptions": pa.table(
            {"household_id": [7], "coupon_upc": [5], "campaign_id": [1], "redemption_date": [datetime(2017, 7, 4)]}
        ),
    }
    for name, rows in tables.items():
        pq.write_table(rows, folder / f"{name}.parquet")


def run(folder: Path, settings: Settings) -> IngestResult:
    source = CompleteJourneySource(folder, refusal_share=0.0)
    lenient = settings.ingest.model_copy(update={"max_reject_share": 1.0})
    return ingest(source, settings.storage, lenient, settings.privacy, now=datetime.now(UTC), progress=lambda _: None)


ONE_PROMOTION = [(1, 300, "0", "A", 2)]


def test_amounts_follow_the_price_definitions(tmp_path: Path, settings: Settings) -> None:
    write_data(tmp_path / "data", [line(quantity=2, coupon_disc=3.5)], ONE_PROMOTION)
    (row,) = run(tmp_path / "data", settings).lake.read("transactions").to_dict("records")
    assert (row["quantity"], row["paid_amount"]) == (2.0, 2.0)
    assert row["shelf_amount"] == pytest.approx(2.0 + 0.5 + 0.25)
    assert (row["loyalty_discount"], row["coupon_discount"]) == (0.5, 3.5)
    assert (row["product_id"], row["store_id"], row["basket_id"]) == ("1", "300", "1000")
    assert row["event_timestamp"] == datetime(2017, 3, 6, 17, tzinfo=UTC)


def test_lines_without_units_or_money_are_refused_and_large_coupons_are_not(tmp_path: Path, settings: Settings) -> None:
    lines = [line(quantity=0), line(sales_value=0.0), line(quantity=0, sales_value=0.0), line(coupon_disc=9.0)]
    write_data(tmp_path / "data", lines, ONE_PROMOTION)
    result = run(tmp_path / "data", settings)
    assert result.lake.read("transactions")["coupon_discount"].tolist() == [9.0]
    refused = pd.read_parquet(settings.storage.lake / "rejects" / "transactions.parquet")
    assert refused["source_row"].tolist() == [1, 2, 3]
    assert refused["reason"].tolist() == [
        "quantity is not above 0, or too large",
        "paid_amount is not above 0, or too large",
        "quantity is not above 0, or too large; paid_amount is not above 0, or too large",
    ]


def test_what_is_not_merchandise_is_flagged_and_kept(tmp_path: Path, settings: Settings) -> None:
    fuel = line(product_id=10, quantity=12_345)  # 12.345 gallons
    write_data(tmp_path / "data", [line(), fuel], ONE_PROMOTION)
    lake = run(tmp_path / "data", settings).lake
    flags = lake.read("products").set_index("product_id")["is_merchandise"].to_dict()
    assert flags == {str(n): n in GOODS for n in (*GOODS, *NOT_GOODS)}
    lines = lake.read("transactions").set_index("product_id")
    assert lines.loc["10", "quantity"] == 12_345
    assert lines.loc[[product for product in lines.index if flags[product]], "quantity"].sum() == 1


def test_products_sold_by_weight_show_by_their_prices(tmp_path: Path, settings: Settings) -> None:
    """Thirty lines of one piece: 12 prices are many, 11 are few; 29 lines are too few to tell; pairs do not count."""
    lines = [line(product_id=4, sales_value=1.0 + n % 12) for n in range(30)]
    lines += [line(product_id=1, sales_value=1.0 + n % 11) for n in range(30)]
    lines += [line(product_id=3, sales_value=1.0 + n) for n in range(29)]
    lines += [line(product_id=5, quantity=2, sales_value=1.0 + n) for n in range(60)]
    write_data(tmp_path / "data", lines, ONE_PROMOTION)
    flags = run(tmp_path / "data", settings).lake.read("products").set_index("product_id")["sold_by_weight"]
    assert flags[flags].index.tolist() == ["4"]


def test_a_frequent_product_needs_a_quarter_as_many_prices_up_to_sixty(tmp_path: Path, settings: Settings) -> None:
    lines = [line(product_id=1, sales_value=1.0 + n % 24) for n in range(100)]  # 24 of 100: packaged
    lines += [line(product_id=4, sales_value=1.0 + n % 25) for n in range(100)]  # 25 of 100: weighed
    lines += [line(product_id=2, sales_value=1.0 + n % 59) for n in range(1000)]  # 59: packaged
    lines += [line(product_id=5, sales_value=1.0 + n % 60) for n in range(1000)]  # 60: weighed
    write_data(tmp_path / "data", lines, ONE_PROMOTION)
    flags = run(tmp_path / "data", settings).lake.read("products").set_index("product_id")["sold_by_weight"]
    assert flags[flags].index.tolist() == ["4", "5"]


def test_weeks_are_mondays_of_the_trading_calendar(tmp_path: Path, settings: Settings) -> None:
    weeks = [(1, 300, "0", "A", week) for week in (1, 2, 53)]
    write_data(tmp_path / "data", [line()], weeks)
    lake = run(tmp_path / "data", settings).lake
    assert lake.read("promotions")["week_start"].tolist() == [date(2016, 12, 26), date(2017, 1, 2), date(2017, 12, 25)]
    assert lake.manifest.trading_time_zone == "America/New_York"


def test_repeated_promotion_keys_keep_the_strongest_placement(tmp_path: Path, settings: Settings) -> None:
    rows = [(1, 300, "0", "D", 2), (1, 300, "7", "0", 2), (1, 300, "A", "A", 3), (1, 301, "9", "A", 2)]
    write_data(tmp_path / "data", [line()], rows)
    found = run(tmp_path / "data", settings).lake.read("promotions").drop(columns=["week_start", "product_id"])
    assert found.to_numpy().tolist() == [["300", "7", "D"], ["301", "9", "A"], ["300", "A", "A"]]


def test_days_become_moments_that_never_come_too_early(tmp_path: Path, settings: Settings) -> None:
    write_data(tmp_path / "data", [line()], ONE_PROMOTION)
    lake = run(tmp_path / "data", settings).lake
    (campaign,) = lake.read("campaigns").to_dict("records")
    assert campaign["event_timestamp"] == datetime(2017, 3, 3, tzinfo=EASTERN)
    assert campaign["kind"] == "Type A"
    (redemption,) = lake.read("redemptions").to_dict("records")
    assert redemption["event_timestamp"] == datetime(2017, 7, 4, 23, 59, 59, tzinfo=EASTERN)


def test_made_up_consents_say_so_and_begin_with_the_data(tmp_path: Path) -> None:
    write_data(tmp_path / "data", [line(household_id=n) for n in range(2000)], ONE_PROMOTION)
    (batch,) = CompleteJourneySource(tmp_path / "data", refusal_share=0.03).tables()["consents"].batches()
    consents = batch.rows.to_pandas()
    assert set(consents["source"]) == {"demonstration, made up"}
    assert set(consents["version"]) == {"demo-1"}
    assert set(consents["event_timestamp"]) == {pd.Timestamp(NOON, tz="UTC")}
    assert len(consents) == 2000 * len(PURPOSES)
    refusals = consents[~consents["granted"]].groupby("purpose")["customer_id"].agg(set)
    assert all(0.015 < len(refusals[purpose]) / 2000 < 0.045 for purpose in PURPOSES)
    both = refusals["marketing"] & refusals["personalization"]
    assert len(both) < 0.3 * len(refusals["marketing"])  # independent: one refusal does not bring the other


def test_refusals_are_the_same_every_time_and_grow_with_the_share() -> None:
    few = {n for n in range(3000) if refuses(str(n), "marketing", 0.03)}
    many = {n for n in range(3000) if refuses(str(n), "marketing", 0.1)}
    assert few == {n for n in range(3000) if refuses(str(n), "marketing", 0.03)}
    assert few < many


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    write_data(tmp_path / "data", [line()], ONE_PROMOTION)
    (tmp_path / "data" / "products.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceUnreadable, match=r"products\.parquet"):
        CompleteJourneySource(tmp_path / "data", refusal_share=0.0)
    (tmp_path / "data" / "products.parquet").unlink()
    with pytest.raises(SourceUnreadable, match=r"products\.parquet.*missing"):
        CompleteJourneySource(tmp_path / "data", refusal_share=0.0)


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (installed_data() / "transactions.parquet").exists()
    monkeypatch.setattr(complete_journey, "PACKAGE", "no_such_package")
    with pytest.raises(SourcePackageMissing, match="pip install"):
        installed_data()


@pytest.mark.real_data
def test_the_whole_year_has_its_known_counts(complete_journey_lake: Lake) -> None:
    lake = complete_journey_lake
    assert {table: entry.rows for table, entry in lake.manifest.tables.items()} == {
        "transactions": 1_469_307 - 11_275,
        "products": 92_331 + 3,  # three products were sold but are not described
        "promotions": 20_940_529 - 12_785,
        "campaigns": 6_589,
        "redemptions": 2_102,
        "consents": 4 * 2_469,
    }
    assert lake.manifest.data_start == datetime(2017, 1, 1, 11, 53, 26, tzinfo=UTC)
    assert lake.manifest.data_end == datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)
    refused = pd.read_parquet(lake.root / "rejects" / "transactions.parquet")
    assert len(refused) == 11_275
    assert refused["reason"].str.contains("quantity").sum() == 8_869
    assert refused["reason"].str.contains("paid_amount").sum() == 11_226


@pytest.mark.real_data
def test_the_whole_year_without_fuel_counts_plausible_units(complete_journey_lake: Lake) -> None:
    products = complete_journey_lake.read("products", ["product_id", "is_merchandise", "sold_by_weight", "department"])
    lines = complete_journey_lake.read("transactions").merge(products, on="product_id", validate="many_to_one")
    goods = lines[lines["is_merchandise"]]
    assert lines["customer_id"].nunique() == 2_469
    assert (lines["coupon_discount"] > lines["paid_amount"]).sum() == 509
    assert (lines["quantity"] > 50).sum() == 13_519
    assert (goods["quantity"] > 50).sum() == 8
    assert goods["quantity"].sum() / lines["quantity"].sum() < 0.02
    weighed = products[products["sold_by_weight"] & products["is_merchandise"]]
    assert len(weighed) == 436
    assert weighed["department"].isin(["MEAT", "DELI", "PRODUCE", "SEAFOOD", "SALAD BAR"]).sum() == 421


@pytest.mark.real_data
def test_the_whole_year_keeps_its_trading_weeks(complete_journey_lake: Lake) -> None:
    """The source's own week number agrees with the Monday of the trading calendar on every line."""
    raw = pd.read_parquet(installed_data() / "transactions.parquet", columns=["week", "transaction_timestamp"])
    local = (
        raw["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert(EASTERN).dt.tz_localize(None).dt.normalize()
    )
    mondays = local - pd.to_timedelta(local.dt.dayofweek, unit="D")
    assert (mondays == pd.Timestamp("2016-12-26") + pd.to_timedelta(7 * (raw["week"] - 1), unit="D")).all()
    promoted = pq.read_table(complete_journey_lake.path("promotions"), columns=["week_start", "store_id"])
    assert len(promoted["week_start"].unique()) == 53
    assert len(promoted["store_id"].unique()) == 112
    assert complete_journey_lake.read("transactions", ["store_id"])["store_id"].nunique() > 400


@pytest.mark.real_data
def test_the_recommendation_protocol_finds_its_products_and_customers(complete_journey_lake: Lake) -> None:
    products = complete_journey_lake.read("products", ["product_id", "is_merchandise"])
    lines = complete_journey_lake.read("transactions", ["customer_id", "product_id", "event_timestamp"]).merge(products)
    lines = lines[lines["is_merchandise"]]
    cut_off = pd.Timestamp("2017-12-04", tz="UTC")
    before, after = lines[lines["event_timestamp"] < cut_off], lines[lines["event_timestamp"] >= cut_off]
    n_buyers = before.groupby("product_id")["customer_id"].nunique()
    catalogue = set(n_buyers.index[n_buyers >= 5])
    judged = set(after.loc[after["product_id"].isin(catalogue), "customer_id"]) & set(before["customer_id"])
    assert (len(catalogue), len(judged)) == (24_374, 1_979)
