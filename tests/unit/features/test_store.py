"""Point-in-time joins against a slow twin, and online values against offline ones."""

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import FeatureStore, RepoConfig

from configs.settings import FeatureSettings
from features.build import build_features
from features.build_record import read_record
from features.errors import NothingAsked, OnlineStoreUnready, RowCountChanged, SnapshotMissing
from features.lake import Lake
from features.store import Store
from features.tables import snapshot_path, snapshots

MARCH, APRIL = datetime(2017, 3, 1, tzinfo=UTC), datetime(2017, 4, 1, tzinfo=UTC)
LINES = [
    ("c1", "p1", "s1", "b1", "2017-01-10 10:00:00", 1, 2.0, 2.0, 0.0),
    ("c1", "p2", "s1", "b1", "2017-01-10 10:00:00", 1, 3.0, 4.0, 1.0),
    ("c2", "p1", "s2", "b2", "2017-02-10 10:00:00", 3, 6.1, 6.3, 0.2),
    ("c1", "p3", "s1", "b3", "2017-03-10 09:30:00", 1, 3.0, 4.0, 1.0),
    ("c3", "p3", "s2", "b4", "2017-03-20 23:30:00", 1, 1.7, 1.7, 0.0),
]


@pytest.fixture
def feast_dir(make_lake: Callable[..., Lake], tmp_path: Path, feature_settings: FeatureSettings) -> Path:
    """Two snapshots of the hand-worked lake, applied."""
    build_features(make_lake(LINES), tmp_path / "feast" / "tables", [MARCH, APRIL], feature_settings)
    Store(tmp_path / "feast").apply()
    return tmp_path / "feast"


@pytest.fixture
def store(feast_dir: Path) -> Store:
    """The store of the hand-worked lake."""
    return Store(feast_dir)


def test_join_answers_each_row_as_of_its_time_in_the_order_asked(store: Store) -> None:
    asked = pd.DataFrame(
        {
            "customer_id": ["c1", "c3", "c1", "nobody", "c1", "c1", "c3", "c1"],
            "event_timestamp": pd.to_datetime(
                [
                    "2017-04-01T00:00:00Z",  # the snapshot's own moment
                    "2017-03-31T23:59:59Z",  # c3 is in the next snapshot only
                    "2017-03-31T23:59:59.999999Z",
                    "2017-04-02T00:00:00Z",
                    "2017-02-28T00:00:00Z",  # before the first snapshot
                    "2017-03-01T00:00:00Z",
                    "2020-01-01T00:00:00Z",
                    "2017-04-01T00:00:00Z",  # the first row again
                ],
                format="ISO8601",
            ),
            "note": list("abcdefgh"),
        },
        index=[5, 5, 1, 0, 9, 2, 3, 4],
    )
    joined = store.historical(asked, "customer_v1")
    assert joined["customer_id"].to_pylist() == list(asked["customer_id"])
    assert joined["event_timestamp"].to_pylist() == list(asked["event_timestamp"])
    assert joined["note"].to_pylist() == list("abcdefgh")
    assert joined["product_ids"].to_pylist() == [
        ["p3", "p1", "p2"],
        None,
        ["p1", "p2"],
        None,
        None,
        ["p1", "p2"],
        ["p3"],
        ["p3", "p1", "p2"],
    ]
    assert joined["n_baskets_total"].to_pylist() == [2, None, 1, None, None, 1, 1, 2]


def test_join_equals_the_slow_twin_and_plain_feast(store: Store, feast_dir: Path) -> None:
    moments = [MARCH + timedelta(hours=h) for h in (-1, 0, 1, 300, 743, 744, 745, 9000)]
    rows = [{"customer_id": c, "event_timestamp": t} for t in moments for c in ("c3", "c1", "nobody", "c2")]
    asked = pd.DataFrame(rows)
    joined = store.historical(asked, "customer_v1").to_pylist()
    twin = [slow_join(row, feast_dir / "tables", ("customer_history", "customer_profile")) for row in rows]
    assert joined == twin

    plain = _plain_feast(feast_dir).get_historical_features(asked, _service(feast_dir, "customer_v1")).to_arrow()
    key = ["customer_id", "event_timestamp"]
    names = sorted(plain.column_names)
    by_feast = sorted(plain.select(names).to_pylist(), key=lambda row: [row[k] for k in key])
    by_store = sorted(pa.Table.from_pylist(joined).select(names).to_pylist(), key=lambda row: [row[k] for k in key])
    assert by_store == by_feast


def test_products_join_by_their_own_key(store: Store) -> None:
    asked = pd.DataFrame({"product_id": ["p3", "p1"], "event_timestamp": [MARCH, MARCH]})
    joined = store.historical(asked, "product_v1").to_pylist()
    assert joined[0]["department"] is None  # not sold yet
    assert (joined[1]["department"], joined[1]["n_buyers"]) == ("GROCERY", 2)


@pytest.mark.real_data
def test_real_join_equals_the_slow_twin(real_features: Path) -> None:
    tables = real_features / "tables"
    first, last = snapshots(tables, "customer_history")
    ids = pq.read_table(snapshot_path(tables, "customer_history", last))["customer_id"].to_pylist()
    moments = [first - timedelta(1), first, first + timedelta(100), last, last + timedelta(seconds=1)]
    rows = [{"customer_id": c, "event_timestamp": t} for c in ids[::100] for t in moments]
    joined = Store(real_features).historical(pd.DataFrame(rows), "customer_v1").to_pylist()
    views = {
        view: {t: _by_id(snapshot_path(tables, view, t)) for t in (first, last)}
        for view in ("customer_history", "customer_profile")
    }
    assert len(joined) == len(rows)
    for row, answer in zip(rows, joined, strict=True):
        for by_moment in views.values():
            known = [t for t in by_moment if t <= row["event_timestamp"] and row["customer_id"] in by_moment[t]]
            features = by_moment[max(known)][row["customer_id"]] if known else {}
            assert {name: answer[name] for name in features} == features
        assert (answer["product_ids"] is None) == (not known)


def test_a_lost_row_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = store._join
    monkeypatch.setattr(store, "_join", lambda *arguments: whole(*arguments).slice(1))
    asked = pd.DataFrame({"customer_id": ["c1", "c2"], "event_timestamp": [APRIL, APRIL]})
    with pytest.raises(RowCountChanged, match="1 rows for 2"):
        store.historical(asked, "customer_v1")


def test_a_doubled_row_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = store._join
    monkeypatch.setattr(store, "_join", lambda *a: pa.concat_tables([whole(*a).slice(0, 1), whole(*a).slice(0, 1)]))
    asked = pd.DataFrame({"customer_id": ["c1", "c2"], "event_timestamp": [APRIL, APRIL]})
    with pytest.raises(RowCountChanged, match="2 rows for 2"):
        store.historical(asked, "customer_v1")


def test_without_snapshots_the_next_step_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "feast")
    store.apply()
    asked = pd.DataFrame({"customer_id": ["c1"], "event_timestamp": [APRIL]})
    with pytest.raises(SnapshotMissing, match="features build"):
        store.historical(asked, "customer_v1")
    with pytest.raises(SnapshotMissing, match="2017-04-01"):
        store.materialize(APRIL)


def test_before_apply_the_next_step_is_named(tmp_path: Path) -> None:
    asked = pd.DataFrame({"customer_id": ["c1"], "event_timestamp": [APRIL]})
    store = Store(tmp_path / "var" / "feast")
    for ask in (lambda: store.online_customer("c1"), lambda: store.historical(asked, "customer_v1")):
        with pytest.raises(OnlineStoreUnready, match="features apply"):
            ask()
    assert list(tmp_path.iterdir()) == []


def test_asking_for_nothing_is_refused(store: Store) -> None:
    with pytest.raises(NothingAsked, match="customer_v1"):
        store.historical(pd.DataFrame({"customer_id": [], "event_timestamp": []}), "customer_v1")


def test_materialising_fills_the_online_store_and_notes_it(store: Store, feast_dir: Path) -> None:
    before = datetime.now(UTC)
    store.materialize(MARCH)
    row = store.online_customer("c1")
    assert row is not None
    assert (row["product_ids"], row["n_baskets"], row["n_baskets_total"]) == (["p1", "p2"], [1, 1], 1)
    assert row["as_of_epoch_s"] == int(MARCH.timestamp())
    assert store.online_customer("c3") is None
    assert store.online_customer("nobody") is None
    record = read_record(feast_dir)
    assert record.as_of == MARCH
    assert record.materialised_at is not None
    assert before <= record.materialised_at <= datetime.now(UTC)
    assert record.inputs is not None

    store.materialize(APRIL)
    again = store.online_customer("c1")
    assert again is not None
    assert again["product_ids"] == ["p3", "p1", "p2"]
    assert store.online_customer("c3") is not None


def test_customers_no_longer_built_leave_the_online_store(
    store: Store, feast_dir: Path, make_lake: Callable[..., Lake], feature_settings: FeatureSettings
) -> None:
    store.materialize(APRIL)
    assert store.online_customer("c2") is not None
    lake = make_lake(LINES, folder="again")
    build_features(lake, feast_dir / "tables", [APRIL], feature_settings, customers={"c1"})
    store.materialize(APRIL)
    assert store.online_customer("c2") is None
    assert store.online_customer("c1") is not None


def test_pushed_rows_are_read_back_and_a_new_customer_has_no_profile(store: Store) -> None:
    store.materialize(APRIL)
    pushed = {
        "customer_id": "new",
        "product_ids": ["p9", "p1"],
        "n_baskets": [1, 2],
        "decayed_short": [1.0, 0.5],
        "decayed_long": [1.0, 0.75],
        "days_since_last": [0.0, 2.5],
        "days_since_first": [0.0, 9.25],
        "session_product_ids": [],
        "as_of_epoch_s": int(APRIL.timestamp()),
        "journal_seq": 2**40,
        "event_timestamp": APRIL,
    }
    store.push_history([pushed, {**pushed, "customer_id": "c1", "session_product_ids": ["p5"]}])
    row = store.online_customer("new")
    assert row is not None
    history = {name: value for name, value in pushed.items() if name not in ("customer_id", "event_timestamp")}
    assert {name: row[name] for name in history} == history
    assert (row["n_baskets_total"], row["store_id"]) == (None, None)
    known = store.online_customer("c1")
    assert known is not None
    assert (known["session_product_ids"], known["n_baskets_total"]) == (["p5"], 2)
    store.push_history([])


def test_rows_past_their_time_to_live_count_as_absent(feast_dir: Path) -> None:
    Store(feast_dir).materialize(APRIL)
    for days, absent in ((0, False), (10, False), (10.01, True), (400, True)):
        now = APRIL + timedelta(days=days)
        store = Store(feast_dir, now=lambda now=now: now, ttl_days=10)  # type: ignore[misc]
        assert (store.online_customer("c1") is None) == absent
        assert store.online_history("c1") is not None


def test_another_process_applying_later_is_noticed(feast_dir: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "late")
    with pytest.raises(OnlineStoreUnready):
        store.online_customer("c1")
    Store(tmp_path / "late").apply()
    assert store.online_customer("c1") is None


def test_a_machine_in_another_time_zone_gets_the_same_answers(feast_dir: Path) -> None:
    script = (
        "import sys, pandas as pd; from pathlib import Path; from datetime import datetime, UTC\n"
        "from features.store import Store\n"
        "store = Store(Path(sys.argv[1])); as_of = datetime(2017, 3, 1, tzinfo=UTC)\n"
        "asked = pd.DataFrame({'customer_id': ['c1', 'c1'], 'event_timestamp': [as_of, pd.Timestamp(as_of, unit='us')"
        " - pd.Timedelta(seconds=1)]})\n"
        "store.materialize(as_of)\n"
        "sys.stdout.write(str([store.historical(asked, 'customer_v1')['product_ids'].to_pylist(),"
        " store.online_customer('c1')['product_ids']]))\n"
    )
    environment = {**os.environ, "TZ": "America/New_York"}
    ran = subprocess.run(
        [sys.executable, "-c", script, str(feast_dir)], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[[['p1', 'p2'], None], ['p1', 'p2']]"


@pytest.mark.real_data
def test_offline_and_online_agree_on_every_feature_of_a_thousand_customers(real_features: Path) -> None:
    as_of = snapshots(real_features / "tables", "customer_history")[-1]
    store = Store(real_features)
    everyone = pq.read_table(snapshot_path(real_features / "tables", "customer_history", as_of))["customer_id"]
    asked = pd.DataFrame({"customer_id": everyone.to_pylist()[:1000], "event_timestamp": as_of})
    offline = store.historical(asked, "customer_v1").to_pylist()
    n_values = 0
    for row in offline:
        online = store.online_customer(row["customer_id"])
        assert online is not None
        assert online == {name: value for name, value in row.items() if name not in asked.columns}
        n_values += len(online)
    assert len(offline) == 1000
    assert n_values == 18_000


@pytest.mark.real_data
def test_every_customer_reaches_the_online_store(real_features: Path) -> None:
    as_of = snapshots(real_features / "tables", "customer_history")[-1]
    store = Store(real_features)
    ids = pq.read_table(snapshot_path(real_features / "tables", "customer_history", as_of))["customer_id"].to_pylist()
    assert len(ids) > 2000  # more than one write of feature_store.yaml's online_write_batch_size
    assert all(store.online_customer(customer_id) is not None for customer_id in ids)


@pytest.mark.real_data
def test_the_direct_read_equals_feasts_own(real_features: Path) -> None:
    store, feast = Store(real_features), _plain_feast(real_features)
    as_of = snapshots(real_features / "tables", "customer_history")[-1]
    ids = pq.read_table(snapshot_path(real_features / "tables", "customer_history", as_of))["customer_id"].to_pylist()
    service = _service(real_features, "customer_v1")
    for customer_id in [*ids[:20], "nobody"]:
        answer = feast.get_online_features(service, [{"customer_id": customer_id}]).to_dict()
        expected = {name: values[0] for name, values in answer.items() if name != "customer_id"}
        online = store.online_customer(customer_id)
        assert (online or dict.fromkeys(expected)) == expected


def slow_join(row: dict[str, Any], tables: Path, views: tuple[str, ...]) -> dict[str, Any]:
    """The obvious way: look at every row of every snapshot, keep the newest that is not from the future."""
    answer = dict(row)
    for view in views:
        best: dict[str, Any] | None = None
        for path in (tables / view).glob("*.parquet"):
            for candidate in pq.read_table(path).to_pylist():
                fits = candidate["customer_id"] == row["customer_id"]
                if fits and candidate["event_timestamp"] <= row["event_timestamp"]:
                    newer = best is None or candidate["event_timestamp"] > best["event_timestamp"]
                    best = candidate if newer else best
        names = set(pq.read_schema(next((tables / view).glob("*.parquet"))).names) - {"customer_id", "event_timestamp"}
        answer.update({name: None if best is None else best[name] for name in names})
    assert not any(isinstance(value, float) and math.isnan(value) for value in answer.values())
    return answer


def _by_id(path: Path) -> dict[str, dict[str, Any]]:
    return {row.pop("customer_id"): _without_time(row) for row in _rows(path)}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    yield from pq.read_table(path).to_pylist()


def _without_time(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "event_timestamp"}


def _plain_feast(feast_dir: Path) -> FeatureStore:
    return FeatureStore(
        config=RepoConfig(
            project="fairshelf",
            provider="local",
            registry=str(feast_dir / "registry.db"),
            offline_store={"type": "duckdb"},
            online_store={"type": "sqlite", "path": str(feast_dir / "online.db")},
            entity_key_serialization_version=3,
        )
    )


def _service(feast_dir: Path, name: str) -> Any:
    return _plain_feast(feast_dir).get_feature_service(name)
