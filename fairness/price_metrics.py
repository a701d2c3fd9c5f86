"""What customers were charged, set against what others were charged for the same thing at the same time and place.

Everything here is reckoned per line or per customer and knows nothing of groups: whoever compares groups adds these
figures up. The price that a customer is held against always comes from *other* customers: a median that counts the
customer's own line sees half a surcharge where two customers meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PRICE_DECIMALS: Final = 4  # a hundredth of a cent: finer differences are those of floating point, not of prices
MOST_APART: Final = (
    0.5  # share of the lower price: further apart are other packs and slips of the scales, and count as this
)


@dataclass(frozen=True, eq=False)
class Lines:
    """Merchandise lines as dense codes and amounts, one row each.

    Attributes:
        customer: (L,) place of the customer among those audited.
        category: (L,) code of the category.
        product: (L,) code of the product.
        store: (L,) code of the store.
        week: (L,) trading week, counted from the first.
        quantity: (L,) packs.
        shelf: (L,) amount at the shelf price, USD.
        discount: (L,) loyalty discount, USD.
        out_of_pocket: (L,) paid amount less manufacturer coupons, USD.
        single: (L,) whether one fixed pack was bought, so that the amount is a unit price.
    """

    customer: Ints
    category: Ints
    product: Ints
    store: Ints
    week: Ints
    quantity: Floats
    shelf: Floats
    discount: Floats
    out_of_pocket: Floats
    single: Bools


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Customers who bought the same product in the same store and week, each beside the others.

    One row per cell and customer, sorted by cell and price; cells with one customer are left out.

    Attributes:
        customer: (M,) place of the customer.
        product: (M,) code of the product.
        category: (M,) code of its category.
        cell: (M,) code of product, store and week.
        price: (M,) the customer's mean unit price, USD.
        others: (M,) median unit price of the other customers in the cell, USD.
        rank: (M,) share of the others who paid less, minus the share who paid more; adds up to 0 in each cell.
        packs: (M,) packs the customer bought.
    """

    customer: Ints
    product: Ints
    category: Ints
    cell: Ints
    price: Floats
    others: Floats
    rank: Floats
    packs: Floats

    @property
    def excess(self) -> Floats:
        """(M,) how much more than the others would have been charged for the packs, USD.

        Prices further apart than half the lower one count as that far apart: in the records these are packs of another
        size or weight, and a few of them would drown every real surcharge. A surcharge above that still counts.
        """
        most = MOST_APART * np.minimum(self.price, self.others)
        return np.clip(self.price - self.others, -most, most) * self.packs

    @property
    def charged_others(self) -> Floats:
        """(M,) what the others would have been charged for the packs, USD."""
        return self.others * self.packs


def cell_codes(*keys: Ints) -> Ints:
    """Number the combinations of several keys, in the order of their first row.

    >>> cell_codes(np.array([7, 7, 2]), np.array([1, 1, 1]))
    array([0, 0, 1])
    """
    codes = keys[0]
    for key in keys[1:]:
        span = int(key.max(initial=0)) + 1
        codes = pd.factorize(codes * span + key)[0].astype(np.int64)
    return pd.factorize(codes)[0].astype(np.int64)


def per_customer(values: Floats, customer: Ints, n_customers: int) -> Floats:
    """Add values up by customer.

    Args:
        values: (L,) what to add.
        customer: (L,) whose it is.
        n_customers: C.

    Returns:
        (C,) sums; 0 for customers without a line.
    """
    return np.bincount(customer, values, n_customers).astype(np.float64)


def others_rate(amount: Floats, shelf: Floats, cell: Ints, customer: Ints, fallback: Floats) -> Floats:
    """Give for each line the rate (amount over shelf amount) of the other customers in its cell.

    Args:
        amount: (L,) USD.
        shelf: (L,) USD, above 0.
        cell: (L,) dense codes of the cells.
        customer: (L,) dense codes of the customers.
        fallback: (L,) rate used where nobody else bought in the cell.

    Returns:
        (L,) rates; a share of the shelf amount.

    >>> ones = np.ones(3)
    >>> others_rate(np.array([0.0, 0.2, 0.4]), ones, np.array([0, 0, 0]), np.array([0, 1, 1]), ones)
    array([0.3, 0. , 0. ])
    """
    own = cell_codes(cell, customer)
    n_cells, n_own = int(cell.max(initial=-1)) + 1, int(own.max(initial=-1)) + 1
    place = np.empty(n_own, np.int64)
    place[own] = cell
    n_customers = np.bincount(place, minlength=n_cells)
    left = [np.bincount(cell, part, n_cells)[cell] - np.bincount(own, part, n_own)[own] for part in (amount, shelf)]
    alone = n_customers[cell] < 2
    rates: Floats = np.where(alone, fallback, left[0] / np.where(alone, 1.0, left[1]))
    return rates


def others_median(price: Floats, first: Ints, count: Ints) -> Floats:
    """Give for each row the median price of the other rows of its cell.

    Args:
        price: (M,) sorted within each cell, cells one after another.
        first: (M,) row at which the cell of this row begins.
        count: (M,) rows of the cell; at least 2.

    Returns:
        (M,) medians.

    >>> others_median(np.array([1.0, 2.0, 9.0]), np.array([0, 0, 0]), np.array([3, 3, 3]))
    array([5.5, 5. , 1.5])
    """
    rank = np.arange(len(price)) - first
    n_others = count - 1
    low, high = (n_others - 1) // 2, n_others // 2
    medians: Floats = (price[first + low + (low >= rank)] + price[first + high + (high >= rank)]) / 2
    return medians


def rank_scores(price: Floats, first: Ints, count: Ints) -> Floats:
    """Score each row by how many rows of its cell are cheaper rather than dearer.

    Args:
        price: (M,) sorted within each cell, cells one after another.
        first: (M,) row at which the cell of this row begins.
        count: (M,) rows of the cell; at least 2.

    Returns:
        (M,) in [-1, 1]; 0 where all pay the same, 1 for who alone pays most. Adds up to 0 in each cell. Not a measure
        of how much more somebody pays: a cent counts like a dollar.

    Source: van Elteren (1960), rank sums within strata; the weight of a cell is 1 / (rows - 1).

    >>> rank_scores(np.array([1.0, 1.0, 2.0]), np.array([0, 0, 0]), np.array([3, 3, 3]))
    array([-0.5, -0.5,  1. ])
    """
    new_run = np.r_[True, (np.diff(price) != 0) | (np.diff(first) != 0)][: len(price)]
    run = np.cumsum(new_run) - 1
    run_first = np.flatnonzero(new_run)
    run_end = np.r_[run_first[1:], len(price)]
    n_lower = run_first[run] - first
    n_higher = first + count - run_end[run]
    scores: Floats = (n_lower - n_higher) / (count - 1)
    return scores


def compare_prices(lines: Lines, amount: Floats) -> Comparisons:
    """Set customers who bought the same product in the same store and week beside each other.

    Only fixed packs bought one at a time are compared: for these the amount is a price.

    Args:
        lines: All lines.
        amount: (L,) what to compare, USD: the shelf amount, or what was left after loyalty discounts.

    Returns:
        Comparisons; none where no cell has two customers.
    """
    kept = np.flatnonzero(lines.single & (amount > 0))
    cell = cell_codes(lines.product[kept], lines.store[kept], lines.week[kept])
    own = cell_codes(cell, lines.customer[kept])
    n_own = int(own.max(initial=-1)) + 1
    a_line = np.empty(n_own, np.int64)  # one line of each row
    a_line[own] = np.arange(len(kept))
    n_customers = np.bincount(cell[a_line])
    packs = np.bincount(own, minlength=n_own).astype(np.float64)
    price = np.round(np.bincount(own, amount[kept], n_own) / packs, PRICE_DECIMALS)
    rows = np.flatnonzero(n_customers[cell[a_line]] >= 2)
    rows = rows[np.lexsort((price[rows], cell[a_line[rows]]))]
    return _compared(lines, kept[a_line[rows]], cell[a_line[rows]], price[rows], packs[rows])


def _compared(lines: Lines, line: Ints, cell: Ints, price: Floats, packs: Floats) -> Comparisons:
    """Fill in what the others of each cell paid; rows are sorted by cell and price."""
    starts = np.flatnonzero(np.r_[True, np.diff(cell) != 0][: len(cell)])
    counts = np.diff(np.r_[starts, len(cell)])
    first, count = np.repeat(starts, counts), np.repeat(counts, counts)
    return Comparisons(
        customer=lines.customer[line],
        product=lines.product[line],
        category=lines.category[line],
        cell=np.repeat(np.arange(len(starts)), counts),
        price=price,
        others=others_median(price, first, count),
        rank=rank_scores(price, first, count),
        packs=packs,
    )


def basket_cost(lines: Lines, prices: Floats, n_customers: int, first_week: int) -> Floats:
    """Price what each customer bought at given prices.

    Args:
        lines: All lines.
        prices: (P,) unit price of each product code, USD; NaN for products that are left out.
        n_customers: C.
        first_week: Lines of earlier weeks are left out.

    Returns:
        (C,) USD; 0 for customers who bought none of these products.
    """
    unit = prices[lines.product]
    counted = (lines.week >= first_week) & ~np.isnan(unit)
    return per_customer(np.where(counted, unit, 0) * lines.quantity * counted, lines.customer, n_customers)


def codes_of(values: pd.Series, known: Sequence[str]) -> Ints:
    """Give the place of each value in a list of distinct ones; -1 for values that are not in it."""
    coded = pd.Categorical(values)
    places = pd.Index(known).get_indexer(coded.categories)
    return np.where(coded.codes < 0, -1, places[coded.codes]).astype(np.int64)
