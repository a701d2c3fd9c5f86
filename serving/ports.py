"""What the use cases need from the layers below, so that tests can stand in for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from privacy.consent import ConsentState

if TYPE_CHECKING:  # the feature store takes seconds to import, and not every command that uses these needs it
    from features.events import Event, RecordResult

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]


class Ranked(Protocol):
    """An ordered list of products and where each comes from."""

    @property
    def product_idx(self) -> Positions:
        """(K,) positions in the catalogue, best first."""

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """(K,) scores, falling."""

    @property
    def sources(self) -> tuple[str, ...]:
        """(K,) method that brought each product in."""

    @property
    def because_idx(self) -> Positions:
        """(K,) position of the product that explains each, -1 for none."""

    @property
    def causes(self) -> tuple[str | None, ...]:
        """(K,) code of what each product owes its place to, None where nothing does; empty where nothing was asked."""


class Ranker(Protocol):
    """The loaded model."""

    @property
    def exposure_strength(self) -> float:
        """Share of the suppliers' weights that lists are re-ranked with; 0 for none."""

    def rank(
        self,
        row: Mapping[str, Any],
        *,
        basket_idx: Positions,
        allowed: Mask | None,
        task: Literal["all", "novel"],
        k: int,
        explain: bool,
    ) -> Ranked:
        """Rank for one customer from the online features; `explain` asks for causes."""

    def rank_basket(self, basket_idx: Positions, *, allowed: Mask | None, k: int) -> Ranked:
        """Rank for a basket, without personal data."""

    def rank_popular(self, *, allowed: Mask | None, k: int) -> Ranked:
        """Rank by what sells, without personal data."""

    def similar(self, product_idx: int, *, allowed: Mask | None, k: int) -> Ranked:
        """Rank products like one product."""

    def together(self, product_idx: int, *, allowed: Mask | None, k: int) -> Ranked:
        """Rank products bought together with one product."""


class CustomerFeatures(Protocol):
    """The online feature store, one customer at a time."""

    def online_customer(self, customer_id: str) -> dict[str, Any] | None:
        """Fetch a customer's features; None for somebody unknown."""


class ConsentReader(Protocol):
    """The consent ledger, one question at a time."""

    def in_force(self, customer_id: str, purpose: str, now: datetime) -> ConsentState:
        """Tell what a customer allows right now."""


class Pseudonyms(Protocol):
    """The door at which ids of the shop become pseudonyms."""

    def pseudonym(self, source_id: str) -> str:
        """Give a customer's pseudonym."""

    def visitor(self, visitor_id: str) -> str:
        """Give a visitor's pseudonym."""


class EventSink(Protocol):
    """Where events become durable and change features."""

    def record(self, events: "Sequence[Event]") -> "RecordResult":
        """Write events to disk, then fold them into the online features."""
