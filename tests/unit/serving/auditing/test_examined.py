"""Settings that a version was trained with are read, or refused with the first thing that is wrong."""

from types import SimpleNamespace
from typing import Any

import pytest

from configs.demand import DemandSettings
from configs.settings import Settings
from privacy.auditing.errors import VersionOutdated
from serving.auditing.examined import settings_of_version


def bundle(content: dict[str, Any]) -> Any:
    return SimpleNamespace(manifest=SimpleNamespace(name="demand", version="3", settings={"demand": content}))


def test_settings_come_back(settings: Settings) -> None:
    content = settings.demand.model_dump(mode="json")
    assert settings_of_version(bundle(content), "demand", DemandSettings) == settings.demand


def test_settings_of_other_code_are_refused_by_name(settings: Settings) -> None:
    content = settings.demand.model_dump(mode="json")
    content["private"]["magic"] = 1
    with pytest.raises(VersionOutdated, match=r"version 3 of 'demand'.*private\.magic"):
        settings_of_version(bundle(content), "demand", DemandSettings)
