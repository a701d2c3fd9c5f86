"""The policy under which one model is audited: which measures decide, and by which margin."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from configs.fairness import FairnessSettings, PrimaryMeasure, StatisticsSettings
from fairness.errors import ModelNotAudited
from fairness.measures import Definition, Family

_FAMILIES: Final = {"two-tower": "two_tower", "demand": "demand"}  # model name to the key of its primary family


@dataclass(frozen=True)
class Policy:
    """The settings of fairness as they apply to one model.

    Attributes:
        settings: All of them; the digest covers all of them.
        model: Model name.
    """

    settings: FairnessSettings
    model: str

    def __post_init__(self) -> None:
        """Refuse a model that no primary family is registered for.

        Raises:
            ModelNotAudited: If there is none.
        """
        if self.model not in _FAMILIES:
            raise ModelNotAudited(model=self.model, known=sorted(_FAMILIES))

    @property
    def digest(self) -> str:
        """SHA-256 of the policy in canonical JSON."""
        return policy_digest(self.settings)

    @property
    def primary(self) -> tuple[PrimaryMeasure, ...]:
        """The measures that decide about this model."""
        registered: tuple[PrimaryMeasure, ...] = getattr(self.settings.primary, _FAMILIES[self.model])
        return registered

    @property
    def statistics(self) -> StatisticsSettings:
        """How verdicts are reached."""
        return self.settings.statistics

    def family(self, measure: str, attribute: str | None) -> Family:
        """Tell whether a measure by an attribute decides."""
        return "exploratory" if self._registered(measure, attribute) is None else "primary"

    def margin(self, definition: Definition, attribute: str | None) -> float:
        """Give the margin of a measure by an attribute: the registered one, or that of all exploration."""
        registered = self._registered(definition.measure, attribute)
        if registered is not None:
            return registered.margin
        exploratory = self.settings.exploratory
        return exploratory.ratio if definition.kind == "ratio" else exploratory.difference

    def _registered(self, measure: str, attribute: str | None) -> PrimaryMeasure | None:
        for entry in self.primary:
            if (entry.measure, entry.attribute) == (measure, attribute):
                return entry
        return None


def policy_digest(settings: FairnessSettings) -> str:
    """Digest the settings that a verdict depends on: SHA-256 of canonical JSON.

    Whether keys may be made is no part of the policy: it says nothing about people. How privacy's loss is shared out
    decides nothing, and its limit is the margin of the measure that the report itself holds.
    """
    content = settings.model_dump(mode="json")
    del content["release"]["create_missing_keys"], content["privacy_loss"]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
