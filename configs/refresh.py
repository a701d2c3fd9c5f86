"""Refreshing: when a champion is due, what a challenger must show against it, and how drift is measured."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.fields import PositiveDays, Section, Seed, Share


class DriftSettings(Section):
    """How today is compared with the end of training."""

    n_bins: Annotated[int, Field(ge=2, le=100)]
    alarm_at: Annotated[float, Field(gt=0, le=10)]
    recent_days: PositiveDays
    recent_weeks: Annotated[int, Field(ge=1, le=104)]
    n_lists: Annotated[int, Field(ge=10, le=100_000)]
    min_lists: Annotated[int, Field(ge=10, le=100_000)]
    seed: Seed

    @model_validator(mode="after")
    def _enough_can_be_had(self) -> Self:
        if self.min_lists > self.n_lists:
            raise ValueError(f"min_lists {self.min_lists} exceeds n_lists {self.n_lists}")
        return self


class RefreshSettings(Section):
    """When models are trained again, and what lets the new ones take over."""

    max_model_age_days: PositiveDays
    max_loss: Share
    drift: DriftSettings
