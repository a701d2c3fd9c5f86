"""Suggestions for everything at once: a row for every product, as a request gets it, stored only when submitted."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from serving.errors import FieldsInvalid
from serving.pricing import batch
from serving.pricing.assembly import Pricing
from serving.pricing.batch import SCHEMA, Outcome, read_inputs, suggest_everything
from serving.pricing.desk import Desk
from serving.pricing.errors import InputsUnreadable
from serving.pricing.local import local_pricing
from serving.pricing.schemas import PriceSuggestionsRequest

EVERYTHING = [f"p{place:02d}" for place in range(39)]


@pytest.fixture
def house(chain: Any, tmp_path: Path) -> Iterator[tuple[Pricing, Desk]]:
    """The chain's price service on a database of its own."""
    with local_pricing(chain.copied_to(tmp_path / "house").settings, lambda _: None) as made:
        yield made


def suggest(house: tuple[Pricing, Desk], out: Path, **asked: Any) -> tuple[Outcome, pd.DataFrame]:
    """Run the batch and read what it wrote."""
    options = {"objective": "margin", "jurisdiction": None, "inputs": None, "submit": False, "currency": "USD"}
    outcome = suggest_everything(*house, **{**options, "out": out, "progress": lambda _: None, **asked})
    table = pq.read_table(out)
    assert table.schema.equals(SCHEMA)
    return outcome, table.to_pandas()


def n_on_record(house: tuple[Pricing, Desk]) -> int:
    page = house[0].suggestions.page(status=None, product_id=None, store_id=None, limit=100, cursor=None)
    return len(page["suggestions"])


def test_every_product_has_a_row_and_a_dry_run_stores_nothing(house: tuple[Pricing, Desk], tmp_path: Path) -> None:
    outcome, rows = suggest(house, tmp_path / "new" / "prices.parquet")
    assert sorted(rows["product_id"]) == EVERYTHING
    assert outcome.n_asked == 39
    assert outcome.n_refused == (rows["status"] == "refused").sum()
    assert outcome.n_changed == (rows["current_price"] != rows["suggested_price"])[rows["status"] != "refused"].sum()
    assert outcome.n_changed > 0
    assert rows["suggestion_id"].isna().all()
    assert rows["store_id"].isna().all()
    assert n_on_record(house) == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["prices.parquet"]


def test_a_row_says_what_a_request_is_told(house: tuple[Pricing, Desk], tmp_path: Path) -> None:
    pricing, desk = house
    _, rows = suggest(house, tmp_path / "prices.parquet")
    packs = ["p00", "p01"]
    request = PriceSuggestionsRequest.model_validate(
        {"items": [{"product_id": product_id} for product_id in packs], "dry_run": True}
    )
    answer = pricing.suggesting.suggest(request, lambda: desk, caller="a test", key=None)
    for one in answer["suggestions"]:
        row = rows[rows["product_id"] == one["product_id"]].iloc[0]
        assert row["suggested_price"] == Decimal(one["suggested_price"]["amount"])
        assert row["current_price"] == Decimal(one["current_price"]["amount"])
        assert row["units"] == one["forecast"]["units"]
        assert row["elasticity"] == one["elasticity"]["value"] < 0
        assert [row["units_low_80"], row["units_high_80"]] == one["forecast"]["interval_80"]
        assert list(row["binding"]) == [rule["code"] for rule in one["guardrails"] if rule["binding"]]
        assert list(row["reasons"]) == one["reasons"]
        assert row["currency"] == "USD"
        assert one["personal_data_used"] == []


def test_submitting_puts_them_on_record(house: tuple[Pricing, Desk], tmp_path: Path) -> None:
    _, dry = suggest(house, tmp_path / "dry.parquet")
    _, rows = suggest(house, tmp_path / "prices.parquet", submit=True)
    made = rows[rows["status"] != "refused"]
    assert made["suggestion_id"].is_unique
    assert n_on_record(house) == len(made)
    for suggestion_id in made["suggestion_id"]:
        kept = house[0].suggestions.one(suggestion_id)
        row = made[made["suggestion_id"] == suggestion_id].iloc[0]
        assert (kept["product_id"], kept["created_by"]) == (row["product_id"], "command line")
        assert Decimal(kept["price"]["amount"]) == row["suggested_price"]
    assert dry["suggested_price"].tolist() == rows["suggested_price"].tolist()


def test_many_products_are_asked_for_in_parts(
    house: tuple[Pricing, Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = suggest(house, tmp_path / "whole.parquet")
    monkeypatch.setattr(batch, "MAX_ITEMS", 10)
    told: list[str] = []
    outcome, parts = suggest(house, tmp_path / "parts.parquet", progress=told.append)
    assert outcome.n_asked == 39
    assert [text.split()[1] for text in told] == ["10", "20", "30", "39"]
    columns = ["product_id", "suggested_price"]
    theirs = whole[columns].sort_values("product_id", ignore_index=True)
    assert set(parts["product_id"]) == set(EVERYTHING)
    refused = set(parts.loc[parts["status"] == "refused", "product_id"])
    both = parts[columns].sort_values("product_id", ignore_index=True)
    same = both["suggested_price"] == theirs["suggested_price"]
    assert same[~both["product_id"].isin(refused)].mean() > 0.8  # a ladder cut in two may end elsewhere


def test_what_a_file_adds_is_heeded(house: tuple[Pricing, Desk], tmp_path: Path) -> None:
    listed = tmp_path / "inputs.csv"
    price = Decimal(f"{house[1].assortment.current_price[0] + 0.1:.2f}")
    cost = (price * Decimal("0.6")).quantize(Decimal("0.01"))
    listed.write_text(f"product_id,store_id,current_price,unit_cost\np00,,{price},{cost}\np01,s1,,\npXX,,,\n")
    outcome, rows = suggest(house, tmp_path / "prices.parquet", inputs=read_inputs(listed))
    by_id = rows.set_index("product_id")
    assert outcome.n_asked == 3
    assert outcome.n_refused == 1
    assert set(rows["product_id"]) == {"p00", "p01", "pXX"}
    assert by_id.loc["p00", "current_price"] == price
    assert not by_id.loc["p00", "cost_assumed"]
    assert by_id["suggested_price"].to_dict()["p00"] > cost
    assert by_id.loc["p01", "store_id"] == "s1"
    assert by_id.loc["p01", "cost_assumed"]
    assert (by_id.loc["pXX", "status"], by_id.loc["pXX", "code"]) == ("refused", "UNKNOWN_PRODUCT")
    assert by_id.loc["pXX", "suggested_price"] is None
    assert "pXX" in by_id.loc["pXX", "reasons"][0]


def test_an_input_out_of_range_leaves_no_file(house: tuple[Pricing, Desk], tmp_path: Path) -> None:
    listed = tmp_path / "inputs.csv"
    listed.write_text("product_id,current_price\np00,99999999\n")
    out = tmp_path / "prices.parquet"
    with pytest.raises(FieldsInvalid):
        suggest(house, out, inputs=read_inputs(listed))
    assert not out.exists()


def test_inputs_are_text_whatever_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeffproduct_id,unit_cost\n0042,1.50\n7,\n")
    pd.DataFrame({"product_id": ["0042", "7"], "unit_cost": ["1.50", None]}).to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        rows = read_inputs(tmp_path / name)
        assert rows.to_dict("list") == {"product_id": ["0042", "7"], "unit_cost": ["1.50", ""]}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"sku\n1\n", "no column product_id"),
        ("a.csv", b"", "No columns"),
        ("a.parquet", b"PAR1 and then nothing", "a.parquet"),
        ("missing.csv", None, "missing.csv"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputsUnreadable, match=said):
        read_inputs(tmp_path / name)
