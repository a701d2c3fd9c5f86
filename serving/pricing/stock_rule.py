"""The rule of the trade: the price moves when demand or stock moves."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.pricing_rules import StockRuleSettings
from serving.pricing.assortment import Assortment, Flags, Floats
from serving.pricing.cases import Cases
from serving.pricing.response import elasticity_quantiles

UP: Final = 1
DOWN: Final = -1
MAX_LOG_STEP: Final = 3.0


@dataclass(frozen=True, eq=False)
class Pressure:
    """What the stock asks of the price; B cases.

    Attributes:
        direction: (B,) 1 up, -1 down, 0 nothing.
        target: (B,) USD, the price at which the stock would last as long as it should.
        cover_weeks: (B,) weeks that the stock lasts at the current price; infinity where it is not known.
        ageing: (B,) whether stock lies without a sale.
    """

    direction: npt.NDArray[np.int64]
    target: Floats
    cover_weeks: Floats
    ageing: Flags


def pressure_of(cases: Cases, assortment: Assortment, settings: StockRuleSettings) -> Pressure:
    """Compare the stock with what is expected to sell.

    Low stock asks for the price at which it lasts `low_cover_weeks`; a surplus for that at which it is gone within
    `high_cover_weeks`; ageing stock for a cut of at least `ageing_cut_share`. The median elasticity answers.
    """
    elasticity = elasticity_quantiles(cases, np.array([0.5]))[:, 0]
    weekly = cases.weekly_units * np.exp(np.clip(elasticity * np.log(cases.price / cases.reference), -10, 10))
    known = np.isfinite(cases.stock)
    cover = np.where(known, cases.stock, np.inf) / weekly
    ageing = known & (cases.stock > 0) & (assortment.weeks_since_last_sale[cases.product_idx] >= settings.ageing_weeks)
    surplus = known & (cover > settings.high_cover_weeks)
    low = known & (cover < settings.low_cover_weeks) & ~ageing
    wanted = np.where(low, settings.low_cover_weeks, settings.high_cover_weeks)
    with np.errstate(divide="ignore"):
        step = np.log(cover / wanted) / elasticity  # units must change by cover / wanted
    step = np.where(low | surplus, np.clip(np.nan_to_num(step), -MAX_LOG_STEP, MAX_LOG_STEP), 0.0)
    step = np.where(ageing, np.minimum(step, np.log1p(-settings.ageing_cut_share)), step)
    direction = np.where(low, UP, np.where(surplus | ageing, DOWN, 0))
    return Pressure(direction, cases.price * np.exp(step), cover, ageing)


def press(columns: npt.NDArray[np.int64], prices: Floats, allowed: Flags, pressure: Pressure) -> npt.NDArray[np.int64]:
    """Move choices to where the stock asks for them, within what is allowed.

    Args:
        columns: (B,) chosen column of each case.
        prices: (B, K) USD; column 0 holds the current price.
        allowed: (B, K) whether every hard rule allows the price.
        pressure: What the stock asks for.

    Returns:
        (B,) columns: with pressure, the further of the choice and the target on the right side of the current
        price; the current price, or the choice, where nothing lies on that side.
    """
    case = np.arange(len(columns))
    current, chosen = prices[:, 0], prices[case, columns]
    side = allowed & ((prices - current[:, None]) * pressure.direction[:, None] > 1e-9)
    distance = np.abs(np.log(np.maximum(prices, 1e-9)) - np.log(pressure.target)[:, None])
    nearest = np.where(side, distance, np.inf).argmin(axis=1)
    further = (chosen - prices[case, nearest]) * pressure.direction > 0
    wrong_way = (chosen - current) * pressure.direction < 0
    stay = np.where(wrong_way & allowed[:, 0], 0, columns)
    moved = np.where(side.any(axis=1), np.where(further, columns, nearest), stay)
    return np.where(pressure.direction == 0, columns, moved).astype(np.int64)
