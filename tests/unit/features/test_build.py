"""Building the feature tables: what is kept, what is rebuilt, what a killed run leaves, and what the future changes."""

import itertools
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.settings import FeatureSettings
from features.build import build_features
from features.build_record import BuildRecord, read_record, write_record
from features.errors import BuildRecordDamaged, SnapshotNotMidnight
from features.lake import Lake, LakeManifest, snapshot_digest, table_entry
from features.tables import VIEWS, snapshot_path, snapshots

FEBRUARY, MARCH = datetime(2017, 2, 1, tzinfo=UTC), datetime(2017, 3, 1, tzinfo=UTC)
LINES = [
    ("c1", "p1", "s1", "b1", "2017-01-10 10:00:00", 1, 2.0, 2.0, 0.0),
    ("c1", "p2", "s1", "b1", "2017-01-10 10:00:00", 1, 3.0, 4.0, 1.0),
    ("c2", "p1", "s2", "b2", "2017-02-10 10:00:00", 3, 6.1, 6.3, 0.2),
    ("c2", "p3", "s2", "b3", "2017-02-20 23:30:00", 1, 1.7, 1.7, 0.0),
    ("c2", "p3", "s2", "b3", "2017-03-01 00:30:00", 1, 1.7, 1.7, 0.0),  # the basket goes on after midnight
]

MakeLake = Callable[..., Lake]


def test_one_file_per_view_and_snapshot_and_nothing_else(
    make_lake: MakeLake, tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    tables = tmp_path / "feast" / "tables"
    build_features(make_lake(LINES), tables, [MARCH, FEBRUARY], feature_settings)
    files = sorted(str(path.relative_to(tables)) for path in tables.rglob("*") if path.is_file())
    assert files == sorted(f"{view}/as_of=2017-0{month}-01.parquet" for view in VIEWS for month in (2, 3))
    assert snapshots(tables, VIEWS[0]) == [FEBRUARY, MARCH]


def test_columns_have_the_types_of_the_contract(
    make_lake: MakeLake, tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    tables = tmp_path / "feast" / "tables"
    build_features(make_lake(LINES), tables, [MARCH], feature_settings)
    history = pq.read_schema(snapshot_path(tables, "customer_history", MARCH))
    types = {name: str(history.field(name).type) for name in history.names}
    assert {types[name].split(": ")[-1] for name in ("decayed_short", "days_since_first")} == {"double>"}
    assert types["n_baskets"].endswith("int64>")
    assert types["session_product_ids"].endswith("string>")
    assert types["event_timestamp"] == "timestamp[us, tz=UTC]"
    product = pq.read_schema(snapshot_path(tables, "product_profile", MARCH))
    counts = [name for name in product.names if name.startswith("n_")]
    assert {str(product.field(name).type) for name in counts} == {"int64"}


def test_a_second_run_writes_nothing_and_a_new_snapshot_only_itself(
    make_lake: MakeLake, tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    lake, tables = make_lake(LINES), tmp_path / "feast" / "tables"
    build_features(lake, tables, [FEBRUARY], feature_settings)
    before = _stamps(tables)
    build_features(lake, tables, [FEBRUARY], feature_settings)
    assert _stamps(tables) == before
    build_features(lake, tables, [FEBRUARY, MARCH], feature_settings)
    assert {path: stamp for path, stamp in _stamps(tables).items() if path in before} == before
    assert len(_stamps(tables)) == 2 * len(before)


@pytest.mark.parametrize("change", ["lake", "settings", "customers", "counted"])
def test_other_inputs_rebuild_every_snapshot(
    change: str, make_lake: MakeLake, tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    tables = tmp_path / "feast" / "tables"
    lake, other = make_lake(LINES), make_lake(LINES[:-2], folder="other")
    build_features(lake, tables, [FEBRUARY, MARCH], feature_settings, customers={"c1", "c2"})
    before = _stamps(tables)
    halved = feature_settings.model_copy(update={"half_life_short_days": 15})
    build_features(
        other if change == "lake" else lake,
        tables,
        [MARCH],
        halved if change == "settings" else feature_settings,
        customers={"c1"} if change == "customers" else {"c1", "c2"},
        counted={"c1"} if change == "counted" else None,
    )
    after = _stamps(tables)
    assert len(after) == len(VIEWS)  # the other snapshot was of the old inputs: it is gone, not stale
    assert all(before[path] != stamp for path, stamp in after.items())


def test_settings_that_decide_no_value_rebuild_nothing(
    make_lake: MakeLake, tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    lake, tables = make_lake(LINES), tmp_path / "feast" / "tables"
    build_features(lake, tables, [MARCH], feature_settings)
    before = _stamps(tables)
    build_features(lake, tables, [MARCH], feature_settings.model_copy(update={"n_training_snapshots": 3}))
    assert _stamps(tables) == before


def test_people_and_products_each_have_their_own_list_of_customers(
    make_lake: MakeLake, tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    tables = tmp_path / "feast" / "tables"
    build_features(make_lake(LINES), tables, [MARCH], feature_settings, customers={"c1", "nobody"}, counted={"c2"})
    history = pq.read_table(snapshot_path(tables, "customer_history", MARCH))
    profile = pq.read_table(snapshot_path(tables, "customer_profile", MARCH))
    products = pq.read_table(snapshot_path(tables, "product_profile", MARCH)).to_pylist()
    assert history["customer_id"].to_pylist() == profile["customer_id"].to_pylist() == ["c1"]
    assert {row["product_id"]: (row["n_buyers"], row["price_usd"]) for row in products} == {
        "p1": (1, pytest.approx(2.1)),
        "p3": (1, 1.7),
    }


def test_without_any_customer_the_tables_are_empty_but_whole(
    make_lake: MakeLake, tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    tables, full = tmp_path / "feast" / "tables", tmp_path / "full" / "tables"
    lake = make_lake(LINES)
    build_features(lake, tables, [MARCH], feature_settings, customers=set(), counted=set())
    build_features(lake, full, [MARCH], feature_settings)
    for view in VIEWS:
        assert pq.read_table(snapshot_path(tables, view, MARCH)).num_rows == 0
        assert pq.read_schema(snapshot_path(tables, view, MARCH)) == pq.read_schema(snapshot_path(full, view, MARCH))


@pytest.mark.parametrize("killed_after", range(4))
def test_a_killed_run_leaves_whole_files_that_the_next_run_keeps(
    killed_after: int,
    make_lake: MakeLake,
    tmp_path: Path,
    feature_settings: FeatureSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lake, tables = make_lake(LINES), tmp_path / "feast" / "tables"
    written = itertools.count()
    write_table = pq.write_table

    def die(rows: object, path: Path, **kwargs: object) -> None:
        if next(written) == killed_after:
            path.write_bytes(b"PAR1 half a fi")  # what a process killed while writing leaves
            raise KeyboardInterrupt
        write_table(rows, path, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(pq, "write_table", die)
        with pytest.raises(KeyboardInterrupt):
            build_features(lake, tables, [FEBRUARY, MARCH], feature_settings)
    assert len(list(tables.rglob("as_of=*.parquet"))) == killed_after
    for path in tables.rglob("as_of=*.parquet"):
        pq.read_table(path)

    build_features(lake, tables, [FEBRUARY, MARCH], feature_settings)
    build_features(lake, tmp_path / "whole" / "tables", [FEBRUARY, MARCH], feature_settings)
    for view in VIEWS:
        for as_of in (FEBRUARY, MARCH):
            one, other = (pq.read_table(snapshot_path(t, view, as_of)) for t in (tables, tmp_path / "whole" / "tables"))
            assert one.equals(other)


def test_a_rebuild_killed_while_discarding_keeps_no_stale_file_under_the_new_name(
    make_lake: MakeLake, tmp_path: Path, feature_settings: FeatureSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = tmp_path / "feast" / "tables"
    build_features(make_lake(LINES), tables, [FEBRUARY, MARCH], feature_settings)
    old = read_record(tables.parent).inputs
    other = make_lake(LINES[:-2], folder="other")
    unlink, removed = Path.unlink, itertools.count()

    def die(path: Path, missing_ok: bool = False) -> None:
        if next(removed) == 2:
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", die)
        with pytest.raises(KeyboardInterrupt):
            build_features(other, tables, [MARCH], feature_settings)
    assert read_record(tables.parent).inputs == old
    build_features(other, tables, [MARCH], feature_settings)
    assert snapshots(tables, "customer_history") == [MARCH]
    assert "p3" not in str(pq.read_table(snapshot_path(tables, "customer_history", MARCH))["product_ids"])


def test_snapshots_lie_at_midnight_utc(make_lake: MakeLake, tmp_path: Path, feature_settings: FeatureSettings) -> None:
    for moment in (MARCH + timedelta(hours=1), datetime(2017, 3, 1)):
        with pytest.raises(SnapshotNotMidnight, match="2017-03-01"):
            build_features(make_lake(LINES, str(moment)), tmp_path / "tables", [moment], feature_settings)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "build.json").write_text('{"inputs": 3}', encoding="utf-8")
    with pytest.raises(BuildRecordDamaged, match=r"build\.json"):
        read_record(tmp_path)


def test_the_record_is_replaced_whole(tmp_path: Path) -> None:
    write_record(tmp_path, BuildRecord(as_of=MARCH, materialised_at=MARCH))
    assert read_record(tmp_path) == BuildRecord(as_of=MARCH, materialised_at=MARCH)
    assert set(json.loads((tmp_path / "build.json").read_text())) == {"inputs", "as_of", "materialised_at"}
    assert [path.name for path in tmp_path.iterdir()] == ["build.json"]


_future_lines = st.lists(
    st.tuples(
        st.sampled_from(["c1", "c2", "c9"]),
        st.sampled_from(["p1", "p2", "p3", "p5"]),
        st.sampled_from(["s1", "s2"]),
        st.sampled_from(["b1", "b3", "b7"]),
        st.integers(0, 200 * 86_400_000_000).map(lambda us: str((MARCH + timedelta(microseconds=us)).isoformat())),
        st.integers(1, 9),
        st.floats(0.01, 99),
        st.floats(0.01, 99),
        st.floats(0, 1),
    ),
    max_size=20,
)


@given(future=_future_lines)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_feature_sees_past_its_moment(
    future: list[tuple[object, ...]], make_lake: MakeLake, tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    for folder in ("past", "both", "past-feast", "both-feast"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
    build_features(make_lake(LINES[:-1], "past"), tmp_path / "past-feast" / "tables", [MARCH], feature_settings)
    lake = make_lake([*LINES[:-1], *future], "both")
    build_features(lake, tmp_path / "both-feast" / "tables", [MARCH], feature_settings)
    for view in VIEWS:
        past, both = (
            pq.read_table(snapshot_path(tmp_path / folder / "tables", view, MARCH))
            for folder in ("past-feast", "both-feast")
        )
        assert past.equals(both)


@pytest.mark.real_data
def test_shifting_the_real_future_changes_no_feature(
    complete_journey_lake: Lake, real_features: Path, tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    as_of = snapshots(real_features / "tables", VIEWS[0])[0]
    lines = complete_journey_lake.read("transactions")
    later = lines["event_timestamp"] >= as_of
    assert later.any()
    shifted = lines[later].assign(
        event_timestamp=lambda rows: rows["event_timestamp"] + timedelta(days=3),
        quantity=7.0,
        shelf_amount=99.0,
        product_id=lambda rows: rows["product_id"].sample(frac=1, random_state=1).to_numpy(),
    )
    lake = _lake_like(complete_journey_lake, pd.concat([lines[~later], shifted]), tmp_path / "lake")
    build_features(lake, tmp_path / "feast" / "tables", [as_of], feature_settings)
    for view in VIEWS:
        kept = pq.read_table(snapshot_path(real_features / "tables", view, as_of))
        again = pq.read_table(snapshot_path(tmp_path / "feast" / "tables", view, as_of))
        assert again.equals(kept), view


def _lake_like(lake: Lake, lines: pd.DataFrame, root: Path) -> Lake:
    root.mkdir()
    lines.to_parquet(root / "transactions.parquet", index=False)
    shutil.copy(lake.path("products"), root / "products.parquet")
    tables = {name: table_entry(root / f"{name}.parquet") for name in ("products", "transactions")}
    facts = {**lake.manifest.model_dump(), "tables": tables, "snapshot_digest": snapshot_digest(tables)}
    (root / "manifest.json").write_text(LakeManifest.model_validate(facts).model_dump_json(), encoding="utf-8")
    return Lake.open(root)


def _stamps(tables: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in tables.rglob("*.parquet")}
