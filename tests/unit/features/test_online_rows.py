"""The online store's rows, everybody's at once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from configs.settings import FeatureSettings
from features.build import build_features
from features.lake import Lake
from features.online_rows import OnlineRows, customer_of, key_of
from features.store import Store

AS_OF = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture
def feast_dir(make_lake: Callable[..., Lake], tmp_path: Path, feature_settings: FeatureSettings) -> Path:
    lines = [
        ("ada", "p1", "s1", "b1", AS_OF - timedelta(days=3), 1.0, 1.0, 1.0, 0.0),
        ("ben", "p2", "s1", "b2", AS_OF - timedelta(days=2), 1.0, 1.0, 1.0, 0.0),
    ]
    lake = make_lake(lines)
    folder = tmp_path / "feast"
    build_features(lake, folder / "tables", [AS_OF], feature_settings)
    store = Store(folder)
    store.apply()
    store.materialize(AS_OF)
    return folder


def test_a_key_is_feasts_own() -> None:
    assert customer_of(key_of("c1_x")) == "c1_x"
    assert key_of("c1_x") != key_of("c1_y")


def test_a_copy_answers_under_the_new_name(feast_dir: Path) -> None:
    rows, store = OnlineRows(feast_dir), Store(feast_dir)
    before = store.online_customer("ada")
    assert before is not None
    assert rows.copy(lambda name: "eve" if name == "ada" else name) == 2
    assert Store(feast_dir).online_customer("eve") == before == Store(feast_dir).online_customer("ada")
    assert rows.customers() == {"ada", "ben", "eve"}


def test_what_is_dropped_is_gone_to_the_last_byte(feast_dir: Path) -> None:
    rows = OnlineRows(feast_dir)
    assert rows.drop(lambda name: name == "ada") == 2
    assert rows.customers() == {"ben"}
    assert Store(feast_dir).online_customer("ada") is None
    for path in feast_dir.glob("online.db*"):
        assert key_of("ada") not in path.read_bytes()


def test_age_is_that_of_the_history(feast_dir: Path) -> None:
    rows = OnlineRows(feast_dir)
    assert rows.older_than(AS_OF) == set()
    assert rows.older_than(AS_OF + timedelta(seconds=1)) == {"ada", "ben"}


def test_without_a_store_there_is_nobody(tmp_path: Path) -> None:
    rows = OnlineRows(tmp_path)
    assert (rows.customers(), rows.drop(lambda _: True), rows.copy(str.upper)) == (set(), 0, 0)
    assert list(tmp_path.iterdir()) == []
