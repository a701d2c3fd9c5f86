"""How good a price response is on real weeks, where nobody knows the truth."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from configs.demand import ElasticitySettings
from training.demand.backtest import Backtest
from training.demand.baselines import MEAN_WEEKS
from training.demand.elasticities import Elasticities
from training.demand.elasticity import category_names, fit_elasticities
from training.demand.panel import Floats, Panel
from training.demand.price_covariates import seen_weeks

MOVED: Final = 0.1  # share by which a price must have moved for its week to be judged
STEP: Final = 0.1  # share by which prices are moved to see which way units go


@dataclass(frozen=True)
class ResponseScores:
    """What it is worth to know the price where it moved.

    Attributes:
        n_rows: Weeks judged.
        wape_without: Absolute error of the base forecast over units sold; 0 is perfect.
        wape_with: The same after the base answered to the price; 0 is perfect.
    """

    n_rows: int
    wape_without: float
    wape_with: float


@dataclass(frozen=True)
class Placebo:
    """What the fit finds when prices say nothing.

    Attributes:
        chain: The chain's elasticity before the cut at 0, as fitted.
        permuted: The same after the prices of each product were shuffled over its weeks; 0 is perfect.
    """

    chain: float
    permuted: float

    @property
    def left(self) -> float:
        """Share of the elasticity that is left without information; 0 is perfect, and 1 says prices never mattered."""
        return abs(self.permuted / self.chain)


def score_response(
    base: Floats, units: Floats, usual_price: Floats, price: Floats, elasticity: Floats
) -> ResponseScores:
    """Judge a price response on the weeks where the price moved by more than 10%.

    Args:
        base: (N,) units expected at the usual price.
        units: (N,) units sold.
        usual_price: (N,) paid price the base was expected at.
        price: (N,) paid price of the week.
        elasticity: (N,) own-price elasticity of the row's product.

    Returns:
        Errors with and without the response; NaN where no price moved or nothing was sold.

    >>> one = np.array([1.0])
    >>> score_response(10 * one, 20 * one, 2 * one, one, -one).wape_with
    0.0
    """
    moved = np.isfinite(price) & np.isfinite(usual_price) & (np.abs(price / usual_price - 1) > MOVED)
    sold = units[moved]
    answered = base[moved] * (price[moved] / usual_price[moved]) ** elasticity[moved]
    if not sold.sum() > 0:
        return ResponseScores(int(moved.sum()), float("nan"), float("nan"))
    without, with_response = (float(np.abs(sold - guess).sum() / sold.sum()) for guess in (base[moved], answered))
    return ResponseScores(int(moved.sum()), without, with_response)


def sign_accuracy(base: Floats, at_lower: Floats, at_higher: Floats) -> float:
    """Share of products whose expected units rise when the price falls and fall when it rises; 1 is perfect.

    Args:
        base: (N,) units expected at the usual price.
        at_lower: (N,) at a price 10% lower.
        at_higher: (N,) at a price 10% higher.
    """
    return float(np.concatenate([at_lower > base, at_higher < base]).mean())


def moved_units(base: Floats, elasticity: Floats) -> tuple[Floats, Floats]:
    """Give the units expected at prices 10% lower and 10% higher, for `sign_accuracy`."""
    return base * (1 - STEP) ** elasticity, base * (1 + STEP) ** elasticity


def response_figures(base: Backtest, truth: Panel, elasticities: Elasticities) -> dict[str, float]:
    """Judge the elasticities on the weeks after each origin in which a price moved, by name.

    Args:
        base: Chain-wide means of the last `MEAN_WEEKS` weeks, which know no price of the weeks ahead; the usual price
            is that of the same weeks.
        truth: What was then sold, and at which prices.
        elasticities: Of the products forecast, known or not.

    Returns:
        `n_rows`, `wape_without` and `wape_with` of `ResponseScores`, and `sign_accuracy`.
    """
    product_ids = base.forecasts[0].product_ids
    rows = np.searchsorted(truth.product_ids, product_ids)
    value = elasticities.of(product_ids.tolist(), category_names(truth)[rows].tolist()).value
    parts: list[tuple[Floats, ...]] = []
    for forecast in base.forecasts:
        columns = np.searchsorted(truth.weeks, forecast.weeks)
        recent = np.log(truth.paid_price[rows, max(0, columns[0] - MEAN_WEEKS) : columns[0]])
        usual = np.exp(np.where(np.isfinite(recent).all(axis=1), recent.mean(axis=1), np.nan))[:, None]
        price = np.where(truth.imputed, np.nan, truth.paid_price)[rows][:, columns]
        sold = truth.units[rows][:, columns]
        shaped = (np.broadcast_to(values, price.shape) for values in (usual, value[:, None]))
        parts.append(tuple(part.ravel() for part in (forecast.mean, sold, price, *shaped)))
    mean, units, price, usual, response = (np.concatenate(part) for part in zip(*parts, strict=True))
    scores = score_response(mean, units, usual, price, response)
    sign = sign_accuracy(np.ones(len(value)), *moved_units(np.ones(len(value)), value))
    figures = {"n_rows": float(scores.n_rows), "wape_without": scores.wape_without, "wape_with": scores.wape_with}
    return {name: figure for name, figure in {**figures, "sign_accuracy": sign}.items() if np.isfinite(figure)}


def permute_prices(panel: Panel, seed: int) -> Panel:
    """Shuffle the observed prices of each product over the weeks they were seen in, shelf and paid price together."""
    seen = seen_weeks(panel)
    week = np.broadcast_to(np.arange(seen.shape[1]), seen.shape)
    chance = np.random.default_rng(seed).uniform(size=seen.shape)
    goes_to = np.argsort(np.where(seen, week, week + seen.shape[1]), axis=1)  # weeks seen, in order; then the others
    comes_from = np.argsort(np.where(seen, chance, week + 1.0), axis=1)  # weeks seen, shuffled; then the others
    shuffled = np.empty_like(goes_to)
    np.put_along_axis(shuffled, goes_to, comes_from, axis=1)
    shelf, paid = (np.take_along_axis(price, shuffled, axis=1) for price in (panel.shelf_price, panel.paid_price))
    return replace(panel, shelf_price=shelf, paid_price=paid)


def placebo(panel: Panel, settings: ElasticitySettings) -> Placebo:
    """Fit the panel as it is and with shuffled prices: what is learnt from the latter is not about prices.

    Raises:
        NoPricesSeen: If no product has enough weeks with a price.
    """
    fitted = fit_elasticities(panel, settings)
    shuffled = fit_elasticities(permute_prices(panel, settings.seed), settings)
    return Placebo(fitted.chain_location, shuffled.chain_location)
