"""A synthetic market: weeks of sales whose true elasticities are known, because real data never tells them.

Units are negative binomial around base × price response × promotion lift × season × shock. Shocks follow an AR(1) by
product and by category. Shelf prices are reviewed every few weeks and may answer to the shock of the week (the
confounding); promotions take a discount, bring a display or a mailer, and draw sales forward from the weeks after. What
nobody bought has no price: such weeks carry the last one forward, as the panel of the real data does.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.demand.elasticities import Elasticities
from training.demand.panel import TEXTS, Flags, Floats, Panel

LAST_ELASTICITY: Final = -0.15  # nearest to 0 that a product may have
FIRST_WEEK: Final = np.datetime64("2017-01-02", "D")


@dataclass(frozen=True)
class MarketDesign:
    """What a market is made of; logs are natural, shocks and responses act on log units.

    Attributes:
        n_products: Products.
        n_categories: Categories; products are dealt to them unevenly.
        n_weeks: Weeks.
        elasticity: Mean elasticity of the chain.
        category_sd: How far categories lie from the chain.
        product_sd: How far products lie from their category.
        median_units: Units per week of the median product.
        units_sd: Spread of log base units.
        dispersion: Negative binomial: variance = mean + dispersion * mean**2.
        uneven: Spread of the logs of dispersion and of shock_sd over products; 0 where all are alike.
        shock_sd: Standard deviation of a product's shock.
        shock_memory: Its correlation from week to week.
        category_shock_sd: Standard deviation of the shock a category shares.
        season: Amplitude of the season all products share.
        confounding: How much of a shock the shelf price takes up at a review; 0 for the unconfounded twin.
        review_weeks: Weeks between two reviews of a shelf price, on average.
        cost_sd: Standard deviation of what else moves a shelf price at a review.
        cost_memory: Its correlation from week to week; near 1 costs drift.
        promotion_rate: Share of weeks under promotion.
        promotion_timing: How much promotions seek weeks of high demand: log rate per unit of shock; 0 for none.
        discount: Deepest discount; the shallowest is a third of it.
        display_lift: Lift of a display in every store.
        mailer_lift: Lift of a mailer in every store.
        dip: Units lost in the week after a promotion, as a share of its price response.
        loyalty: Whether discounts are loyalty discounts; otherwise they sit in the shelf price.
    """

    n_products: int
    n_categories: int
    n_weeks: int
    elasticity: float
    category_sd: float
    product_sd: float
    median_units: float
    units_sd: float
    dispersion: float
    uneven: float
    shock_sd: float
    shock_memory: float
    category_shock_sd: float
    season: float
    confounding: float
    review_weeks: float
    cost_sd: float
    cost_memory: float
    promotion_rate: float
    promotion_timing: float
    discount: float
    display_lift: float
    mailer_lift: float
    dip: float
    loyalty: bool


CONFOUNDED: Final = MarketDesign(
    n_products=300,
    n_categories=12,
    n_weeks=52,
    elasticity=-2.0,
    category_sd=0.6,
    product_sd=0.65,
    median_units=25,
    units_sd=1.0,
    dispersion=0.15,
    uneven=0.0,
    shock_sd=0.3,
    shock_memory=0.7,
    category_shock_sd=0.15,
    season=0.15,
    confounding=0.25,
    review_weeks=5,
    cost_sd=0.07,
    cost_memory=0.0,
    promotion_rate=0.15,
    promotion_timing=0.0,
    discount=0.35,
    display_lift=0.4,
    mailer_lift=0.25,
    dip=0.2,
    loyalty=True,
)


@dataclass(frozen=True, eq=False)
class Market:
    """What a market sold, and the truth behind it.

    Attributes:
        panel: As `read_panel` would give it.
        elasticity: (P,) true own-price elasticities.
        base_units: (P,) units per week at the usual price without promotion.
    """

    panel: Panel
    elasticity: Floats
    base_units: Floats


@dataclass(frozen=True)
class MarketScores:
    """How near elasticities come to the truth.

    Attributes:
        error: Mean absolute error of the value; 0 is perfect.
        coverage_90: Share of true elasticities inside the 90% interval; 0.9 is perfect.
        counterfactual_wmape: Error of expected units at prices 10% up and down, as a share of them; 0 is perfect.
        sign_right: Share of those price moves whose units go the right way; 1 is perfect.
    """

    error: float
    coverage_90: float
    counterfactual_wmape: float
    sign_right: float


def make_market(design: MarketDesign, seed: int) -> Market:
    """Draw a market; the same design and seed give the same market."""
    rng = np.random.default_rng(seed)
    shape = (design.n_products, design.n_weeks)
    category = np.sort((design.n_categories * rng.beta(1, 1.5, design.n_products)).astype(np.int64))
    elasticity = _elasticities(design, category, rng)
    common = _ar1(rng, (design.n_categories, design.n_weeks), design.shock_memory) * design.category_shock_sd
    strength, noise = np.exp(design.uneven * rng.standard_normal((2, design.n_products, 1)))
    shock = common[category] + _ar1(rng, shape, design.shock_memory) * design.shock_sd * strength
    phase = 2 * np.pi * (np.arange(design.n_weeks) / 52 + rng.uniform())
    drift = shock + design.season * np.sin(phase)
    shelf = _shelf_changes(design, drift, rng)
    depth, display, mailer = _promotions(design, drift, rng)
    lift = -np.log1p(-depth) * -elasticity[:, None]
    dipped = design.dip * (np.roll(lift, 1, axis=1) * (np.arange(design.n_weeks) > 0))
    change = elasticity[:, None] * shelf + lift - dipped + drift
    change += design.display_lift * display + design.mailer_lift * mailer
    base = design.median_units * np.exp(design.units_sd * rng.standard_normal(design.n_products))
    mean = base[:, None] * np.exp(change)
    dispersion = design.dispersion * noise
    units = rng.negative_binomial(1 / dispersion, 1 / (1 + dispersion * mean)).astype(np.float64)
    list_price = np.exp(rng.normal(1.0, 0.5, (design.n_products, 1)))
    shelf_price = np.round(list_price * np.exp(shelf), 2)
    paid_price = np.maximum(np.round(shelf_price * (1 - depth), 2), 0.01)
    if not design.loyalty:
        shelf_price = paid_price
    panel = _panel(units, shelf_price, paid_price, display, mailer, category)
    return Market(panel, elasticity, base)


def score_elasticities(elasticities: Elasticities, market: Market) -> MarketScores:
    """Compare elasticities of the market's products, in its order, with the truth."""
    low, high = elasticities.interval(0.9)
    inside = (low <= market.elasticity) & (market.elasticity <= high)
    factors = np.array([0.9, 1.1])[:, None]
    truth = market.base_units * factors**market.elasticity  # (2, P)
    expected = market.base_units * factors**elasticities.value
    right = np.sign(expected - market.base_units) == np.sign(truth - market.base_units)
    return MarketScores(
        error=float(np.abs(elasticities.value - market.elasticity).mean()),
        coverage_90=float(inside.mean()),
        counterfactual_wmape=float(np.abs(expected - truth).sum() / truth.sum()),
        sign_right=float(right.mean()),
    )


def _elasticities(design: MarketDesign, category: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    of_category = design.elasticity + design.category_sd * rng.standard_normal(design.n_categories)
    drawn = of_category[category] + design.product_sd * rng.standard_normal(design.n_products)
    return np.minimum(drawn, LAST_ELASTICITY)


def _ar1(rng: np.random.Generator, shape: tuple[int, int], memory: float) -> Floats:
    """Draw rows of an AR(1) with variance 1."""
    path = rng.standard_normal(shape)
    for week in range(1, shape[1]):
        path[:, week] = memory * path[:, week - 1] + np.sqrt(1 - memory**2) * path[:, week]
    return path


def _shelf_changes(design: MarketDesign, drift: Floats, rng: np.random.Generator) -> Floats:
    """Log shelf price against the list price: held between reviews, which answer to the demand of the week."""
    wanted = design.confounding * drift + design.cost_sd * _ar1(rng, drift.shape, design.cost_memory)
    reviewed = rng.uniform(size=drift.shape) < 1 / design.review_weeks
    reviewed[:, 0] = True
    latest = np.maximum.accumulate(np.where(reviewed, np.arange(drift.shape[1]), 0), axis=1)
    return np.take_along_axis(wanted, latest, axis=1)


def _promotions(design: MarketDesign, drift: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Discount depth, display share and mailer share by week."""
    shape = drift.shape
    on = rng.uniform(size=shape) < design.promotion_rate * np.exp(design.promotion_timing * drift)
    depth = on * rng.uniform(design.discount / 3, design.discount, shape)
    display = on * (rng.uniform(size=shape) < 0.6) * rng.uniform(0.3, 1, shape)
    mailer = on * (rng.uniform(size=shape) < 0.6) * rng.uniform(0.3, 1, shape)
    return depth, display, mailer


def _panel(
    units: Floats, shelf: Floats, paid: Floats, display: Floats, mailer: Floats, category: npt.NDArray[np.int64]
) -> Panel:
    n_products, n_weeks = units.shape
    unsold: Flags = units == 0
    latest = np.maximum.accumulate(np.where(unsold, -1, np.arange(n_weeks)), axis=1)
    carried = np.where(latest >= 0, np.take_along_axis(shelf, np.maximum(latest, 0), axis=1), np.nan)
    texts = {name: np.full(n_products, "", dtype=object) for name in TEXTS}
    texts["category"] = np.array([f"category {number:02d}" for number in category], dtype=object)
    unknown = np.full(n_products, np.nan)
    return Panel(
        product_ids=np.array([f"p{number:05d}" for number in range(n_products)]),
        weeks=FIRST_WEEK + 7 * np.arange(n_weeks).astype("timedelta64[D]"),
        units=units,
        shelf_price=carried,
        paid_price=np.where(unsold, carried, paid),
        imputed=unsold,
        display=display,
        mailer=mailer,
        stocked_out=np.zeros(units.shape, dtype=bool),
        attributes={**texts, "unit_cost": unknown, "list_price": unknown},
        sold_by_weight=np.zeros(n_products, dtype=bool),
    )
