"""What the price service needs from the loaded demand models, so that tests can stand in for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

from serving.pricing.advice import Advice, Ask, Declined, Objective, Simulated
from serving.pricing.assortment import Assortment
from training.demand.forecast import Forecast

Track = Literal["none", "promo", "full"]


@dataclass(frozen=True)
class PlannedWeek:
    """What is known of one week to come; None where nothing is.

    Attributes:
        product_id: The product; None for every product asked for.
        week_start: Monday of the trading calendar.
        shelf_price: Price before loyalty discounts, in the service's currency.
        paid_price: Price after them.
        display: Share of the stores that display it, 0 to 1.
        mailer: Share of the stores whose mailer holds it, 0 to 1.
        uplift: Factor of a known event on expected units.
    """

    product_id: str | None
    week_start: date
    shelf_price: float | None = None
    paid_price: float | None = None
    display: float | None = None
    mailer: float | None = None
    uplift: float | None = None


class PriceAdvisor(Protocol):
    """Finds prices, and tells what given ones would bring."""

    def advise(
        self, asks: Sequence[Ask], assortment: Assortment, *, objective: Objective, n_weeks: int, now: datetime
    ) -> Sequence[Advice | Declined]:
        """Suggest a price for each ask, in the same order."""

    def simulate(
        self, asks: Sequence[Ask], prices: Sequence[Decimal], assortment: Assortment, *, n_weeks: int, now: datetime
    ) -> Sequence[Simulated | Declined]:
        """Tell what each ask's price would bring, in the same order."""


class DemandDesk(Protocol):
    """One loaded, verified version of the demand models, with all it knows of the products."""

    @property
    def digest(self) -> str:
        """Digest of its bundle."""

    @property
    def card(self) -> Mapping[str, Any]:
        """The `model` block of an answer."""

    @property
    def assortment(self) -> Assortment:
        """What prices are reckoned from."""

    @property
    def longest_weeks(self) -> int:
        """Most weeks that can be forecast."""

    def forecast(
        self,
        product_ids: Sequence[str],
        store_ids: Sequence[str] | None,
        *,
        n_weeks: int,
        track: Track,
        planned: Sequence[PlannedWeek],
    ) -> Forecast:
        """Forecast known products, chain-wide or at known stores.

        Args:
            product_ids: Products of the assortment, none twice.
            store_ids: Stores of the assortment, none twice; None forecasts the chain.
            n_weeks: Weeks after the last one known, at most `longest_weeks`.
            track: How much of the plan to use.
            planned: What is known of these weeks.
        """


GetDesk = Callable[[], DemandDesk]  # raises NotReady where none is loaded
