"""What each model must show: its own checks, and those of every model; a name without checks is refused."""

import pytest

from configs.loading import load_settings
from training.demand.promotion_checks import BeatsSmoothing, Calibrated, elasticities_usable
from training.errors import ModelUnknown
from training.gates import checks_of
from training.promotion_checks import (
    BeatsBaselines,
    DataFreshEnough,
    ManifestComplete,
    metrics_finite,
    snapshot_known,
    tags_present,
)

PROMOTION = load_settings("test").promotion
COMMON = {DataFreshEnough, ManifestComplete, metrics_finite, snapshot_known, tags_present}


def kinds(name: str) -> set[object]:
    """Name each check by its class, or by itself where it is a function."""
    return {check if hasattr(check, "__name__") else type(check) for check in checks_of(name, PROMOTION)}


def test_the_demand_models_must_beat_smoothing_cover_and_answer_to_prices() -> None:
    assert kinds("demand") == COMMON | {BeatsSmoothing, Calibrated, elasticities_usable}


def test_the_recommender_must_beat_its_baselines() -> None:
    assert kinds("two-tower") == COMMON | {BeatsBaselines}


@pytest.mark.parametrize("name", ["three-tower", "", "Demand"])
def test_a_model_without_checks_is_refused(name: str) -> None:
    with pytest.raises(ModelUnknown, match="demand, two-tower"):
        checks_of(name, PROMOTION)
