"""Put every week of every product together from the released sums: a function of the release and of what is public.

Expected units of a product in a week are its level, times what its category sells under that kind of promotion, times
what the chain sold in that week. Counts are then drawn around them, as a learner has to see how far weeks scatter.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from training.demand.panel import Flags, Floats, Panel, StorePanel
from training.demand.private_design import N_REGIMES, Design
from training.demand.private_levels import posterior_sums, shrunk
from training.demand.private_release import ReleasedSums
from training.demand.shocks import sums_by

_N_ROUNDS: Final = 3  # levels and responses are told by each other
_CHAIN_SD: Final = 1.0  # doubt about the chain's response to a kind of promotion, as a share of it
_GROUP_SD: Final = 0.3  # the same of a department around the chain, and of a category around its department
_WEEK_SD: Final = 0.15  # doubt about a week of the chain around all weeks
_LEAST_LIFT: Final = 0.05
_MOST_DOUBT: Final = 0.5  # of a level, added to the dispersion; beyond it counts tell nothing but that they are unknown
_MOST_SPREADS: Final = 10.0  # a level is told to be off by its tenfold at most
_LEAST_NOISES: Final = 2.0  # a store stands out from so many standard deviations
_LEAST_PAIR_UNITS: Final = 0.03  # units a week below which a pair of product and store is not told apart


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Expected units of P products in W weeks, and how S stores share them.

    Attributes:
        level: (P,) units in a week where both factors are 1.
        doubt: (P,) variance of the level that the noise leaves, over its square.
        lift: (G, R) factor of a category under a kind of promotion.
        week: (W,) factor of the chain's weeks; 1 on average.
        store_share: (S,) of the chain's units; 0 where a store does not stand out.
    """

    level: Floats
    doubt: Floats
    lift: Floats
    week: Floats
    store_share: Floats

    def expected(self, design: Design) -> Floats:
        """(P, W) units."""
        units: Floats = self.level[:, None] * self.lift[design.category[:, None], design.regime] * self.week
        return units


def levels_of(released: ReleasedSums, design: Design) -> Reconstruction:
    """Find levels, weeks and shares that the sums of what sold in all speak for; every response is 1."""
    totals = np.maximum(released.sums["weeks"], 0.0)
    found = Reconstruction(
        level=np.zeros(len(design.panel)),
        doubt=np.zeros(len(design.panel)),
        lift=np.ones((design.n_categories, N_REGIMES)),
        week=_weeks(totals, released.noise_std["weeks"]),
        store_share=_shares(released.sums["stores"], released.noise_std["stores"]),
    )
    return _levelled(found, released, design)


def telling(found: Reconstruction, design: Design, min_units: float) -> Flags:
    """Choose the products whose responses are asked for: (P,) those that sell so many units a week or more.

    Of products that hardly sell, receipts show a discount only in weeks with a sale; they would teach that discounts
    sell everything.
    """
    flags: Flags = found.expected(design).mean(axis=1) >= min_units
    return flags


def with_responses(found: Reconstruction, released: ReleasedSums, told: Flags, design: Design) -> Reconstruction:
    """Add what the sums by promotion speak for; levels and responses are told by each other.

    Args:
        found: From `levels_of`.
        released: Of both releases.
        told: (P,) products that the sums by promotion hold.
        design: The frame they were asked in.
    """
    for _ in range(_N_ROUNDS):
        found = replace(found, lift=_lifts(released, np.where(told, found.level, 0.0), found.week, design))
        found = _levelled(found, released, design)
    return found


def drawn_panel(found: Reconstruction, design: Design, dispersion: float, seed: int) -> Panel:
    """Draw whole units around what is expected, as negative binomial counts; one draw is as good as another.

    What the noise leaves open of a level widens the counts: a learner of weeks cannot tell a doubtful level from one
    that moves, and its intervals must hold either.
    """
    rng = np.random.default_rng(seed)
    mean = found.expected(design)
    spread = (dispersion + np.minimum(found.doubt, _MOST_DOUBT))[:, None]
    rates = mean * rng.gamma(1 / spread, spread, size=mean.shape)
    return replace(design.panel, units=rng.poisson(rates).astype(np.float64))


def store_panel(panel: Panel, store_ids: np.ndarray, shares: Floats) -> StorePanel:
    """Share a panel's units among stores, each product alike; pairs that sell next to nothing are left out.

    Args:
        panel: Released weeks.
        store_ids: (S,) ascending.
        shares: (S,) of the chain's units.
    """
    level = panel.units.mean(axis=1)
    product_at, store_at = np.nonzero(level[:, None] * shares >= _LEAST_PAIR_UNITS)
    units = panel.units[product_at] * shares[store_at, None]
    return StorePanel(panel.product_ids[product_at], store_ids[store_at], panel.weeks, units)


def _weeks(totals: Floats, noise_std: float) -> Floats:
    usual = max(float(totals.mean()), np.finfo(float).tiny)
    ones = np.ones(len(totals))
    week = shrunk(totals / usual, ones * (noise_std / usual) ** 2, ones, ones * _WEEK_SD)
    week = np.maximum(week, _LEAST_LIFT)
    factors: Floats = week / week.mean()
    return factors


def _levelled(found: Reconstruction, released: ReleasedSums, design: Design) -> Reconstruction:
    """Take responses and weeks out of the products' sums, and give back to all alike what was clipped."""
    sums, spread = posterior_sums(released.sums["products"], released.noise_std["products"], design.promoted)
    exposure = (found.lift[design.category[:, None], design.regime] * found.week) @ design.weights
    doubt = (spread / np.maximum(sums, spread / _MOST_SPREADS + np.finfo(float).tiny)) ** 2
    levelled = replace(found, level=sums / np.maximum(exposure, np.finfo(float).tiny), doubt=doubt)
    expected = max(float(levelled.expected(design).sum()), np.finfo(float).tiny)
    return replace(levelled, level=levelled.level * (np.maximum(released.sums["weeks"], 0.0).sum() / expected))


def _lifts(released: ReleasedSums, level: Floats, week: Floats, design: Design) -> Floats:
    """Compare sums under each kind of promotion with what levels explain: chain, department, category: (G, R)."""
    n, shape = design.n_categories, (design.n_categories, N_REGIMES)
    noise_var = released.noise_std["regimes"] ** 2
    seen = released.sums["regimes"].reshape(shape)
    keys = design.category[:, None] * N_REGIMES + design.regime
    explained = np.bincount(keys.ravel(), (level[:, None] * week).ravel(), n * N_REGIMES).reshape(shape)
    explained = explained * (max(seen.sum(), 1.0) / max(explained.sum(), 1.0))  # both are clipped, not alike
    lift = _ratio(seen.sum(axis=0), explained.sum(axis=0), n * noise_var, np.ones(N_REGIMES), _CHAIN_SD)
    groups = design.department
    n_groups = int(groups.max(initial=0)) + 1
    members = np.bincount(groups, minlength=n_groups)[:, None].astype(np.float64)
    seen_of, explained_of = sums_by(groups, seen, n_groups), sums_by(groups, explained, n_groups)
    of_group = _ratio(seen_of, explained_of, members * noise_var, np.broadcast_to(lift, seen_of.shape), _GROUP_SD)
    return _ratio(seen, explained, noise_var, of_group[groups], _GROUP_SD)


def _ratio(seen: Floats, explained: Floats, noise_var: float | Floats, prior: Floats, doubt: float) -> Floats:
    safe = np.maximum(explained, 1e-6)
    ratio = shrunk(seen / safe, noise_var / safe**2, prior, doubt * prior)
    return np.maximum(ratio, _LEAST_LIFT)


def _shares(sums: Floats, noise_std: float) -> Floats:
    """Turn the stores' sums into shares of those that stand out; the largest alone where none does."""
    kept = np.where(sums >= _LEAST_NOISES * noise_std, sums, 0.0)
    if not kept.any():
        kept[sums.argmax()] = 1.0
    shares: Floats = kept / kept.sum()
    return shares
