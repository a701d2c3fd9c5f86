"""Settings of privacy: pseudonyms, consent, and how much may be learnt about one customer from all that is released."""

from typing import Annotated

from pydantic import Field

from configs.fields import PositiveDays, PositiveInt, Section, Share
from configs.retention import RetentionSettings


class BudgetSettings(Section):
    """What everything released about the customers of one shop may cost together."""

    cap_epsilon: Annotated[float, Field(gt=0, le=20)]
    delta: Annotated[float, Field(ge=1e-12, le=1e-3)]
    window_days: PositiveDays
    clock_tolerance_s: Annotated[float, Field(ge=0, le=60)]


class SmallCountSettings(Section):
    """Counts of customers that people outside the audit role see."""

    scale: Annotated[float, Field(ge=0.1, le=1000)]
    period_days: PositiveDays


class ErasureSettings(Section):
    """What follows when a person asks to be erased."""

    retrain_within_days: PositiveDays
    retry_s: Annotated[float, Field(gt=0, le=3600)]


class PrivacyAuditSettings(Section):
    """The empirical audit of a version's privacy claim."""

    n_canaries: Annotated[int, Field(ge=200, le=20_000)]
    false_alarm: Annotated[float, Field(ge=1e-6, le=0.2)]


class PrivacySettings(Section):
    """Pseudonyms, consent, the privacy budget, and how long things are kept."""

    pseudonym_key_version: PositiveInt
    create_missing_keys: bool
    demo_refusal_share: Share
    budget: BudgetSettings
    rotation_window_days: PositiveDays
    small_counts: SmallCountSettings
    retention: RetentionSettings
    erasure: ErasureSettings
    audit: PrivacyAuditSettings
