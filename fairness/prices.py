"""Prices and discounts by group: what an audit looks at, and every measure of it, judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from fairness.bootstrap import Tally
from fairness.catchments import catchment_slopes, stores_of
from fairness.decomposition import adjusted_amounts, mix_effects
from fairness.errors import NonFiniteValues
from fairness.groups import Grouping, unusable
from fairness.judging import judged
from fairness.measures import Definition, Measure
from fairness.policy import Policy
from fairness.price_definitions import DEFINITIONS as DEFINITIONS
from fairness.price_definitions import (
    DEPTH,
    PAID,
    PAID_SURCHARGE,
    SHELF_SURCHARGE,
    STORE_PRICE_LEVEL,
    SUGGESTED_PRICE_CHANGE,
    SURCHARGED_CATEGORIES,
    SURCHARGED_PRODUCTS,
    part_name,
)
from fairness.price_metrics import (
    Comparisons,
    Floats,
    Lines,
    basket_cost,
    codes_of,
    compare_prices,
    per_customer,
)
from fairness.surcharge_verdicts import judge_scan
from fairness.verdict import insufficient, judge
from features import columns
from features.lake import Lake

WEEK: Final = "week"
CURRENT_PRICE: Final = "current_price"
SUGGESTED_PRICE: Final = "suggested_price"
BASKET_WEEKS: Final = 26  # weeks whose purchases weigh suggested price changes

_AMOUNTS: Final = (
    columns.QUANTITY,
    columns.PAID_AMOUNT,
    columns.SHELF_AMOUNT,
    columns.LOYALTY_DISCOUNT,
    columns.COUPON_DISCOUNT,
)
_IDS: Final = (columns.CUSTOMER_ID, columns.PRODUCT_ID, columns.STORE_ID)


@dataclass(frozen=True, eq=False)
class PriceEvidence:
    """What the audit of prices looks at.

    Attributes:
        sales: Merchandise lines: customer_id, product_id, store_id, week (Monday of the trading week), quantity,
            paid_amount, shelf_amount, loyalty_discount, coupon_discount, department, category, sold_by_weight.
        suggestions: product_id, current_price, suggested_price: one row per product with a suggestion.
    """

    sales: pd.DataFrame
    suggestions: pd.DataFrame


def read_sales(lake: Lake) -> pd.DataFrame:
    """Read all merchandise lines of the lake, with their trading week and what is sold.

    Args:
        lake: An open lake.

    Returns:
        One row per line, in the lake's order, as `PriceEvidence` describes; ids and names are categorical.

    Raises:
        LakeDamaged: If a table cannot be read.
    """
    sales = lake.read(columns.TRANSACTIONS, [*_IDS, columns.EVENT_TIMESTAMP, *_AMOUNTS])
    attributes = [columns.PRODUCT_ID, columns.DEPARTMENT, columns.CATEGORY, columns.SOLD_BY_WEIGHT]
    products = lake.read(columns.PRODUCTS, [*attributes, columns.IS_MERCHANDISE])
    products = products[products[columns.IS_MERCHANDISE]].set_index(columns.PRODUCT_ID)
    for name in _IDS:
        sales[name] = sales[name].astype("category")
    sales = sales[sales[columns.PRODUCT_ID].isin(products.index)]
    local = sales.pop(columns.EVENT_TIMESTAMP).dt.tz_convert(lake.manifest.trading_time_zone).dt.tz_localize(None)
    place = products.index.get_indexer(sales[columns.PRODUCT_ID].cat.categories)[sales[columns.PRODUCT_ID].cat.codes]
    return sales.assign(
        **{
            WEEK: local.dt.normalize() - pd.to_timedelta(local.dt.weekday, unit="D"),
            columns.DEPARTMENT: _texts(products[columns.DEPARTMENT]).take(place),
            columns.CATEGORY: _texts(products[columns.CATEGORY]).take(place),
            columns.SOLD_BY_WEIGHT: products[columns.SOLD_BY_WEIGHT].eq(True).to_numpy(bool)[place],
        }
    ).reset_index(drop=True)


def _texts(values: pd.Series) -> pd.Categorical:
    return pd.Categorical(values.fillna(""))


def price_measures(
    evidence: PriceEvidence, customer_ids: Sequence[str], groupings: Sequence[Grouping], policy: Policy
) -> list[Measure]:
    """Measure and judge prices and discounts by every grouping.

    Args:
        evidence: Sales and suggested prices.
        customer_ids: (C,) customers in the order of the groupings; sales of others are left out.
        groupings: Who belongs where, one per attribute or pair.
        policy: Margins, families and statistics.

    Returns:
        One measure per definition and grouping, p-values not yet adjusted. Without sales, and with amounts that are
        NaN or infinite, every one is INSUFFICIENT and says so.
    """
    sales = evidence.sales[evidence.sales[columns.CUSTOMER_ID].isin(set(customer_ids))]
    problem = _unreadable(sales)
    if problem is not None:
        return [_refused(definition, grouping, policy, problem) for grouping in groupings for definition in DEFINITIONS]
    audit = _Audit(sales, evidence.suggestions, customer_ids, policy)
    return [audit.measure(definition, grouping) for grouping in groupings for definition in DEFINITIONS]


def _unreadable(sales: pd.DataFrame) -> str | None:
    if sales.empty:
        return "There are no sales in this window, so no price can be judged. Audit a window with sales."
    broken = ~np.isfinite(sales[list(_AMOUNTS)].to_numpy(np.float64)).all(axis=1)
    if not broken.any():
        return None
    whose = sales.loc[broken, columns.CUSTOMER_ID].nunique()
    n_customers = sales[columns.CUSTOMER_ID].nunique()
    return str(NonFiniteValues(part="sales", n_broken=whose, n_customers=n_customers))


def _refused(definition: Definition, grouping: Grouping, policy: Policy, note: str) -> Measure:
    attribute = grouping.attribute
    family, margin = policy.family(definition.measure, attribute), policy.margin(definition, attribute)
    return insufficient(definition, attribute=attribute, family=family, margin=margin, note=note)


def lines_of(sales: pd.DataFrame, customer_ids: Sequence[str]) -> tuple[Lines, tuple[str, ...], tuple[str, ...]]:
    """Code sales as dense numbers.

    Args:
        sales: Lines of customers who are all in customer_ids.
        customer_ids: (C,).

    Returns:
        The lines, the product ids by product code, the categories by category code.
    """
    product, product_ids = pd.factorize(sales[columns.PRODUCT_ID])
    category, categories = pd.factorize(sales[columns.CATEGORY].astype(object).fillna(""))
    week = pd.to_datetime(sales[WEEK])
    quantity = sales[columns.QUANTITY].to_numpy(np.float64)
    weighed = sales[columns.SOLD_BY_WEIGHT].to_numpy(bool)
    lines = Lines(
        customer=codes_of(sales[columns.CUSTOMER_ID], customer_ids),
        category=category.astype(np.int64),
        product=product.astype(np.int64),
        store=pd.factorize(sales[columns.STORE_ID], sort=True)[0].astype(np.int64),
        week=((week - week.min()).dt.days // 7).to_numpy().astype(np.int64),
        quantity=quantity,
        shelf=sales[columns.SHELF_AMOUNT].to_numpy(np.float64),
        discount=sales[columns.LOYALTY_DISCOUNT].to_numpy(np.float64),
        out_of_pocket=(sales[columns.PAID_AMOUNT] - sales[columns.COUPON_DISCOUNT]).to_numpy(np.float64),
        single=~weighed & (quantity == 1),
    )
    return lines, tuple(map(str, product_ids)), tuple(map(str, categories))


class _Audit:
    """Everything that does not depend on groups, reckoned once."""

    def __init__(
        self, sales: pd.DataFrame, suggestions: pd.DataFrame, customer_ids: Sequence[str], policy: Policy
    ) -> None:
        self._policy = policy
        self._n_customers = len(customer_ids)
        self._lines, self._products, self._categories = lines_of(sales, customer_ids)
        self._bought = np.bincount(self._lines.customer, minlength=self._n_customers).astype(np.float64)
        self._shelf = self._sum(self._lines.shelf)
        self._compared = compare_prices(self._lines, self._lines.shelf)
        self._stores = stores_of(self._lines, self._n_customers)
        self._tallies = (
            self._discounts() | self._surcharges() | {SUGGESTED_PRICE_CHANGE.measure: self._baskets(suggestions)}
        )
        self._notes = self._caveats(sales, suggestions)
        self._special: dict[str, Callable[[Definition, Grouping], Measure]] = {
            SURCHARGED_PRODUCTS.measure: self._scan_products,
            SURCHARGED_CATEGORIES.measure: self._scan_categories,
            STORE_PRICE_LEVEL.measure: self._catchments,
        }

    def measure(self, definition: Definition, grouping: Grouping) -> Measure:
        """Judge one measure by one grouping."""
        special = self._special.get(definition.measure)
        if special is not None:
            return special(definition, grouping)
        note = self._notes.get(definition.measure, "")
        return judged(definition, self._tallies[definition.measure], grouping, self._policy, note=note)

    def _sum(self, values: Floats) -> Floats:
        return per_customer(values, self._lines.customer, self._n_customers)

    def _of_shelf(self, numerator: Floats) -> Tally:
        return Tally(numerator, self._shelf, self._bought, self._shelf > 0)

    def _discounts(self) -> dict[str, Tally]:
        tallies = {}
        for figure, amount in ((DEPTH, self._lines.discount), (PAID, self._lines.out_of_pocket)):
            tallies[figure] = self._of_shelf(self._sum(amount))
            tallies[f"{figure}_within"] = self._of_shelf(adjusted_amounts(self._lines, amount, self._n_customers))
            for part, effect in mix_effects(self._lines, amount, self._n_customers).items():
                tallies[part_name(figure, part)] = self._of_shelf(effect)
        return tallies

    def _surcharges(self) -> dict[str, Tally]:
        loyalty = compare_prices(self._lines, self._lines.shelf - self._lines.discount)
        return {
            SHELF_SURCHARGE.measure: self._surcharge(self._compared),
            PAID_SURCHARGE.measure: self._surcharge(loyalty),
        }

    def _surcharge(self, compared: Comparisons) -> Tally:
        whose, n = compared.customer, self._n_customers
        weight = per_customer(compared.charged_others, whose, n)
        rows = np.bincount(whose, minlength=n).astype(np.float64)
        return Tally(per_customer(compared.excess, whose, n), weight, rows, weight > 0)

    def _baskets(self, suggestions: pd.DataFrame) -> Tally:
        first_week = int(self._lines.week.max()) - BASKET_WEEKS + 1
        listed = suggestions.astype({columns.PRODUCT_ID: str}).drop_duplicates(columns.PRODUCT_ID)
        listed = listed.set_index(columns.PRODUCT_ID)
        listed = listed[[CURRENT_PRICE, SUGGESTED_PRICE]].astype(np.float64).reindex(self._products)
        priced = listed.dropna()
        counted = listed.index.isin(priced.index)
        cost = {
            name: basket_cost(self._lines, np.where(counted, listed[name], np.nan), self._n_customers, first_week)
            for name in (CURRENT_PRICE, SUGGESTED_PRICE)
        }
        recent = (self._lines.week >= first_week) & counted[self._lines.product]
        present = cost[CURRENT_PRICE]
        return Tally(cost[SUGGESTED_PRICE], present, self._sum(recent.astype(np.float64)), present > 0)

    def _caveats(self, sales: pd.DataFrame, suggestions: pd.DataFrame) -> dict[str, str]:
        beyond = int((sales[columns.COUPON_DISCOUNT] > sales[columns.PAID_AMOUNT]).sum())
        coupons = f"Coupons above the amount paid count as recorded: {beyond:,} of {len(sales):,} lines."
        return {
            PAID: coupons if beyond else "",
            SUGGESTED_PRICE_CHANGE.measure: f"Suggestions for {len(suggestions):,} products. There is one suggested "
            "price per product for everybody, so who buys cannot change it; only baskets differ.",
        }

    def _scan_products(self, definition: Definition, grouping: Grouping) -> Measure:
        return judge_scan(definition, self._compared, self._compared.product, self._products, grouping, self._policy)

    def _scan_categories(self, definition: Definition, grouping: Grouping) -> Measure:
        return judge_scan(definition, self._compared, self._compared.category, self._categories, grouping, self._policy)

    def _catchments(self, definition: Definition, grouping: Grouping) -> Measure:
        statistics = self._policy.statistics
        problem = unusable(grouping, statistics)
        drawn = None if problem else catchment_slopes(self._stores, grouping, statistics)
        if drawn is None:
            few = f"No store has {statistics.min_cell} customers whose {grouping.attribute} is known."
            return _refused(definition, grouping, self._policy, problem or few)
        return judge(
            definition,
            drawn,
            attribute=grouping.attribute,
            family=self._policy.family(definition.measure, grouping.attribute),
            margin=self._policy.margin(definition, grouping.attribute),
            statistics=statistics,
            grouping=grouping,
            against="no slope",
            note=f"{int(drawn.events[0])} stores with enough known customers.",
        )
