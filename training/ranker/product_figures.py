"""What is known of products at a moment: how they sell, to whom, how often again, and at what price."""

from typing import Final

import numpy as np
import numpy.typing as npt

from training.histories import PAIR_FIELDS, Histories
from training.ranker.sales import Sales

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PRODUCT_FIELDS: Final = (
    "log_buyers_7d",
    "log_buyers_14d",
    "log_buyers_28d",
    "log_buyers_56d",
    "trend_7d",
    "trend_14d",
    "trend_28d",
    "log_new_buyers_14d",
    "log_new_buyers_28d",
    "log_new_buyers_56d",
    "new_share_28d",
    "log_buyers",
    "repeat_share",
    "interval_days",
    "rebuy_rate",
    "days_since_first_sale",
    "days_since_last_sale",
    "log_price",
    "price_over_type",
    "discount_28d",
    "discount_7d",
    "discount_change",
    "coupon_share",
    "display_last_week",
    "mailer_last_week",
    "display_4_weeks",
    "mailer_4_weeks",
    "share_of_type",
    "log_type_buyers",
    "type_new_share",
)
SALES_DAYS: Final = 120.0  # older lines count through the histories alone
NEVER_DAYS: Final = 400.0  # stands for "days since" of what never happened
_REBUY_DAYS: Final = 28.0
_TIMES, _LAST, _FIRST = (PAIR_FIELDS.index(name) for name in ("n_baskets", "days_since_last", "days_since_first"))
_NEW_WEIGHT: Final = 0.3  # say of a first purchase in a product's share of its type, beside its buyers
_PRIOR_BUYERS: Final = 5.0  # buyers that a product's own rhythm needs to weigh as much as its type's


def product_figures(
    sales: Sales, histories: Histories, product_type: Ints, promotion_shares: Floats
) -> npt.NDArray[np.float32]:
    """Describe every product of a catalogue.

    Args:
        sales: Lines of the last `SALES_DAYS` before the moment, of people who agreed to model training.
        histories: Everything those people bought before it.
        product_type: (N,) codes from 0.
        promotion_shares: (N, 4) of `SalesLog.promotion_shares`.

    Returns:
        (N, P) float32 in the order of `PRODUCT_FIELDS`.
    """
    buyers = {days: sales.buyers(sales.within(days)) for days in (7, 14, 28, 56)}
    prior = {days: sales.buyers(sales.within(2 * days, after=days)) for days in (14, 28)}
    new = {days: _new_buyers(histories, sales.n_products, days) for days in (14, 28, 56)}
    type_buyers = np.bincount(product_type, buyers[28])[product_type]
    type_new = np.bincount(product_type, new[28])[product_type]
    columns = [
        *(np.log1p(buyers[days]) for days in (7, 14, 28, 56)),
        np.log((2 * buyers[7] + 1) / (buyers[14] + 1)),
        *(np.log((buyers[days] + 1) / (prior[days] + 1)) for days in (14, 28)),
        *(np.log1p(new[days]) for days in (14, 28, 56)),
        new[28] / np.maximum(buyers[28], 1),
        *_habits(histories, sales, product_type),
        *_prices(sales, product_type, buyers[56]),
        *_discounts(sales),
        *promotion_shares.T,
        (buyers[28] + _NEW_WEIGHT * new[28]) / (type_buyers + _PRIOR_BUYERS),
        np.log1p(type_buyers),
        type_new / np.maximum(type_buyers, 1),
    ]
    return np.column_stack(columns).astype(np.float32)


def _new_buyers(histories: Histories, n_products: int, days: float) -> Floats:
    """Count the customers whose first purchase of each product is at most `days` ago: (N,)."""
    recent = histories.pairs[:, _FIRST] <= days
    return np.bincount(histories.product_idx[recent], minlength=n_products).astype(np.float64)


def _habits(histories: Histories, sales: Sales, product_type: Ints) -> list[Floats]:
    """Tell how many bought each product, how many again, how often, and since when."""
    n, product_idx = sales.n_products, histories.product_idx
    times, last, first = (histories.pairs[:, i].astype(np.float64) for i in (_TIMES, _LAST, _FIRST))
    buyers = np.bincount(product_idx, minlength=n).astype(np.float64)
    again = times >= 2
    repeat_share = np.bincount(product_idx[again], minlength=n) / np.maximum(buyers, 1)
    gaps = np.bincount(product_idx[again], (first - last)[again], n)
    n_gaps = np.bincount(product_idx[again], times[again] - 1, n)
    type_interval = (np.bincount(product_type, gaps) + 60) / (np.bincount(product_type, n_gaps) + 1)
    interval = (gaps + _PRIOR_BUYERS * type_interval[product_type]) / (n_gaps + _PRIOR_BUYERS)
    oldest, newest = np.zeros(n), np.full(n, NEVER_DAYS)
    np.maximum.at(oldest, product_idx, first)
    np.minimum.at(newest, product_idx, last)
    return [np.log1p(buyers), repeat_share, interval, _rebuy_rate(sales, product_type), oldest, newest]


def _rebuy_rate(sales: Sales, product_type: Ints) -> Floats:
    """Estimate the chance that somebody who bought a product a while ago bought it in the last 28 days: (N,)."""
    n, pairs = sales.n_products, sales.customer * sales.n_products + sales.product_idx
    lately = sales.within(_REBUY_DAYS)
    before, since = np.unique(pairs[~lately]), np.unique(pairs[lately])
    asked = np.bincount(before % n, minlength=n)
    came = np.bincount(np.intersect1d(before, since, assume_unique=True) % n, minlength=n)
    of_type = (np.bincount(product_type, came) + 0.5) / (np.bincount(product_type, asked) + 10)
    rate: Floats = (came + _PRIOR_BUYERS * of_type[product_type]) / (asked + _PRIOR_BUYERS)
    return rate


def _prices(sales: Sales, product_type: Ints, weight: Floats) -> list[Floats]:
    """Give each product's log of the median shelf price, and how far it lies above its type's mean."""
    price = sales.shelf_usd / np.maximum(sales.units, 1e-3)
    order = np.lexsort((price, sales.product_idx))
    counts = np.bincount(sales.product_idx, minlength=sales.n_products)
    middle = np.cumsum(counts) - counts + counts // 2
    sold = counts > 0
    median = np.ones(sales.n_products)
    median[sold] = price[order][middle[sold]]
    log_price = np.log(np.maximum(median, 0.01))
    total = np.bincount(product_type, weight)
    mean = np.bincount(product_type, log_price * weight) / np.maximum(total, 1e-6)
    return [log_price, np.where(sold, log_price - mean[product_type], 0.0)]


def _discounts(sales: Sales) -> list[Floats]:
    """Give each product's share of loyalty discounts: 28 days, 7 days, change against before; and of coupons."""

    def depth(lines: npt.NDArray[np.bool_]) -> Floats:
        product_idx, n = sales.product_idx[lines], sales.n_products
        shelf = np.bincount(product_idx, sales.shelf_usd[lines], n)
        share: Floats = np.bincount(product_idx, sales.discount_usd[lines], n) / np.maximum(shelf, 1e-3)
        return share

    recent = depth(sales.within(28))
    n_lines = np.bincount(sales.product_idx, minlength=sales.n_products)
    coupons = np.bincount(sales.product_idx[sales.with_coupon], minlength=sales.n_products)
    before = depth(~sales.within(28))
    return [recent, depth(sales.within(7)), recent - before, coupons / np.maximum(n_lines, 1)]
