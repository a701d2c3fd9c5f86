"""What every Feast object must say about itself, and that tables and definitions agree."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from feast import FeatureService, FeatureView, ValueType
from feast.repo_operations import get_repo_files
from feast.type_map import pa_to_feast_value_type

import features
from configs.settings import FeatureSettings
from features.build import build_features
from features.build_prices import build_prices
from features.lake import Lake
from features.services import build_objects
from features.tables import PRICE_VIEWS
from features.views import build_views

TABLES = Path("/nowhere/tables")
AS_OF = datetime(2017, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("thing", build_objects(TABLES), ids=lambda thing: f"{type(thing).__name__}-{thing.name}")
def test_every_object_names_owner_purpose_and_sensitivity(thing: Any) -> None:
    assert thing.owner
    assert len(thing.description) > 20
    assert thing.tags["sensitivity"] in ("pseudonymous", "none")
    assert set(thing.tags["purpose"].split(",")) <= {"personalization", "model_training", "pricing"}


def test_every_feature_is_described() -> None:
    for view in _views():
        assert all(field.description for field in view.features), view.name


def test_what_describes_a_person_is_marked_so() -> None:
    by_name = {thing.name: thing for thing in build_objects(TABLES)}
    for name in ("customer", "customer_history", "customer_profile", "customer_v1", "customer_events"):
        assert by_name[name].tags["sensitivity"] == "pseudonymous"
    for name in ("product", "store", "product_profile", "product_v1", *PRICE_VIEWS, "price_v1"):
        assert by_name[name].tags["sensitivity"] == "none"


def test_services_hold_the_views_of_the_contract() -> None:
    services = {thing.name: thing for thing in build_objects(TABLES) if isinstance(thing, FeatureService)}
    held = {name: [part.name for part in service.feature_view_projections] for name, service in services.items()}
    assert held == {
        "customer_v1": ["customer_history", "customer_profile"],
        "product_v1": ["product_profile"],
        "price_v1": list(PRICE_VIEWS),
    }


def test_no_service_has_two_features_of_one_name() -> None:
    for service in (thing for thing in build_objects(TABLES) if isinstance(thing, FeatureService)):
        names = [field.name for part in service.feature_view_projections for field in part.features]
        assert len(names) == len(set(names)), service.name


def test_the_push_source_feeds_the_history() -> None:
    views = build_views(TABLES)
    assert views.customer_history.stream_source == views.customer_events


def test_feast_sees_one_module_alone() -> None:
    folder = Path(str(features.__file__)).parent
    assert [path.name for path in get_repo_files(folder)] == ["repo.py"]


def test_built_tables_hold_what_the_views_declare(
    make_lake: Callable[..., Lake], tmp_path: Path, feature_settings: FeatureSettings
) -> None:
    lake = make_lake([("c1", "p1", "s1", "b1", "2017-01-10 10:00:00", 1, 2.0, 2.0, 0.0)])
    build_features(lake, tmp_path / "feast" / "tables", [AS_OF], feature_settings)
    build_prices(lake, tmp_path / "feast" / "tables")
    for view in _views():
        (path,) = (tmp_path / "feast" / "tables" / view.name).glob("*.parquet")
        schema = pq.read_schema(path)
        declared = {field.name: field.dtype.to_value_type() for field in view.schema}
        declared |= {f"{entity}_id": ValueType.STRING for entity in view.entities}
        found = {
            name: pa_to_feast_value_type(str(schema.field(name).type).replace("element", "item"))
            for name in schema.names
        }
        assert {name: kind for name, kind in found.items() if name != "event_timestamp"} == declared, view.name


def _views() -> list[FeatureView]:
    return [thing for thing in build_objects(TABLES) if isinstance(thing, FeatureView)]
