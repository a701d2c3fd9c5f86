"""Feast definitions apply both ways: by Feast's own command and by the store."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from feast import FeatureStore, RepoConfig

from features.store import Store

ROOT = Path(__file__).resolve().parents[2]
Names = dict[str, list[str]]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare checkout of the definitions and what they import, so that the real `var/` stays as it is."""
    root = tmp_path_factory.mktemp("checkout")
    for package in ("configs", "privacy", "features"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def test_both_ways_make_the_same_registry(checkout: Path, tmp_path: Path) -> None:
    first = _feast(checkout, "-c", "features", "apply")
    assert "Created feature view customer_history" in first
    assert (checkout / "var" / "feast" / "registry.db").exists()
    again = _feast(checkout, "-c", "features", "apply")
    assert "No changes to registry" in again

    store = Store(tmp_path / "feast")
    store.apply()
    store.apply()
    by_command = _names(checkout / "var" / "feast")
    assert by_command == _names(tmp_path / "feast")
    assert by_command["views"] == [
        "customer_history",
        "customer_profile",
        "price_product",
        "price_store_week",
        "price_week",
        "product_profile",
    ]
    assert by_command["services"] == ["customer_v1", "price_v1", "product_v1"]


def test_the_store_reads_what_the_command_applied(checkout: Path) -> None:
    _feast(checkout, "-c", "features", "apply")
    assert Store(checkout / "var" / "feast").online_customer("nobody") is None


def _feast(root: Path, *arguments: str) -> str:
    # As the `feast` command, but importing the copy's packages and not the installed ones.
    script = f"import sys; sys.path.insert(0, {str(root)!r}); from feast.cli.cli import cli; cli()"
    ran = subprocess.run([sys.executable, "-c", script, *arguments], cwd=root, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def _names(feast_dir: Path) -> Names:
    feast = FeatureStore(
        config=RepoConfig(
            project="fairshelf",
            provider="local",
            registry=str(feast_dir / "registry.db"),
            entity_key_serialization_version=3,
        )
    )
    return {
        "entities": sorted(entity.name for entity in feast.list_entities()),
        "sources": sorted(source.name for source in feast.list_data_sources()),
        "views": sorted(view.name for view in feast.list_feature_views()),
        "features": sorted(f"{v.name}:{field}" for v in feast.list_feature_views() for field in v.features),
        "services": sorted(service.name for service in feast.list_feature_services()),
    }
