"""Which part of the price service is made of which."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from configs.pricing import PricingSettings
from configs.settings import Settings
from features.clock import Clock
from features.lineage import personal_data_used
from serving.decisions import DecisionLog
from serving.errors import NotReady
from serving.pricing.advisor import Advisor
from serving.pricing.checks import Checks
from serving.pricing.disclosure import DisclosureTable
from serving.pricing.forecasts import Forecasting
from serving.pricing.ports import DemandDesk, GetDesk, PriceAdvisor
from serving.pricing.price_history import PriceHistory
from serving.pricing.prices import ShownPrices
from serving.pricing.review import Review
from serving.pricing.simulate import Simulating
from serving.pricing.suggest import Suggesting
from serving.pricing.suggestions import SuggestionStore
from serving.pricing.tables import create_tables


@dataclass(frozen=True)
class Pricing:
    """The use cases and stores of the price service.

    Args:
        desk: Gives the loaded demand models, or raises `NotReady`.
        checks: Limits of requests.
        suggesting: Price suggestions.
        simulating: What-if.
        forecasting: Demand forecasts.
        shown: Prices in force.
        review: Moves of suggestions.
        suggestions: Suggestions on record.
        history: Prices on record.
    """

    desk: GetDesk
    checks: Checks
    suggesting: Suggesting
    simulating: Simulating
    forecasting: Forecasting
    shown: ShownPrices
    review: Review
    suggestions: SuggestionStore
    history: PriceHistory

    def desk_if_any(self) -> DemandDesk | None:
        """Give the loaded demand models; None without any."""
        try:
            return self.desk()
        except NotReady:
            return None


def pricing_of(
    settings: Settings, *, engine: sa.Engine, decisions: DecisionLog, desk: GetDesk, clock: Clock
) -> Pricing:
    """Build the price service from the settings of a process.

    Args:
        settings: All sections.
        engine: Database of suggestions, moves and prices.
        decisions: The record of answers.
        desk: Gives the loaded demand models, or raises `NotReady`.
        clock: Turns the wall clock into the time of the data.
    """
    return build_pricing(
        settings.pricing,
        engine=engine,
        decisions=decisions,
        desk=desk,
        advisor=Advisor(settings.pricing, currency=settings.serving.currency),
        currency=settings.serving.currency,
        personal_data_used=personal_data_used(),
        horizon_weeks=settings.demand.horizon_weeks,
        now=_now,
        data_now=clock.now,
    )


def build_pricing(
    settings: PricingSettings,
    *,
    engine: sa.Engine,
    decisions: DecisionLog,
    desk: GetDesk,
    advisor: PriceAdvisor,
    currency: str,
    personal_data_used: Sequence[str],
    horizon_weeks: int,
    now: Callable[[], datetime],
    data_now: Callable[[], datetime],
) -> Pricing:
    """Build the price service; its tables are made where they are missing.

    Args:
        settings: Rules of prices.
        engine: Database of suggestions, moves and prices.
        decisions: The record of answers.
        desk: Gives the loaded demand models, or raises `NotReady`.
        advisor: Finds prices within the guardrails.
        currency: Of every price; ISO 4217.
        personal_data_used: Columns about people behind the price features, from their lineage.
        horizon_weeks: Weeks that a forecast covers when the request names none.
        now: The wall clock.
        data_now: The same moment in the time of the data.
    """
    create_tables(engine)
    laws = DisclosureTable(settings.disclosure)
    checks = Checks(settings.review, laws, now)
    history, review = PriceHistory(engine), Review(engine, settings.review, settings.rules, now)
    used = tuple(personal_data_used)
    days, weeks = settings.history.prior_price_days, settings.review.default_weeks
    return Pricing(
        desk=desk,
        checks=checks,
        suggesting=Suggesting(
            engine=engine,
            advisor=advisor,
            rules=settings.rules,
            checks=checks,
            laws=laws,
            history=history,
            prior_price_days=days,
            review=review,
            decisions=decisions,
            personal_data_used=used,
            default_weeks=weeks,
            now=now,
            data_now=data_now,
        ),
        simulating=Simulating(advisor, checks, decisions, used, weeks, now, data_now),
        forecasting=Forecasting(checks, decisions, settings.review.max_forecast_rows, horizon_weeks, now),
        shown=ShownPrices(history, days, checks, laws, decisions, used, currency, now),
        review=review,
        suggestions=SuggestionStore(engine),
        history=history,
    )


def _now() -> datetime:
    return datetime.now(UTC)
