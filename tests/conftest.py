"""What tests of several packages share."""

import shutil
from pathlib import Path

import pytest

from configs.loading import load_settings
from configs.settings import PROJECT_ROOT, Settings
from features.ingest import ingest_complete_journey
from features.lake import Lake


@pytest.fixture(scope="session")
def complete_journey_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole Complete Journey, ingested once: a root holding lake, keys, vault, audit, reports and state.db.

    Takes about 20 seconds, promotions included. Shared by the session: read it, write elsewhere.
    """
    root = tmp_path_factory.mktemp("complete-journey")
    settings = settings_at(root)
    ingest_complete_journey(settings.storage, settings.ingest, settings.privacy, lambda _: None)
    return root


@pytest.fixture(scope="session")
def complete_journey_lake(complete_journey_var: Path) -> Lake:
    """The lake of the whole Complete Journey."""
    return Lake.open(complete_journey_var / "lake")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of the test profile that write under this test's own folder."""
    return settings_at(tmp_path / "var")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the corner shop of docs/own-data, to be changed at will."""
    folder = tmp_path / "shop"
    shutil.copytree(PROJECT_ROOT / "docs" / "own-data", folder)
    return folder


def settings_at(root: Path) -> Settings:
    """Load the test profile with another root."""
    return load_settings("test", [f"storage.root={root}"])
