"""What is known about the weeks to come: prices, promotions, and events with an expected uplift."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from training.demand.panel import Floats, Panel, Weeks

Track = Literal["none", "promo", "full"]
TRACKS: Final[tuple[Track, ...]] = ("none", "promo", "full")  # nothing known; display and mailer; price too


@dataclass(frozen=True, eq=False)
class Plan:
    """Future covariates of the panel's products; P products by H weeks.

    A track reads only what it may know: `none` no column but `uplift`, `promo` display and mailer, `full` all.

    Attributes:
        weeks: (H,) Mondays after the panel's last week, consecutive.
        shelf_price: (P, H) USD; NaN where unknown: the last known price then stands in.
        paid_price: (P, H) USD after loyalty discounts; NaN where unknown: the shelf price then stands in.
        display: (P, H) share of stores, 0 to 1.
        mailer: (P, H) share of stores, 0 to 1.
        uplift: (P, H) factor of a known event on expected units; 1 where there is none.
    """

    weeks: Weeks
    shelf_price: Floats
    paid_price: Floats
    display: Floats
    mailer: Floats
    uplift: Floats

    @classmethod
    def unchanged(cls, panel: Panel, n_weeks: int) -> "Plan":
        """Plan the weeks after a panel with its last shelf prices, no discount and no promotion."""
        shape = (len(panel), n_weeks)
        last = np.repeat(panel.shelf_price[:, -1:], n_weeks, axis=1)
        ahead = panel.weeks[-1] + 7 * np.arange(1, n_weeks + 1).astype("timedelta64[D]")
        return cls(ahead, last, last.copy(), np.zeros(shape), np.zeros(shape), np.ones(shape))

    @classmethod
    def observed(cls, future: Panel) -> "Plan":
        """Plan what then happened, as a backtest knows it: prices where one was seen, display and mailer."""
        shape = future.units.shape
        seen = ~future.imputed
        return cls(
            weeks=future.weeks,
            shelf_price=future.shelf_price,
            paid_price=np.where(seen, future.paid_price, future.shelf_price),
            display=future.display,
            mailer=future.mailer,
            uplift=np.ones(shape),
        )
