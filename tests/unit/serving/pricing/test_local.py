"""The price service without a server."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from configs.settings import StorageSettings
from fairness.errors import ClearanceRefused
from features.errors import LakeMissing
from serving.pricing.local import local_pricing
from serving.pricing.schemas import PriceSuggestionsRequest
from training.artifact import champion_pointer
from training.errors import NoChampion


def test_it_answers_as_the_server_would(chain: Any) -> None:
    told: list[str] = []
    with local_pricing(chain.settings, told.append) as (pricing, desk):
        assert pricing.desk() is desk
        request = PriceSuggestionsRequest.model_validate({"items": [{"product_id": "p00"}], "dry_run": True})
        answer = pricing.suggesting.suggest(request, pricing.desk, caller="a test", key=None)
    assert [one["product_id"] for one in answer["suggestions"]] == ["p00"]
    assert answer["suggestions"][0]["personal_data_used"] == []
    assert len(told) == 1


def test_no_lake_no_prices(chain: Any, tmp_path: Path) -> None:
    bare = chain.settings.model_copy(update={"storage": StorageSettings(root=tmp_path / "var", min_free_gb=0)})
    with pytest.raises(LakeMissing), local_pricing(bare, lambda _: None):
        pass


def test_no_champion_no_prices(chain: Any, tmp_path: Path) -> None:
    other = chain.copied_to(tmp_path / "house")
    assert champion_pointer(other.settings.storage.bundles, "demand") is not None
    (other.settings.storage.bundles / "demand" / "champion.json").unlink()
    with pytest.raises(NoChampion), local_pricing(other.settings, lambda _: None):
        pass


def test_without_an_audit_no_prices_in_batch_either(chain: Any, tmp_path: Path) -> None:
    other = chain.copied_to(tmp_path / "house")
    shutil.rmtree(other.bundle.directory / "audit")
    with pytest.raises(ClearanceRefused, match="no fairness report travels"), local_pricing(other.settings, print):
        pass
