"""Settings of the review flow, the price history and the notices beside a price."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.fields import PositiveDays, PositiveInt, Section

Jurisdiction = Annotated[str, Field(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]


class ReviewSettings(Section):
    """Limits of requests about prices, and of what may be done without a second person."""

    min_price: Annotated[float, Field(gt=0, le=1000)]
    max_price: Annotated[float, Field(ge=1, le=1_000_000)]
    max_validity_days: PositiveDays
    max_lead_days: PositiveDays
    max_backdated_hours: Annotated[int, Field(ge=0, le=168)]
    default_weeks: Annotated[int, Field(ge=1, le=26)]
    overrides_beyond_guardrails: bool
    idempotency_hours: Annotated[int, Field(ge=1, le=720)]
    max_forecast_rows: PositiveInt


class HistorySettings(Section):
    """The record of prices in force."""

    prior_price_days: Annotated[int, Field(ge=30, le=365)]


class LawSettings(Section):
    """What one law asks beside a price that rests on personal data, and where it holds."""

    jurisdictions: Annotated[tuple[Jurisdiction, ...], Field(min_length=1)]
    law: str | None
    notice: str | None
    notice_only_for_increases: bool
    forbids_personal_prices: bool


class DisclosureSettings(Section):
    """Laws on personalised prices, by jurisdiction."""

    default_jurisdiction: Jurisdiction
    laws: tuple[LawSettings, ...]

    @model_validator(mode="after")
    def _each_place_once(self) -> Self:
        codes = [code for law in self.laws for code in law.jurisdictions]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"jurisdictions under more than one law: {', '.join(twice)}")
        if self.default_jurisdiction not in codes:
            raise ValueError(f"default_jurisdiction {self.default_jurisdiction} stands under no law")
        return self
