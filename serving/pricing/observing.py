"""From the books to the price history: the shelf prices that sales were made at."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

import numpy as np

from serving.pricing.money import CENT
from serving.pricing.price_history import OBSERVED, Entry, Scope
from training.demand.panel import Panel

WEEKS: Final = 13  # a quarter: prior prices look back 30 days before a reduction that began some time ago


def observed_entries(panel: Panel, begins: Callable[[np.datetime64], datetime], currency: str) -> Iterator[Entry]:
    """List the chain's shelf prices of the last quarter, one entry for each change.

    A week in which nothing was sold shows no price and changes none. Loyalty discounts are not in these prices.

    Args:
        panel: Up to the last week known.
        begins: Turns a Monday into the moment at which its trading week begins; aware UTC.
        currency: ISO 4217.
    """
    recent = slice(max(0, len(panel.weeks) - WEEKS), None)
    price = np.round(panel.shelf_price[:, recent], 2)
    seen = ~panel.imputed[:, recent] & np.isfinite(price) & (price > 0)
    moments = [begins(week) for week in panel.weeks[recent]]
    for product_id, prices, known in zip(panel.product_ids.tolist(), price, seen, strict=True):
        last = None
        for week in np.flatnonzero(known):
            if prices[week] != last:
                last = prices[week]
                amount = Decimal(str(last)).quantize(CENT)
                yield Entry(Scope(product_id), amount, currency, moments[week], None, OBSERVED)
