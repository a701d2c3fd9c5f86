"""Product features against hand-worked answers and against a slow twin."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from configs.settings import FeatureSettings
from features.build import build_features
from features.lake import Lake
from features.tables import PRODUCT_PROFILE, snapshot_path, snapshots

AS_OF = datetime(2017, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)

#        customer product store basket time                qty  paid shelf discount
LINES = [
    ("c1", "p1", "s1", "b1", "2017-01-02 00:00:00", 1, 2.0, 2.0, 0.0),  # 150 days ago
    ("c1", "p1", "s1", "b2", "2017-05-12 00:00:00", 2, 5.0, 6.0, 1.0),  # 20 days ago, 3.00 each
    ("c2", "p1", "s1", "b3", "2017-05-22 00:00:00", 1, 4.0, 4.0, 0.0),  # 10 days ago
    ("c2", "p1", "s1", "b4", "2017-06-01 00:00:00", 1, 9.0, 9.0, 0.0),  # not before
    ("c3", "p2", "s1", "b5", "2017-02-01 00:00:00", 1, 1.0, 1.5, 0.5),  # 120 days ago: price is the last known
    ("c3", "p2", "s1", "b6", "2017-02-01 00:00:00", 1, 1.0, 1.0, 0.0),  # the same moment: the dearer one counts
    ("c1", "p3", "s1", "b7", "2017-06-02 00:00:00", 1, 1.0, 1.0, 0.0),  # sold only later
    ("c1", "p4", "s1", "b8", "2017-05-30 00:00:00", 9000, 30.0, 30.0, 0.0),  # fuel
]


def test_profile_is_what_the_eye_reads_off_the_table(
    make_lake: Callable[..., Lake], tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    profiles = _built(make_lake(LINES), tmp_path, feature_settings)

    assert sorted(profiles) == ["p1", "p2"]
    assert profiles["p1"] == {
        "product_id": "p1",
        "department": "GROCERY",
        "category": "MILK",
        "product_type": "WHOLE MILK",
        "brand": "Private",
        "manufacturer_id": "69",
        "package_size": "1 GAL",
        "sold_by_weight": False,
        "n_buyers": 2,
        "n_baskets": 3,
        "n_baskets_recent": 1,
        "n_baskets_prior": 1,
        "n_baskets_90d": 2,
        "n_first_buyers_recent": 1,
        "price_usd": 3.5,
        "discount_depth": 0.1,
        "repeat_rate": 0.5,
        "days_since_first_sale": 150.0,
        "days_since_last_sale": 10.0,
        "event_timestamp": AS_OF,
    }
    second = profiles["p2"]
    assert (second["product_type"], second["package_size"]) == ("", "")
    assert (second["price_usd"], second["discount_depth"]) == (1.5, 0.0)
    assert (second["n_buyers"], second["n_baskets"], second["repeat_rate"]) == (1, 2, 1.0)


@pytest.mark.real_data
def test_real_snapshots_equal_the_slow_twin(
    complete_journey_lake: Lake, real_features: Path, feature_settings: FeatureSettings
) -> None:
    lines = complete_journey_lake.read("transactions")
    catalogue = complete_journey_lake.read("products")
    merchandise = catalogue[catalogue["is_merchandise"]]
    frequent = lines["product_id"].value_counts().index
    chosen = [product for product in [*frequent[:20], *frequent[100::600]] if product in set(merchandise["product_id"])]
    sold = lines[lines["product_id"].isin(chosen)]
    n_compared = 0
    for as_of in snapshots(real_features / "tables", PRODUCT_PROFILE):
        rows = _rows(snapshot_path(real_features / "tables", PRODUCT_PROFILE, as_of))
        assert set(rows) <= set(merchandise["product_id"])
        for product_id in chosen:
            known = sold[(sold["product_id"] == product_id) & (sold["event_timestamp"] < as_of)]
            assert (product_id in rows) == (len(known) > 0)
            if len(known):
                _assert_same(rows[product_id], slow_profile(known, as_of, feature_settings))
                n_compared += 1
    assert n_compared > 100


def slow_profile(known: pd.DataFrame, as_of: datetime, settings: FeatureSettings) -> dict[str, Any]:
    """The obvious way: one dictionary of baskets per customer."""
    lines: list[dict[Any, Any]] = known.to_dict("records")
    baskets: dict[str, dict[str, float]] = {}
    for line in lines:
        seen = baskets.setdefault(line["customer_id"], {})
        seen[line["basket_id"]] = max(seen.get(line["basket_id"], 0.0), (as_of - line["event_timestamp"]) / DAY)
    days = [ago for seen in baskets.values() for ago in seen.values()]
    window = [line for line in lines if (as_of - line["event_timestamp"]) / DAY <= settings.price_window_days]
    last = max(line["event_timestamp"] for line in lines)
    recent = settings.popularity_days
    return {
        "n_buyers": len(baskets),
        "n_baskets": len(days),
        "n_baskets_recent": sum(ago <= recent for ago in days),
        "n_baskets_prior": sum(recent < ago <= 2 * recent for ago in days),
        "n_baskets_90d": sum(ago <= 90 for ago in days),
        "n_first_buyers_recent": sum(max(seen.values()) <= recent for seen in baskets.values()),
        "price_usd": _median([line["shelf_amount"] / line["quantity"] for line in window])
        if window
        else max(line["shelf_amount"] / line["quantity"] for line in lines if line["event_timestamp"] == last),
        "discount_depth": sum(line["loyalty_discount"] for line in window)
        / sum(line["shelf_amount"] for line in window)
        if window
        else 0.0,
        "repeat_rate": sum(len(seen) >= 2 for seen in baskets.values()) / len(baskets),
        "days_since_first_sale": max(days),
        "days_since_last_sale": min(days),
    }


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _assert_same(row: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


def _built(lake: Lake, folder: Path, settings: FeatureSettings) -> dict[str, dict[str, Any]]:
    build_features(lake, folder / "feast" / "tables", [AS_OF], settings)
    return _rows(snapshot_path(folder / "feast" / "tables", PRODUCT_PROFILE, AS_OF))


def _rows(path: Path) -> dict[str, dict[str, Any]]:
    return {row["product_id"]: row for row in pq.read_table(path).to_pylist()}
