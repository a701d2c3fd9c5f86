"""Settings of refreshing."""

import pytest
from pydantic import ValidationError

from configs.loading import load_settings
from configs.refresh import DriftSettings


def test_more_lists_cannot_be_asked_for_than_are_drawn() -> None:
    good = load_settings("test").refresh.drift.model_dump()
    DriftSettings.model_validate({**good, "min_lists": 500, "n_lists": 500})
    with pytest.raises(ValidationError, match="min_lists 501 exceeds n_lists 500"):
        DriftSettings.model_validate({**good, "min_lists": 501, "n_lists": 500})
