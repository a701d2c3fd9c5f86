"""Customer features against hand-worked answers and against a slow twin."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.settings import FeatureSettings
from features.build import build_features
from features.lake import Lake
from features.tables import CUSTOMER_HISTORY, CUSTOMER_PROFILE, snapshot_path, snapshots

AS_OF = datetime(2017, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)

#        customer product store basket time                    qty  paid shelf discount
LINES = [
    ("c1", "p1", "s1", "b1", "2017-01-30 00:00:00", 1, 2.0, 2.0, 0.0),
    ("c1", "p2", "s1", "b1", "2017-01-30 00:00:00", 1, 3.0, 4.0, 1.0),
    ("c1", "p1", "s2", "b2", "2017-02-19 00:00:00", 2, 4.0, 4.0, 0.0),
    ("c1", "p1", "s2", "b2", "2017-02-19 00:00:00", 1, 2.0, 2.0, 0.0),  # the same product twice in one basket
    ("c1", "p3", "s2", "b3", "2017-02-27 12:00:00", 1, 5.0, 5.0, 0.0),
    ("c1", "p5", "s2", "b3", "2017-02-27 12:00:00", 1, 1.0, 1.0, 0.0),
    ("c1", "p4", "s2", "b3", "2017-02-27 12:00:00", 9000, 30.0, 30.0, 0.0),  # fuel is not merchandise
    ("c1", "p2", "s1", "b4", "2017-03-01 00:00:00", 1, 9.0, 9.0, 0.0),  # at the moment itself: not before it
    ("c2", "p2", "s1", "b5", "2017-02-28 23:59:59.999999", 1, 3.0, 3.0, 0.0),
    ("c3", "p4", "s1", "b6", "2017-02-01 00:00:00", 9000, 20.0, 20.0, 0.0),  # bought nothing but fuel
    ("c4", "p1", "s1", "b7", "2017-03-05 00:00:00", 1, 2.0, 2.0, 0.0),  # bought only later
]


def test_history_is_what_the_eye_reads_off_the_table(
    make_lake: Callable[..., Lake], tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    histories = _built(make_lake(LINES), tmp_path, feature_settings, CUSTOMER_HISTORY)

    assert sorted(histories) == ["c1", "c2"]
    first = histories["c1"]
    assert first["product_ids"] == ["p3", "p5", "p1", "p2"]  # p3 and p5 tie and go by id
    assert first["n_baskets"] == [1, 1, 2, 1]
    assert first["days_since_last"] == [1.5, 1.5, 10.0, 30.0]
    assert first["days_since_first"] == [1.5, 1.5, 30.0, 30.0]
    assert first["decayed_short"] == pytest.approx([2 ** (-1.5 / 30), 2 ** (-1.5 / 30), 0.5 + 2 ** (-1 / 3), 0.5])
    assert first["decayed_long"][3] == pytest.approx(2 ** (-1 / 3))
    assert first["session_product_ids"] == []
    assert first["as_of_epoch_s"] == int(AS_OF.timestamp())
    assert first["journal_seq"] == 0
    assert histories["c2"]["days_since_last"] == [pytest.approx(1e-6 / 86_400, rel=1e-6)]


def test_profile_is_what_the_eye_reads_off_the_table(
    make_lake: Callable[..., Lake], tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    profiles = _built(make_lake(LINES), tmp_path, feature_settings, CUSTOMER_PROFILE)

    assert profiles["c1"] == {
        "customer_id": "c1",
        "n_baskets_total": 3,
        "n_products": 4,
        "n_baskets_28d": 2,
        "spend_usd_28d": 12.0,
        "mean_basket_usd": pytest.approx(17 / 3),
        "days_since_last_basket": 1.5,
        "mean_days_between_baskets": pytest.approx((30 - 1.5) / 2),
        "tenure_days": 30.0,
        "store_id": "s2",
        "event_timestamp": AS_OF,
    }
    single = profiles["c2"]
    assert single["mean_days_between_baskets"] == single["days_since_last_basket"] == single["tenure_days"]


def test_longest_histories_keep_the_most_recent_products(
    make_lake: Callable[..., Lake], tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    short = feature_settings.model_copy(update={"history_length": 3})
    histories = _built(make_lake(LINES), tmp_path, short, CUSTOMER_HISTORY)
    assert histories["c1"]["product_ids"] == ["p3", "p5", "p1"]
    assert len(histories["c1"]["decayed_long"]) == 3


@pytest.mark.real_data
@pytest.mark.parametrize("view", [CUSTOMER_HISTORY, CUSTOMER_PROFILE])
def test_real_snapshots_equal_the_slow_twin(
    view: str, complete_journey_lake: Lake, real_features: Path, feature_settings: FeatureSettings
) -> None:
    lines = complete_journey_lake.read("transactions")
    chosen = sorted(lines["customer_id"].unique())[::60]
    lines = lines[lines["customer_id"].isin(chosen)]
    kinds = complete_journey_lake.read("products", ["product_id", "is_merchandise"])
    lines = lines[lines["product_id"].isin(set(kinds.loc[kinds["is_merchandise"], "product_id"]))]
    twin = slow_history if view == CUSTOMER_HISTORY else slow_profile

    n_compared = 0
    for as_of in snapshots(real_features / "tables", view):
        rows = _rows(snapshot_path(real_features / "tables", view, as_of))
        for customer_id in chosen:
            known = _known(lines[lines["customer_id"] == customer_id], as_of)
            assert (customer_id in rows) == bool(known)
            if known:
                _assert_same(rows[customer_id], twin(known, as_of, feature_settings))
                n_compared += 1
    assert n_compared > 60


@pytest.mark.parametrize("view", [CUSTOMER_HISTORY, CUSTOMER_PROFILE])
def test_hand_worked_table_equals_the_slow_twin(
    view: str, make_lake: Callable[..., Lake], tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    lake = make_lake(LINES)
    rows = _built(lake, tmp_path, feature_settings, view)
    lines = lake.read("transactions")
    lines = lines[lines["product_id"] != "p4"]
    twin = slow_history if view == CUSTOMER_HISTORY else slow_profile
    for customer_id, row in rows.items():
        _assert_same(row, twin(_known(lines[lines["customer_id"] == customer_id], AS_OF), AS_OF, feature_settings))


def slow_history(known: list[dict[str, Any]], as_of: datetime, settings: FeatureSettings) -> dict[str, Any]:
    """The obvious way: walk over the lines, remember baskets, compute everything at the end."""
    baskets: dict[str, dict[str, datetime]] = defaultdict(dict)
    for line in known:
        seen = baskets[line["product_id"]]
        seen[line["basket_id"]] = min(seen.get(line["basket_id"], as_of), line["event_timestamp"])
    days = {product: [(as_of - t) / DAY for t in seen.values()] for product, seen in baskets.items()}
    order = sorted(days, key=lambda product: (min(days[product]), product))[: settings.history_length]
    return {
        "product_ids": order,
        "n_baskets": [len(days[product]) for product in order],
        "decayed_short": [sum(2 ** (-d / settings.half_life_short_days) for d in days[product]) for product in order],
        "decayed_long": [sum(2 ** (-d / settings.half_life_long_days) for d in days[product]) for product in order],
        "days_since_last": [min(days[product]) for product in order],
        "days_since_first": [max(days[product]) for product in order],
    }


def slow_profile(known: list[dict[str, Any]], as_of: datetime, _: FeatureSettings) -> dict[str, Any]:
    """The obvious way for the profile."""
    times: dict[str, datetime] = {}
    stores: dict[str, str] = {}
    for line in known:
        times[line["basket_id"]] = min(times.get(line["basket_id"], as_of), line["event_timestamp"])
        stores[line["basket_id"]] = line["store_id"]
    days = sorted((as_of - t) / DAY for t in times.values())
    visits = sorted(stores.values())
    recent = [line["paid_amount"] for line in known if (as_of - line["event_timestamp"]) / DAY <= 28]
    return {
        "n_baskets_total": len(days),
        "n_products": len({line["product_id"] for line in known}),
        "n_baskets_28d": sum(d <= 28 for d in days),
        "spend_usd_28d": sum(recent),
        "mean_basket_usd": sum(line["paid_amount"] for line in known) / len(days),
        "days_since_last_basket": days[0],
        "mean_days_between_baskets": (days[-1] - days[0]) / (len(days) - 1) if len(days) > 1 else days[0],
        "tenure_days": days[-1],
        "store_id": max(dict.fromkeys(visits), key=visits.count),
    }


def _assert_same(row: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        exact = name in ("product_ids", "store_id")
        assert row[name] == (value if exact else pytest.approx(value, rel=1e-9, abs=1e-9)), name


def _known(lines: pd.DataFrame, as_of: datetime) -> list[dict[str, Any]]:
    rows: list[dict[Any, Any]] = lines.to_dict("records")
    return [row for row in rows if row["event_timestamp"] < as_of]


def _built(lake: Lake, folder: Path, settings: FeatureSettings, view: str) -> dict[str, dict[str, Any]]:
    build_features(lake, folder / "feast" / "tables", [AS_OF], settings)
    return _rows(snapshot_path(folder / "feast" / "tables", view, AS_OF))


def _rows(path: Path) -> dict[str, dict[str, Any]]:
    table: pa.Table = pq.read_table(path)
    return {row["customer_id"]: row for row in table.to_pylist()}
