"""What each model of the registry must show before it may serve."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from configs.settings import PromotionSettings
from fairness.gates import Check
from training.demand.forecaster import MODEL_NAME as DEMAND
from training.demand.forecaster import SECTIONS as DEMAND_SECTIONS
from training.demand.promotion_checks import BeatsSmoothing, Calibrated, elasticities_usable
from training.errors import ModelUnknown
from training.promote import standard_checks
from training.promotion_checks import BeatsBaselines, Candidate
from training.two_tower.recommender import MODEL_NAME as TWO_TOWER
from training.two_tower.recommender import SECTIONS as TWO_TOWER_SECTIONS


@dataclass(frozen=True)
class _Demands:
    sections: tuple[str, ...]
    quality: Callable[[PromotionSettings], Sequence[Check[Candidate]]]


_BY_MODEL: Final[Mapping[str, _Demands]] = {
    TWO_TOWER: _Demands(TWO_TOWER_SECTIONS, lambda settings: [BeatsBaselines(settings)]),
    DEMAND: _Demands(
        DEMAND_SECTIONS,
        lambda settings: [BeatsSmoothing(settings.demand), Calibrated(settings.demand), elasticities_usable],
    ),
}


def checks_of(name: str, settings: PromotionSettings) -> list[Check[Candidate]]:
    """List the checks of a model: its own, and those every model passes.

    Raises:
        ModelUnknown: If no checks are written for it.
    """
    if name not in _BY_MODEL:
        raise ModelUnknown(name=name, known=sorted(_BY_MODEL))
    demands = _BY_MODEL[name]
    return standard_checks(settings, demands.sections, demands.quality(settings))
