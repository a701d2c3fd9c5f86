"""Hard rules as the lowest and highest price that each allows, and the price points between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.pricing_rules import EmergencyRule, EndingsRule, PricingRules
from serving.pricing.assortment import Assortment, Flags, Floats
from serving.pricing.cases import Cases

Cents = npt.NDArray[np.int64]

COST_FLOOR: Final = "COST_FLOOR"
MIN_MARGIN: Final = "MIN_MARGIN"
MAX_CHANGE: Final = "MAX_CHANGE"
LIST_PRICE_CAP: Final = "LIST_PRICE_CAP"
OBSERVED_SUPPORT: Final = "OBSERVED_SUPPORT"
EMERGENCY_NO_RISE: Final = "EMERGENCY_NO_RISE"
FAMILY_LADDER: Final = "FAMILY_LADDER"
PRICE_ENDING: Final = "PRICE_ENDING"
MODEL_AGE: Final = "MODEL_AGE"
PREFERRED_CHANGE: Final = "PREFERRED_CHANGE"
PREFERRED_ENDING: Final = "PREFERRED_ENDING"
APPROVAL_LIMIT: Final = "APPROVAL_LIMIT"

SLACK: Final = 1e-6  # of a cent: what arithmetic in binary may be off by
MAX_POINTS: Final = 48  # price points tried per case; more are thinned out evenly


@dataclass(frozen=True, eq=False)
class Bounds:
    """What each hard rule allows, in cents; B cases.

    Attributes:
        lower: By rule, (B,) lowest price; minus infinity where it does not apply.
        upper: By rule, (B,) highest price; infinity where it does not apply.
    """

    lower: Mapping[str, Floats]
    upper: Mapping[str, Floats]

    @property
    def low(self) -> Cents:
        """(B,) lowest whole cent that every rule allows."""
        tightest = np.max(np.stack(list(self.lower.values())), axis=0)
        whole: Cents = np.ceil(np.clip(tightest, 1, 1e12) - SLACK).astype(np.int64)
        return whole

    @property
    def high(self) -> Cents:
        """(B,) highest whole cent that every rule allows; below `low` where rules contradict."""
        tightest = np.min(np.stack(list(self.upper.values())), axis=0)
        whole: Cents = np.floor(np.clip(tightest, 0, 1e12) + SLACK).astype(np.int64)
        return whole

    def with_ladder(self, lower: Floats, upper: Floats) -> "Bounds":
        """Put the ladder's bounds in."""
        return Bounds({**self.lower, FAMILY_LADDER: lower}, {**self.upper, FAMILY_LADDER: upper})

    def take(self, kept: Flags) -> "Bounds":
        """Keep some cases."""
        return Bounds(
            {code: limits[kept] for code, limits in self.lower.items()},
            {code: limits[kept] for code, limits in self.upper.items()},
        )

    def contradicting(self, at: int) -> tuple[str, ...]:
        """Name the rules that leave one case without a price: the tightest from either side.

        Where they leave room but no price ending lies in it, the ending is named as well.
        """
        below = max(self.lower, key=lambda code: self.lower[code][at])
        above = min(self.upper, key=lambda code: self.upper[code][at])
        named = (below, above) if below != above else (below,)
        return named if self.low[at] > self.high[at] else (*named, PRICE_ENDING)


def bounds_of(cases: Cases, assortment: Assortment, rules: PricingRules) -> Bounds:
    """Work out what every rule but the ladder allows."""
    price, cost = cases.price * 100, cases.cost * 100
    capped = cases.list_price > 0
    emergency = is_scarce(cases, assortment, rules.emergency)
    return Bounds(
        lower={
            COST_FLOOR: cost * (1 + rules.cost_floor.markup_share),
            MIN_MARGIN: cost / (1 - rules.min_margin.share),
            MAX_CHANGE: price * (1 - rules.max_change.cut_share),
            OBSERVED_SUPPORT: cases.lowest * 100,
        },
        upper={
            MAX_CHANGE: price * (1 + rules.max_change.rise_share),
            LIST_PRICE_CAP: np.where(capped, cases.list_price * 100, np.inf),
            OBSERVED_SUPPORT: cases.highest * 100,
            EMERGENCY_NO_RISE: np.where(emergency, price, np.inf),
        },
    )


def is_scarce(cases: Cases, assortment: Assortment, rule: EmergencyRule) -> Flags:
    """Tell which cases are scarce by a declared emergency; with nothing listed, all are."""
    if not rule.declared:
        return np.zeros(len(cases), dtype=np.bool_)
    if not (rule.departments or rule.categories or rule.product_ids):
        return np.ones(len(cases), dtype=np.bool_)
    at = cases.product_idx
    scarce: Flags = (
        np.isin(assortment.department[at].astype(str), np.array(rule.departments, dtype=np.str_))
        | np.isin(assortment.category[at].astype(str), np.array(rule.categories, dtype=np.str_))
        | np.isin(assortment.product_ids[at], np.array(rule.product_ids, dtype=np.str_))
    )
    return scarce


@dataclass(frozen=True, eq=False)
class Endings:
    """Price endings by band, from cheap to dear; J bands, and the last has no upper end.

    Attributes:
        begins: (J,) first cent of each band.
        ends: (J,) last cent of each band.
        every: (J,) cents between price points.
        offset: (J,) remainder that a price point leaves.
    """

    begins: Cents
    ends: Cents
    every: Cents
    offset: Cents

    @classmethod
    def of(cls, rule: EndingsRule) -> "Endings":
        """Read the bands of the settings."""
        bands = sorted(rule.bands, key=lambda band: band.below_usd)
        limits = np.array([round(band.below_usd * 100) for band in bands], dtype=np.int64)
        every = np.array([band.every_cents for band in bands], dtype=np.int64)
        offset = np.array([band.offset_cents for band in bands], dtype=np.int64) % every
        ends = np.append(limits[:-1] - 1, np.int64(10) ** 13)
        return cls(np.append(np.int64(1), limits[:-1]), ends, every, offset)

    def band_of(self, cents: Cents) -> Cents:
        """Find the band of each price."""
        return np.searchsorted(self.ends, cents).astype(np.int64)

    def allow(self, usd: Floats) -> Flags:
        """Tell which prices end as they must; none with a broken cent does."""
        cents = np.rint(usd * 100).astype(np.int64)
        band = np.minimum(self.band_of(cents), len(self.every) - 1)
        whole = np.abs(usd * 100 - cents) < SLACK
        fits: Flags = whole & (cents >= 1) & (cents % self.every[band] == self.offset[band])
        return fits

    def points(self, low: Cents, high: Cents) -> Cents:
        """List the price points from one step below `low` to one step above `high`.

        Args:
            low: (B,) cents.
            high: (B,) cents; nothing is listed where it is below `low`.

        Returns:
            (B, K) cents, ascending, padded with 0 at the end.
        """
        band_low, band_high = self.band_of(low), np.minimum(self.band_of(np.maximum(high, 1)), len(self.every) - 1)
        low, high = np.maximum(low - self.every[band_low], 1)[:, None], (high + self.every[band_high])[:, None]
        starts, stops = np.maximum(low, self.begins), np.minimum(high, self.ends)  # (B, J)
        first = starts + (self.offset - starts) % self.every
        counts = np.maximum((stops - first) // self.every + 1, 0)
        after = np.cumsum(counts, axis=1)
        total = after[:, -1:]
        width = int(np.clip(total.max(initial=1), 1, MAX_POINTS))
        nth = np.arange(width)
        thinned = nth * np.maximum(total - 1, 0) // max(MAX_POINTS - 1, 1)
        index = np.where(total > MAX_POINTS, thinned, nth)  # (B, K)
        band = np.minimum((index[:, :, None] >= after[:, None, :]).sum(axis=2), len(self.every) - 1)
        before = np.take_along_axis(after - counts, band, axis=1)
        found = np.take_along_axis(first, band, axis=1) + self.every[band] * (index - before)
        return np.where(index < total, found, 0)
