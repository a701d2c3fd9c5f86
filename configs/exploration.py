"""Exploration in recommendations, and what is concluded from it."""

from typing import Annotated

from pydantic import Field

from configs.fields import NonNegativeInt, PositiveDays, Section, Seed, Share


class ExplorationSettings(Section):
    """The declared policy: how many products of a list stand there by chance, and where they come from."""

    max_share: Share
    rate: Share
    pool: Annotated[int, Field(ge=1, le=200)]
    protected: NonNegativeInt
    placements: tuple[str, ...]
    main_parameter: str


class PolicyEvaluationSettings(Section):
    """What lists that were shown say about lists that were not."""

    reward_days: PositiveDays
    max_weight: Annotated[float, Field(ge=1, le=1e6)]
    min_effective_sample: Annotated[float, Field(ge=2, le=1e9)]
    min_supported_share: Share
    few_effective_events: Annotated[float, Field(ge=0, le=1e9)]
    prior_events: Annotated[float, Field(gt=0, le=1e6)]
    n_folds: Annotated[int, Field(ge=2, le=100)]
    n_bootstrap: Annotated[int, Field(ge=100, le=100_000)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    seed: Seed
