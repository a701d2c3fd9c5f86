"""What a product's weeks say about price and promotion, as columns of a regression.

Three columns keep a shock of demand from passing for a response to the price. Where the shelf price answers to demand,
the shelf price itself betrays it (`shelf`), and so does what surrounds a change of it: the shock was near before the
review and fades after, while the price stays (`around_reviews`). Where promotions seek busy weeks, the weeks beside a
discount are busy too (`around_discounts`). A true response to the price knows neither.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from configs.demand import ElasticitySettings
from training.demand.panel import Flags, Floats, Panel

COLUMNS: Final = (
    "level", "paid", "shelf", "display", "mailer", "drawn_forward", "drawn_since", "around_reviews", "around_discounts",
)  # fmt: skip
PAID: Final = COLUMNS.index("paid")
SEEN_CUT: Final = 0.02  # log discount that counts as one
SEEN_CHANGE: Final = 0.003  # log change of a shelf price that counts as a review; below it is rounding
DEEP_CUT: Final = 0.04  # log distance below the usual price that counts as a discount where none are recorded
USUAL_WEEKS: Final = 4  # weeks to either side whose median is the usual price


@dataclass(frozen=True, eq=False)
class Covariates:
    """Weeks as a regression sees them.

    Attributes:
        values: (P, W, K) columns `COLUMNS`, each but `level` centred over the weeks seen; nought elsewhere.
        seen: (P, W) weeks with a sale and an observed price, in stock.
        moves: (P,) weeks seen at a paid price away from the product's median.
    """

    values: Floats
    seen: Flags
    moves: Floats

    def take(self, positions: np.ndarray) -> "Covariates":
        """Keep some products, in the order given."""
        return Covariates(self.values[positions], self.seen[positions], self.moves[positions])


def covariates(panel: Panel, settings: ElasticitySettings) -> Covariates:
    """Lay out price and promotion of each week; a carried price counts nowhere, nor does a price by weight."""
    seen = seen_weeks(panel)
    paid, shelf = (np.log(np.where(seen, price, 1.0)) for price in (panel.paid_price, panel.shelf_price))
    cut = np.where(seen, shelf - paid, 0.0)
    recorded = ((cut > SEEN_CUT).sum(axis=1) > 1)[:, None]  # whether the product's discounts are told apart
    usual = np.where(recorded, shelf, usual_price(shelf, seen))
    below = np.where(seen & (usual - paid > DEEP_CUT), usual - paid, 0.0)
    depth = np.where(recorded, cut, below)
    before = np.pad(depth, ((0, 0), (1, 0)))[:, :-1]
    kernel = settings.shock_memory ** np.abs(np.subtract.outer(np.arange(seen.shape[1]), np.arange(seen.shape[1])))
    columns = (
        paid,
        usual,
        panel.display,
        panel.mailer,
        before,
        np.where(depth > SEEN_CUT, 0.0, before),  # the dip shows once the promotion has ended
        np.where(reviews(shelf, seen), _centred(shelf, seen), 0.0) @ kernel,
        np.where(recorded, _centred(cut, seen), 0.0) @ kernel,
    )
    values = np.stack([seen.astype(np.float64), *(_centred(column, seen) for column in columns)], axis=2)
    middle = _median(np.where(seen, paid, np.inf))[:, None]
    return Covariates(values, seen, (seen & (np.abs(paid - middle) > settings.min_price_change)).sum(axis=1))


def seen_weeks(panel: Panel) -> Flags:
    """Weeks whose price was observed because something was sold, and that were in stock."""
    priced = (panel.paid_price > 0) & (panel.shelf_price > 0) & np.isfinite(panel.paid_price + panel.shelf_price)
    in_stock = ~panel.stocked_out & ~panel.sold_by_weight[:, None]
    seen: Flags = (panel.units > 0) & ~panel.imputed & priced & in_stock
    return seen


def usual_price(shelf: Floats, seen: Flags) -> Floats:
    """Median log price of the weeks seen nearby; a short cut does not move it."""
    n_weeks = shelf.shape[1]
    padded = np.pad(np.where(seen, shelf, np.inf), ((0, 0), (USUAL_WEEKS, USUAL_WEEKS)), constant_values=np.inf)
    nearby = np.stack([padded[:, start : start + n_weeks] for start in range(2 * USUAL_WEEKS + 1)], axis=2)
    return np.where(seen, _median(nearby), 0.0)


def _median(values: Floats) -> Floats:
    """Median along the last axis of what is finite; 0 where nothing is."""
    ordered = np.sort(values, axis=-1)  # what is not finite comes last
    count = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    low, high = (
        np.take_along_axis(ordered, np.maximum(at, 0), axis=-1)[..., 0] for at in ((count - 1) // 2, count // 2)
    )
    some = count[..., 0] > 0
    return (np.where(some, low, 0.0) + np.where(some, np.where(np.isfinite(high), high, low), 0.0)) / 2


def reviews(shelf: Floats, seen: Flags) -> Flags:
    """Weeks seen at another shelf price than the last week seen; the first one, too."""
    week = np.arange(shelf.shape[1])
    latest = np.maximum.accumulate(np.where(seen, week, -1), axis=1)
    before = np.pad(latest, ((0, 0), (1, 0)), constant_values=-1)[:, :-1]
    last = np.take_along_axis(shelf, np.maximum(before, 0), axis=1)
    changed: Flags = seen & ((before < 0) | (np.abs(shelf - last) > SEEN_CHANGE))
    return changed


def _centred(column: Floats, seen: Flags) -> Floats:
    mean = np.where(seen, column, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.where(seen, column - mean[:, None], 0.0)
