"""Settings of fairness: who is compared, what decides a release, how sure a verdict must be, who may waive it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.fields import PositiveDays, PositiveInt, Section, Seed, Share

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=64)]
LegitimateFactor = Literal["spend", "baskets", "tenure"]


class AttributeSettings(Section):
    """One sensitive attribute and the groups it is compared by."""

    name: Name
    column: Text
    groups: dict[Text, tuple[Text, ...]]


class StatisticsSettings(Section):
    """How verdicts are reached."""

    n_draws: Annotated[int, Field(ge=200, le=100_000)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    power: Annotated[float, Field(gt=0.5, lt=1)]
    min_cell: Annotated[int, Field(ge=2, le=1000)]
    min_n: Annotated[int, Field(ge=2, le=10_000)]
    min_events: Annotated[int, Field(ge=1, le=10_000)]
    max_levels: Annotated[int, Field(ge=2, le=1000)]
    seed: Seed


class PrimaryMeasure(Section):
    """A measure by an attribute that decides a release, with the margin registered for it."""

    measure: Name
    attribute: Name
    margin: Annotated[float, Field(ge=0, le=10)]


class PrimaryFamily(Section):
    """The measures that decide about each model, registered before the audit; at most ten each."""

    two_tower: Annotated[tuple[PrimaryMeasure, ...], Field(min_length=1, max_length=10)]
    demand: Annotated[tuple[PrimaryMeasure, ...], Field(min_length=1, max_length=10)]


class ExploratoryMargins(Section):
    """Margins of the measures that are looked at and decide nothing."""

    ratio: Annotated[float, Field(gt=0, le=1)]
    difference: Annotated[float, Field(ge=0, le=10)]
    proxy_auc: Annotated[float, Field(ge=0.5, le=1)]


class CampaignAuditSettings(Section):
    """How access to campaigns is compared."""

    eligible_days: PositiveDays
    legitimate_factors: Annotated[tuple[LegitimateFactor, ...], Field(min_length=1, max_length=3)]


class SupplierSettings(Section):
    """Which suppliers are small, which brands are the shop's own, and how lists are re-ranked for them."""

    small_share: Share
    private_label_brands: tuple[Text, ...]
    small_target: Share
    private_label_tolerance: Share
    list_length: Annotated[int, Field(ge=1, le=100)]
    strengths: Annotated[tuple[Share, ...], Field(min_length=1, max_length=21)]


class ReleaseSettings(Section):
    """What a release needs beside the verdict."""

    max_report_age_days: PositiveDays
    max_clock_skew_minutes: Annotated[float, Field(ge=0, le=1440)]
    max_waiver_days: Annotated[int, Field(ge=1, le=90)]
    required_sign_offs: Annotated[int, Field(ge=0, le=10)]
    create_missing_keys: bool


class PrivacyLossSettings(Section):
    """How what the noise of a private version costs is shared out; looked at in its audit, decides nothing."""

    max_ratio: Annotated[float, Field(gt=1, le=10)]


class LiveSettings(Section):
    """The same measures over what was really shown."""

    window_days: PositiveDays
    drift_margin: Share
    min_decisions: PositiveInt


class FairnessSettings(Section):
    """The policy of fairness; its digest is in every report."""

    attributes: Annotated[tuple[AttributeSettings, ...], Field(min_length=1, max_length=20)]
    intersections: tuple[tuple[Name, Name], ...]
    statistics: StatisticsSettings
    primary: PrimaryFamily
    exploratory: ExploratoryMargins
    campaigns: CampaignAuditSettings
    suppliers: SupplierSettings
    release: ReleaseSettings
    live: LiveSettings
    privacy_loss: PrivacyLossSettings

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        known = [attribute.name for attribute in self.attributes]
        if len(set(known)) < len(known):
            raise ValueError(f"attributes are named twice: {known}")
        unknown = sorted({name for pair in self.intersections for name in pair} - set(known))
        if unknown:
            raise ValueError(f"intersections name attributes that are not declared: {unknown}; declared: {known}")
        return self
