"""Fold accepted events into a customer's history row, giving what a rebuild from the lake would give."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from configs.settings import FeatureSettings
from features import columns
from features.journal import PURCHASE, JournalEntry

_SECONDS_PER_DAY: Final = 86_400.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Holding:
    """One product in a history: how often, how lately and since when it was bought."""

    n_baskets: int
    decayed_short: float
    decayed_long: float
    days_since_last: float
    days_since_first: float

    def aged(self, days: float, settings: FeatureSettings) -> "Holding":
        """Give the same purchases as seen some days later."""
        return Holding(
            n_baskets=self.n_baskets,
            decayed_short=self.decayed_short * _decay(days, settings.half_life_short_days),
            decayed_long=self.decayed_long * _decay(days, settings.half_life_long_days),
            days_since_last=self.days_since_last + days,
            days_since_first=self.days_since_first + days,
        )

    def with_basket(self, days_ago: float, settings: FeatureSettings) -> "Holding":
        """Add a basket, which need not be the newest."""
        return Holding(
            n_baskets=self.n_baskets + 1,
            decayed_short=self.decayed_short + _decay(days_ago, settings.half_life_short_days),
            decayed_long=self.decayed_long + _decay(days_ago, settings.half_life_long_days),
            days_since_last=min(self.days_since_last, days_ago),
            days_since_first=max(self.days_since_first, days_ago),
        )


@dataclass
class History:
    """A customer's history row, open for change.

    Attributes:
        as_of_epoch_s: Moment the row describes; everything in it happened strictly before.
        journal_seq: Last journal entry folded in.
        holdings: Products bought.
        session: Products viewed or put into the basket and not bought since, latest first.
    """

    as_of_epoch_s: int
    journal_seq: int
    holdings: dict[str, Holding] = field(default_factory=dict)
    session: list[str] = field(default_factory=list)


def fold(
    row: Mapping[str, Any] | None, customer_id: str, entries: Sequence[JournalEntry], settings: FeatureSettings
) -> dict[str, Any]:
    """Apply journal entries to an online row.

    A purchase adds one basket of its product unless it repeats a line of the same product at the same moment, and
    takes the product off the session list. A view or an addition to the basket puts it first on that list, a
    removal takes it off. Entries may come later than they occurred; the row never goes back in time.

    Args:
        row: The online history; None starts a fresh one.
        customer_id: Whose row it is.
        entries: What to apply, in journal order; at least one.
        settings: Half-lives and caps.

    Returns:
        Every feature of `customer_history` with customer_id and event_timestamp, ready to push.
    """
    moment = max(_next_second(entry.data_time) for entry in entries)
    history = _opened(row, fallback_epoch_s=moment)
    _advance(history, max(moment, history.as_of_epoch_s), settings)
    for entry in entries:
        product_id = entry.event.product_id
        if product_id is not None:
            _apply(history, product_id, entry, settings)
        history.journal_seq = max(history.journal_seq, entry.seq)
    return _closed(history, customer_id, settings)


def _apply(history: History, product_id: str, entry: JournalEntry, settings: FeatureSettings) -> None:
    if product_id in history.session:
        history.session.remove(product_id)
    if entry.event.type in ("view", "add_to_basket"):
        history.session.insert(0, product_id)
    elif entry.event.type == PURCHASE and not entry.repeats_line:
        days_ago = (history.as_of_epoch_s - (entry.data_time - _EPOCH).total_seconds()) / _SECONDS_PER_DAY
        held = history.holdings.get(product_id) or Holding(0, 0.0, 0.0, days_ago, days_ago)
        history.holdings[product_id] = held.with_basket(days_ago, settings)


def _opened(row: Mapping[str, Any] | None, *, fallback_epoch_s: int) -> History:
    if row is None:
        return History(as_of_epoch_s=fallback_epoch_s, journal_seq=0)
    measures = zip(
        row["n_baskets"],
        row["decayed_short"],
        row["decayed_long"],
        row["days_since_last"],
        row["days_since_first"],
        strict=True,
    )
    return History(
        as_of_epoch_s=row["as_of_epoch_s"],
        journal_seq=row["journal_seq"],
        holdings={product_id: Holding(*held) for product_id, held in zip(row["product_ids"], measures, strict=True)},
        session=list(row["session_product_ids"]),
    )


def _advance(history: History, moment: int, settings: FeatureSettings) -> None:
    days = (moment - history.as_of_epoch_s) / _SECONDS_PER_DAY
    if days > 0:
        history.holdings = {product: held.aged(days, settings) for product, held in history.holdings.items()}
        history.as_of_epoch_s = moment


def _closed(history: History, customer_id: str, settings: FeatureSettings) -> dict[str, Any]:
    latest_first = sorted(history.holdings.items(), key=lambda item: (item[1].days_since_last, item[0]))
    kept = list(islice(latest_first, settings.history_length))
    return {
        columns.CUSTOMER_ID: customer_id,
        "product_ids": [product_id for product_id, _ in kept],
        "n_baskets": _measures(kept, "n_baskets"),
        "decayed_short": _measures(kept, "decayed_short"),
        "decayed_long": _measures(kept, "decayed_long"),
        "days_since_last": _measures(kept, "days_since_last"),
        "days_since_first": _measures(kept, "days_since_first"),
        "session_product_ids": history.session[: settings.session_length],
        "as_of_epoch_s": history.as_of_epoch_s,
        "journal_seq": history.journal_seq,
        columns.EVENT_TIMESTAMP: datetime.fromtimestamp(history.as_of_epoch_s, UTC),
    }


def _measures(kept: Iterable[tuple[str, Holding]], name: str) -> list[Any]:
    return [getattr(held, name) for _, held in kept]


def _next_second(moment: datetime) -> int:
    """Give the first whole second after a moment, so that the moment lies strictly before it."""
    return (moment - _EPOCH) // timedelta(seconds=1) + 1


def _decay(days: float, half_life_days: int) -> float:
    return float(2.0 ** (-days / half_life_days))
