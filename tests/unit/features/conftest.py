"""Small lakes with hand-chosen rows, and the features of the real data, built once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from configs.loading import load_settings
from configs.settings import FeatureSettings
from features.build import build_features
from features.lake import LAKE_FORMAT, Lake, LakeManifest, snapshot_digest, table_entry
from features.store import Store

Line = tuple[str, str, str, str, str, float, float, float, float]
MakeLake = Callable[..., Lake]

PRODUCT_ROWS = [
    # product_id, department, category, product_type, brand, manufacturer_id, package_size, by weight, merchandise
    ("p1", "GROCERY", "MILK", "WHOLE MILK", "Private", "69", "1 GAL", False, True),
    ("p2", "GROCERY", "BREAD", None, "National", "7", None, False, True),
    ("p3", "PRODUCE", "APPLES", "GALA", "National", "8", None, True, True),
    ("p4", "FUEL", "GASOLINE", "UNLEADED", "National", "9", None, False, False),
    ("p5", "GROCERY", "TEA", "GREEN TEA", "National", "7", "20 CT", False, True),
]

REAL_SNAPSHOTS = (datetime(2017, 4, 10, tzinfo=UTC), datetime(2017, 12, 4, tzinfo=UTC))


@pytest.fixture
def feature_settings() -> FeatureSettings:
    """The feature settings of the test profile."""
    return load_settings("test").features


@pytest.fixture
def make_lake(tmp_path: Path) -> MakeLake:
    """Make a lake of lines (customer, product, store, basket, time, quantity, paid, shelf, loyalty discount)."""

    def make(lines: Sequence[Line], folder: str = "lake") -> Lake:
        root = tmp_path / folder
        root.mkdir()
        _transactions(lines).to_parquet(root / "transactions.parquet", index=False)
        _products().to_parquet(root / "products.parquet", index=False)
        return open_tables(root)

    return make


@pytest.fixture(scope="session")
def real_features(complete_journey_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Feast folder with two snapshots of every view of the Complete Journey, the newer one online."""
    feast_dir = tmp_path_factory.mktemp("real-features")
    build_features(complete_journey_lake, feast_dir / "tables", REAL_SNAPSHOTS, load_settings("test").features)
    store = Store(feast_dir)
    store.apply()
    store.materialize(REAL_SNAPSHOTS[-1])
    return feast_dir


def open_tables(root: Path) -> Lake:
    """Write the manifest of two finished tables and open the lake they make."""
    tables = {name: table_entry(root / f"{name}.parquet") for name in ("products", "transactions")}
    start = datetime(2017, 1, 1, tzinfo=UTC)
    manifest = LakeManifest(
        format_version=LAKE_FORMAT,
        created_at=start,
        source="hand",
        trading_time_zone="UTC",
        data_start=start,
        data_end=datetime(2017, 12, 31, tzinfo=UTC),
        snapshot_digest=snapshot_digest(tables),
        tables=tables,
        pseudonym_key_version=1,
    )
    (root / "manifest.json").write_text(manifest.model_dump_json(), encoding="utf-8")
    return Lake.open(root)


def _transactions(lines: Sequence[Line]) -> pd.DataFrame:
    texts = ["customer_id", "product_id", "store_id", "basket_id"]
    amounts = ["quantity", "paid_amount", "shelf_amount", "loyalty_discount"]
    rows = pd.DataFrame(lines, columns=[*texts, "event_timestamp", *amounts])
    times = pd.to_datetime(rows["event_timestamp"], utc=True, format="ISO8601")
    rows["event_timestamp"] = times.dt.as_unit("us")
    rows[amounts] = rows[amounts].astype("float64")
    return rows.sort_values(["event_timestamp", "basket_id", "product_id"]).assign(coupon_discount=0.0, channel=None)


def _products() -> pd.DataFrame:
    names = ["product_id", "department", "category", "product_type", "brand", "manufacturer_id", "package_size"]
    rows = pd.DataFrame(PRODUCT_ROWS, columns=[*names, "sold_by_weight", "is_merchandise"])
    return rows.assign(unit_cost=float("nan"), list_price=float("nan"))
