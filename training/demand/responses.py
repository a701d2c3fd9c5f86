"""Responses to price and promotion: per product in closed form, shrunk to category and chain, from the past alone."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from training.demand.panel import Flags, Floats, Panel
from training.demand.plan import Plan
from training.demand.smoothers import weighted_sums

Known = Literal["promo", "full"]  # promotion alone, or price too

_SHELF, _DISCOUNT = 0, 1  # columns of the drivers; display and mailer follow
DRIVERS: Final[dict[Known, tuple[int, ...]]] = {"promo": (2, 3), "full": (0, 1, 2, 3)}
SIGNS: Final = np.array([-1.0, 1.0, 1.0, 1.0])  # a higher shelf price never raises units, the rest never lowers them
_DEEPEST_DISCOUNT: Final = 1.5  # log points; a deeper cut is read as this one
_WIDEST_SHELF: Final = 1.0
_LEVEL_HALF_LIFE: Final = 5.0  # weeks, of the two-sided level that responses are measured against
_DISPERSION: Final = 0.05  # of weekly units around level × response: what weeks weigh against each other
_N_STEPS: Final = 6  # Newton steps; each also re-estimates the level and the spreads
_LARGEST_SURPRISE: Final = 2.0  # means; a week that sold farther above its mean pulls no harder, or steps overshoot
_LARGEST_LIFT: Final = 3.0  # log points; a promotion deeper than any seen is not read as more than twentyfold sales
_CHAIN_PRECISION: Final = 1.0
_LEAST_SPREAD: Final = 0.1


@dataclass(frozen=True, eq=False)
class Responses:
    """Log-linear responses of P products to K drivers.

    Attributes:
        known: Whether price is among the drivers.
        values: (P, K) log points per unit of the driver.
        spread: (P, K) posterior standard deviation.
        chain: (K,) of the chain.
    """

    known: Known
    values: Floats
    spread: Floats
    chain: Floats

    def lift(self, drivers: Floats) -> Floats:
        """Compute the log factor on units: (P, T) from drivers (P, T, 4)."""
        lift = np.zeros(drivers.shape[:2])
        for place, driver in enumerate(DRIVERS[self.known]):
            lift += drivers[:, :, driver] * self.values[:, [place]]
        return lift.clip(-_LARGEST_LIFT, _LARGEST_LIFT)

    def take(self, positions: npt.NDArray[np.int64]) -> "Responses":
        """Keep some products, in the order given."""
        return Responses(self.known, self.values[positions], self.spread[positions], self.chain)


def reference_price(panel: Panel) -> Floats:
    """Take the price that shelf changes are measured from: (P,) the mean of the last 13 weeks known, NaN if none."""
    prices = panel.shelf_price[:, -13:]
    n_known = np.isfinite(prices).sum(axis=1)
    mean: Floats = np.where(n_known > 0, np.nansum(prices, axis=1) / np.maximum(n_known, 1), np.nan)
    return mean


def drivers_of(weeks: Panel | Plan, reference: Floats, last: Floats | None = None) -> Floats:
    """Measure what moves units in each week.

    Args:
        weeks: Past or planned weeks of P products.
        reference: (P,) price that shelf changes are measured from.
        last: (P,) shelf price that stands in where none is planned.

    Returns:
        (P, T, 4): log shelf price over the reference, loyalty discount in log points, square roots of the display
        and the mailer share (the first stores tell most). Unknown prices count as unchanged, without a discount.
    """
    shelf = (
        weeks.shelf_price
        if last is None
        else np.where(np.isfinite(weeks.shelf_price), weeks.shelf_price, last[:, None])
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.log(shelf / reference[:, None])
        discount = np.log(shelf / weeks.paid_price)
    change = np.where(np.isfinite(change), change, 0).clip(-_WIDEST_SHELF, _WIDEST_SHELF)
    discount = np.where(np.isfinite(discount), discount, 0).clip(0, _DEEPEST_DISCOUNT)
    return np.stack([change, discount, np.sqrt(weeks.display), np.sqrt(weeks.mailer)], axis=2)


def fit_responses(
    units: Floats, drivers: Floats, counted: Flags, families: npt.NDArray[np.int64], known: Known
) -> Responses:
    """Fit the responses of all products at once.

    Units are a level × exp(driver · response). The level of a week is what the weeks around it sold, free of their own
    responses; the week itself is left out. The posterior mode comes from a few Newton steps of a negative-binomial
    likelihood under a normal prior: product → category → chain, with spreads estimated from the products themselves.
    Weeks far above what is expected pull with bounded force.

    Args:
        units: (P, W) of the past.
        drivers: (P, W, 4) of `drivers_of`.
        counted: (P, W) weeks that count.
        families: (P,) category codes from 0.
        known: Which drivers to use.

    Source: Efron and Morris (1975), empirical Bayes; iteratively reweighted least squares for the mode.
    """
    used = np.where(counted[:, :, None], drivers[:, :, list(DRIVERS[known])], 0)
    signs = SIGNS[list(DRIVERS[known])]
    n_products, _, k = used.shape
    around = _two_sided(units.shape[1])
    own = np.full((n_products, k), 0.0)
    category = np.zeros((int(families.max(initial=-1)) + 1, k))
    spreads = np.full((2, k), 0.6)  # of products in a category, of categories in the chain
    chain = np.zeros(k)
    spread = np.full((n_products, k), 0.6)
    for _ in range(_N_STEPS):
        gram, pull = _normal_equations(units, used, counted, own, around)
        by_family = _sum_by(families, gram, len(category)), _sum_by(families, pull, len(category))
        chain = _signed(_solve(gram.sum(axis=0), pull.sum(axis=0), np.zeros(k), np.full(k, _CHAIN_PRECISION))[0], signs)
        category, category_var = _solve(*by_family, chain, spreads[1] ** -2.0)
        category = _signed(category, signs)
        own, own_var = _solve(gram, pull, category[families], spreads[0] ** -2.0)
        own = _signed(own, signs)
        apart = _spread(own - category[families], own_var, spreads[0])
        spreads = np.stack([apart, _spread(category - chain, category_var, spreads[1])])
        spread = np.sqrt(own_var)
    return Responses(known, own, spread, chain)


def _two_sided(n_weeks: int) -> Floats:
    """Weigh the weeks around each: (W, W), nought on the diagonal."""
    apart = np.abs(np.subtract.outer(np.arange(n_weeks), np.arange(n_weeks)))
    return np.where(apart > 0, 0.5 ** (apart / _LEVEL_HALF_LIFE), 0)


def _normal_equations(
    units: Floats, used: Floats, counted: Flags, own: Floats, around: Floats
) -> tuple[Floats, Floats]:
    """Form each product's weighted least-squares equations at the current responses: (P, K, K), (P, K)."""
    log_lift = np.einsum("pwk,pk->pw", used, own)
    lift = np.where(counted, np.exp(log_lift), 0)
    sold = np.where(counted, units, 0)
    overall = sold.sum(axis=1) / np.maximum(lift.sum(axis=1), 1e-9)
    level = (weighted_sums(sold, around) + 0.5 * overall[:, None]) / (weighted_sums(lift, around) + 0.5)
    mean = np.maximum(level * lift, 1e-6)
    weight = np.where(counted, mean / (1 + _DISPERSION * mean), 0)
    target = log_lift + ((units - mean) / mean).clip(-1, _LARGEST_SURPRISE)
    weighted = used * weight[:, :, None]
    gram = np.einsum("pwk,pwl->pkl", weighted, used, optimize=True)
    pull = np.einsum("pwk,pw->pk", weighted, target)
    return gram, pull


def _sum_by(families: npt.NDArray[np.int64], values: Floats, n_families: int) -> Floats:
    sums = np.zeros((n_families, *values.shape[1:]))
    np.add.at(sums, families, values)
    return sums


def _solve(gram: Floats, pull: Floats, prior: Floats, precision: Floats) -> tuple[Floats, Floats]:
    """Solve for posterior mode and variances under a normal prior."""
    full = gram + np.diag(precision)
    values = np.linalg.solve(full, (pull + precision * prior)[..., None])[..., 0]
    variances = np.diagonal(np.linalg.inv(full), axis1=-2, axis2=-1)
    return np.asarray(values, dtype=np.float64), np.asarray(variances, dtype=np.float64)


def _signed(values: Floats, signs: Floats) -> Floats:
    """Put a response of the wrong sign at nought."""
    return np.where(values * signs > 0, values, 0)


def _spread(apart: Floats, variances: Floats, before: Floats) -> Floats:
    """Estimate how far members lie from their group: one step of expectation-maximisation, per driver.

    Members count by what their own data say, or the many that hardly sell would hold the spread where it was.
    """
    told = (1 - variances / before**2).clip(0, 1) + 1e-6
    if len(apart) == 0:
        return before
    spread: Floats = np.sqrt((told * (apart**2 + variances)).sum(axis=0) / told.sum(axis=0))
    return np.maximum(spread, _LEAST_SPREAD)
