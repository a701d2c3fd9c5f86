"""Every price that was ever in force: an append-only table, and the answer to "what did it cost then"."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Final, Literal, NamedTuple

import sqlalchemy as sa

from serving.pricing.moments import to_optional_us, to_us
from serving.pricing.tables import ENDS, EVERYWHERE, HISTORY

Source = Literal["published", "observed"]

PUBLISHED: Final = "published"
OBSERVED: Final = "observed"

_BATCH: Final = 5_000
_ASKED_AT_ONCE: Final = 500  # products per query; databases limit the number of parameters


class Scope(NamedTuple):
    """What a price is for; an empty store is the whole chain, an empty channel every channel."""

    product_id: str
    store_id: str = EVERYWHERE
    channel: str = EVERYWHERE


@dataclass(frozen=True, slots=True)
class Entry:
    """A price to put on record.

    Attributes:
        scope: What it is for.
        price: Amount in `currency`.
        currency: ISO 4217.
        valid_from: Its first moment.
        valid_until: The moment it ends; None until another one takes its place.
        source: `published` by the review flow, or `observed` in the books.
        suggestion_id: The suggestion that was published.
    """

    scope: Scope
    price: Decimal
    currency: str
    valid_from: datetime
    valid_until: datetime | None
    source: Source
    suggestion_id: str | None = None


class Price(NamedTuple):
    """A price on record, as the reckoning of prior prices sees it; times in microseconds."""

    scope: Scope
    amount: Decimal
    currency: str
    from_us: int
    until_us: int | None
    source: str
    suggestion_id: str | None
    sequence: int

    def covers(self, moment_us: int) -> bool:
        """Tell whether it could be in force at a moment."""
        return self.from_us <= moment_us and (self.until_us is None or moment_us < self.until_us)


def precedence(price: Price) -> tuple[bool, bool, bool, int, int]:
    """Order prices by who wins where several cover a moment.

    What was published goes before what the books show, a store before the chain, a channel before every channel; of
    equals the one that began last, of those the one recorded last.
    """
    scope = price.scope
    return (
        price.source != PUBLISHED,
        scope.store_id == EVERYWHERE,
        scope.channel == EVERYWHERE,
        -price.from_us,
        -price.sequence,
    )


def applies(price: Price, scope: Scope) -> bool:
    """Tell whether a price on record is for a scope, or for a wider one that holds it."""
    return price.scope.store_id in (EVERYWHERE, scope.store_id) and price.scope.channel in (EVERYWHERE, scope.channel)


class PriceHistory:
    """The table of prices. Nothing in it is ever changed: an early end is a row of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @staticmethod
    def add(connection: sa.Connection, entries: Iterable[Entry], recorded_at: datetime) -> int:
        """Put prices on record within a transaction.

        Returns:
            How many.
        """
        rows = (_row(entry, recorded_at) for entry in entries)
        n_added = 0
        while batch := list(islice(rows, _BATCH)):
            connection.execute(HISTORY.insert(), batch)
            n_added += len(batch)
        return n_added

    @staticmethod
    def end(connection: sa.Connection, suggestion_id: str, ends_at: datetime, recorded_at: datetime) -> None:
        """Let a published price end earlier than it was to; within a transaction."""
        row = {"suggestion_id": suggestion_id, "ends_us": to_us(ends_at), "recorded_us": to_us(recorded_at)}
        connection.execute(ENDS.insert().values(row))

    def observe(self, entries: Iterable[Entry], recorded_at: datetime) -> int:
        """Put prices seen in the books on record: what begins after the last one of its scope and differs from it.

        Args:
            entries: Prices seen, each scope's in the order of time.
            recorded_at: Now.

        Returns:
            How many were new.
        """
        with self._engine.begin() as connection:
            last, new = _last_observed(connection), []
            for entry in entries:
                began_us, price = last.get(entry.scope, (-1, None))
                if to_us(entry.valid_from) > began_us and entry.price != price:
                    last[entry.scope] = (to_us(entry.valid_from), entry.price)
                    new.append(entry)
            return self.add(connection, new, recorded_at)

    def of(self, product_ids: Sequence[str]) -> dict[str, list[Price]]:
        """Give the prices of products, each product's by precedence.

        Returns:
            Lists by product; products without any are left out.
        """
        found: dict[str, list[Price]] = {}
        with self._engine.connect() as connection:
            for first in range(0, len(product_ids), _ASKED_AT_ONCE):
                asked = list(product_ids[first : first + _ASKED_AT_ONCE])
                for row in connection.execute(_PRICES, {"asked": asked}):
                    price = _price(*row)
                    found.setdefault(price.scope.product_id, []).append(price)
        for prices in found.values():
            prices.sort(key=precedence)
        return found


_PRICES: Final = (
    sa.select(
        HISTORY.c.product_id,
        HISTORY.c.store_id,
        HISTORY.c.channel,
        HISTORY.c.price,
        HISTORY.c.currency,
        HISTORY.c.valid_from_us,
        HISTORY.c.valid_until_us,
        HISTORY.c.source,
        HISTORY.c.suggestion_id,
        HISTORY.c.sequence,
        ENDS.c.ends_us,
    )
    .select_from(HISTORY.outerjoin(ENDS, HISTORY.c.suggestion_id == ENDS.c.suggestion_id))
    .where(HISTORY.c.product_id.in_(sa.bindparam("asked", expanding=True)))
)


def _price(
    product_id: str,
    store_id: str,
    channel: str,
    amount: str,
    currency: str,
    from_us: int,
    until_us: int | None,
    source: str,
    suggestion_id: str | None,
    sequence: int,
    ends_us: int | None,
) -> Price:
    """Read a row; an early end shortens what was published."""
    if ends_us is not None:
        until_us = max(from_us, ends_us if until_us is None else min(until_us, ends_us))
    scope = Scope(product_id, store_id, channel)
    return Price(scope, Decimal(amount), currency, from_us, until_us, source, suggestion_id, sequence)


def _row(entry: Entry, recorded_at: datetime) -> Mapping[str, object]:
    return {
        "product_id": entry.scope.product_id,
        "store_id": entry.scope.store_id,
        "channel": entry.scope.channel,
        "price": str(entry.price),
        "currency": entry.currency,
        "valid_from_us": to_us(entry.valid_from),
        "valid_until_us": to_optional_us(entry.valid_until),
        "recorded_us": to_us(recorded_at),
        "source": entry.source,
        "suggestion_id": entry.suggestion_id,
    }


def _last_observed(connection: sa.Connection) -> dict[Scope, tuple[int, Decimal | None]]:
    """Give each scope's latest price seen in the books, and when it began."""
    columns = (HISTORY.c.product_id, HISTORY.c.store_id, HISTORY.c.channel, HISTORY.c.valid_from_us, HISTORY.c.price)
    asked = sa.select(*columns).where(HISTORY.c.source == OBSERVED).order_by(HISTORY.c.valid_from_us)
    return {Scope(*row[:3]): (int(row[3]), Decimal(row[4])) for row in connection.execute(asked)}
