"""A forecast: expected units and quantiles of products by week."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.demand.panel import Floats, Weeks

LEVELS: Final = tuple(round(0.1 * step, 1) for step in range(1, 10))  # q10 … q90


@dataclass(frozen=True, eq=False)
class Forecast:
    """What N series (products, or product-store pairs) will sell in H weeks.

    Attributes:
        product_ids: (N,) str.
        store_ids: (N,) str, or None for the chain.
        origin: Monday of the last week known.
        weeks: (H,) Mondays forecast.
        mean: (N, H) expected units.
        dispersion: (N, H) of the negative binomial: variance = mean + dispersion * mean**2.
        quantiles: (N, H, 9) units at `LEVELS`, never falling along the last axis.
    """

    product_ids: npt.NDArray[np.str_]
    store_ids: npt.NDArray[np.str_] | None
    origin: np.datetime64
    weeks: Weeks
    mean: Floats
    dispersion: Floats
    quantiles: Floats

    def take(self, positions: npt.NDArray[np.int64]) -> "Forecast":
        """Keep some series, in the order given."""
        return Forecast(
            product_ids=self.product_ids[positions],
            store_ids=None if self.store_ids is None else self.store_ids[positions],
            origin=self.origin,
            weeks=self.weeks,
            mean=self.mean[positions],
            dispersion=self.dispersion[positions],
            quantiles=self.quantiles[positions],
        )
