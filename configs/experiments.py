"""Experiments: what is declared before one begins, and when it may be called decided."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.fields import PositiveDays, Section, Seed, Share

Measure = Literal["spend_usd", "baskets", "products", "discount_usd"]
ExperimentName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]


class CustomerExperiment(Section):
    """Customers are drawn into a control and a treatment arm for good."""

    name: ExperimentName
    start: date
    days: PositiveDays
    control_share: Annotated[float, Field(gt=0, lt=1)]
    treatment_share: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.control_share + self.treatment_share > 1:
            raise ValueError(f"the shares add up to {self.control_share + self.treatment_share:g}, more than 1")
        return self


class SwitchBackExperiment(Section):
    """Stores change between control and treatment from one block of time to the next."""

    name: ExperimentName
    start: date
    days: PositiveDays
    block_hours: Annotated[float, Field(ge=1, le=672)]
    washout_hours: Annotated[float, Field(ge=0, le=336)]

    @model_validator(mode="after")
    def _something_is_left(self) -> Self:
        if self.washout_hours >= self.block_hours:
            raise ValueError(f"washout_hours {self.washout_hours:g} leaves nothing of {self.block_hours:g} hours")
        return self


class Guardrail(Section):
    """What a treatment must not cost."""

    measure: Measure
    max_loss: Share


class RehearsalSettings(Section):
    """Made-up experiments on real days: how often nothing is taken for something, and something found."""

    n_runs: Annotated[int, Field(ge=20, le=100_000)]
    days: PositiveDays
    lifts: tuple[Annotated[float, Field(gt=0, le=10)], ...]
    seed: Seed


class ExperimentSettings(Section):
    """How experiments are read, and which are declared."""

    measure: Measure
    guardrails: tuple[Guardrail, ...]
    false_alarm: Annotated[float, Field(gt=0, lt=0.5)]
    history_days: Annotated[int, Field(ge=2, le=3650)]
    min_units: Annotated[int, Field(ge=2)]
    min_ratio_p: Annotated[float, Field(gt=0, lt=0.5)]
    rehearsal: RehearsalSettings
    customers: tuple[CustomerExperiment, ...]
    switch_backs: tuple[SwitchBackExperiment, ...]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [one.name for one in self.customers] + [one.name for one in self.switch_backs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two experiments are named {', '.join(twice)}: they would share their assignment")
        return self
