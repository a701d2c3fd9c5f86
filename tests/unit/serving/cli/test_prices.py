"""`fairshelf prices`: suggestions for a whole chain, and the prices that the books show."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from features.clock import Clock
from privacy.state import open_state
from serving.cli.output import Steps
from serving.cli.prices import observe_prices, show_first_suggestion
from serving.pricing.price_history import PriceHistory

Call = Callable[..., tuple[int, str]]
Facts = Callable[..., dict[str, Any]]


def history(house: Any) -> PriceHistory:
    """What is on record."""
    return PriceHistory(open_state(house.settings.storage.state_db))


@pytest.mark.usefixtures("house")
def test_suggest_writes_a_row_for_every_product(facts: Facts, tmp_path: Path) -> None:
    out = tmp_path / "prices.parquet"
    said = facts("prices", "suggest", "--out", str(out), "--objective", "revenue", "--jurisdiction", "DE")
    assert (said["asked"], said["version"], said["submitted for review"]) == (39, "1", False)
    rows = pq.read_table(out).to_pandas()
    assert len(rows) == 39
    assert said["refused"] == (rows["status"] == "refused").sum()
    assert rows["suggestion_id"].isna().all()


@pytest.mark.usefixtures("house")
def test_suggest_takes_a_list_and_submits_it(facts: Facts, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("product_id\np03\np02\n")
    out = tmp_path / "prices.parquet"
    said = facts("prices", "suggest", "--out", str(out), "--inputs", str(listed), "--submit")
    assert (said["asked"], said["submitted for review"]) == (2, True)
    assert pq.read_table(out).to_pandas()["suggestion_id"].notna().all()


def test_observe_records_the_last_quarter_once(house: Any, facts: Facts) -> None:
    said = facts("prices", "observe")
    assert said["prices put on record"] > 39
    found = history(house).of([f"p{place:02d}" for place in range(40)])
    assert sum(map(len, found.values())) == said["prices put on record"]
    assert "p39" not in found  # nothing was seen in the last quarter
    assert facts("prices", "observe")["prices put on record"] == 0


def test_observed_prices_lie_in_the_time_of_the_wall_clock(house: Any) -> None:
    assert observe_prices(house.settings, Steps()) > 0
    clock = Clock(house.settings.features.clock, house.settings.storage.feast)
    panel = house.sources.panel
    begins = [int(clock.to_wall_time(house.sources.cutoff(week)).timestamp() * 1e6) for week in panel.weeks]
    for price in history(house).of(["p00"])["p00"]:
        week = min(range(30), key=lambda place: abs(begins[place] - price.from_us))
        assert abs(begins[week] - price.from_us) <= 1
        assert float(price.amount) == round(float(panel.shelf_price[0, week]), 2)
        assert price.until_us is None
    assert begins[-1] - begins[-2] == timedelta(weeks=1) / timedelta(microseconds=1)


def test_the_demonstration_shows_one_suggestion_and_stores_none(house: Any, capsys: pytest.CaptureFixture[str]) -> None:
    product_id = show_first_suggestion(house.settings, Steps())
    said = " ".join(capsys.readouterr().out.split())
    assert product_id in {f"p{place:02d}" for place in range(39)}
    assert f"product │ {product_id}" in said
    assert "personal data used │ none" in said
    assert history(house).of([product_id]) == {}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--objective", "fame"), "clearance"),
        (("--inputs", "nowhere.csv"), "nowhere.csv"),
        (("--jurisdiction", "US-ATLANTIS"), "jurisdiction"),
    ],
)
@pytest.mark.usefixtures("house")
def test_what_cannot_be_asked_is_told(call: Call, tmp_path: Path, options: tuple[str, ...], named: str) -> None:
    code, printed = call("prices", "suggest", "--out", str(tmp_path / "x.parquet"), *options)
    assert code == 2
    assert named in printed
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.parametrize(
    ("columns", "values", "named"),
    [
        ("product_id,unit_cost", "p00,cheap", "items.1.unit_cost.amount"),
        ("product_id,stock_units", "p00,many", "items.1.stock_units"),
        ("product_id,stock_units", "p00,-5", "items.1.stock_units"),
        ("product_id,store_id", ",s1", "items.1.product_id"),
    ],
)
@pytest.mark.usefixtures("house")
def test_a_value_that_cannot_be_used_is_named(
    call: Call, tmp_path: Path, columns: str, values: str, named: str
) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text(f"{columns}\np01,\n{values}\n")
    code, printed = call("prices", "suggest", "--out", str(tmp_path / "x.parquet"), "--inputs", str(listed))
    assert code == 2
    assert named in printed
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.parametrize("command", [("suggest", "--out", "x"), ("observe",)])
def test_no_lake_yet_says_to_ingest(call: Call, command: tuple[str, ...]) -> None:
    code, printed = call("prices", *command)
    assert code == 2
    assert "fairshelf ingest" in printed


def test_no_champion_yet_says_to_train(house: Any, call: Call) -> None:
    (house.settings.storage.bundles / "demand" / "champion.json").unlink()
    code, printed = call("prices", "suggest", "--out", "x")
    assert code == 2
    assert "fairshelf train demand" in printed
