"""Whether stores are dearer where more customers of one group shop."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from configs.fairness import StatisticsSettings
from fairness.bootstrap import GroupDraws, customer_weights
from fairness.groups import Grouping
from fairness.price_metrics import Bools, Floats, Ints, Lines, cell_codes


@dataclass(frozen=True, eq=False)
class Stores:
    """What customers paid at the shelf of each store, beside what the chain asks for the same, and where they shop.

    Attributes:
        charged: (S, C) unit shelf prices of common products, added up, USD.
        chain: (S, C) the chain's median prices of the same products in the same weeks, USD.
        home: (C,) store in which the customer spent most; -1 for none.
    """

    charged: csr_matrix
    chain: csr_matrix
    home: Ints


def stores_of(lines: Lines, n_customers: int) -> Stores:
    """Price what was bought in each store as the chain does.

    Common products are fixed packs, bought one at a time, that two or more stores sold in the week.

    Args:
        lines: All lines.
        n_customers: C.
    """
    n_stores = int(lines.store.max(initial=-1)) + 1
    kept = np.flatnonzero(lines.single)
    cell = cell_codes(lines.product[kept], lines.week[kept])
    order = np.lexsort((lines.shelf[kept], cell))
    starts = np.flatnonzero(np.r_[True, np.diff(cell[order]) != 0][: kept.size])
    counts = np.diff(np.r_[starts, kept.size])
    prices = lines.shelf[kept][order]
    median = (prices[starts + (counts - 1) // 2] + prices[starts + counts // 2]) / 2  # by cell: codes sort as cells
    lowest = np.minimum.reduceat(lines.store[kept][order], starts) if kept.size else starts
    highest = np.maximum.reduceat(lines.store[kept][order], starts) if kept.size else starts
    common = (lowest < highest)[cell]
    places = lines.store[kept][common], lines.customer[kept][common]
    shape = (n_stores, n_customers)
    return Stores(
        charged=csr_matrix((lines.shelf[kept][common], places), shape=shape),
        chain=csr_matrix((median[cell][common], places), shape=shape),
        home=_homes(lines, n_customers),
    )


def _homes(lines: Lines, n_customers: int) -> Ints:
    """(C,) the store in which each customer spent most, the first of equals; -1 for customers without a line."""
    visit = cell_codes(lines.customer, lines.store)
    a_line = np.empty(int(visit.max(initial=-1)) + 1, np.int64)  # one line of each customer and store
    a_line[visit] = np.arange(visit.size)
    spent = np.bincount(visit, lines.shelf, a_line.size)
    order = np.lexsort((-lines.store[a_line], spent))  # the last written stays
    homes = np.full(n_customers, -1, np.int64)
    homes[lines.customer[a_line[order]]] = lines.store[a_line[order]]
    return homes


def catchment_slopes(stores: Stores, grouping: Grouping, statistics: StatisticsSettings) -> GroupDraws | None:
    """Regress the price level of stores on the share of each group among their known customers.

    The price level of a store is what its common products cost over what the chain asks for the same products in the
    same weeks. Stores weigh by their known customers; those with under `min_cell` of them are left out. All customers
    are resampled, so prices, shares and weights move together; the stores stay those there are.

    Args:
        stores: What customers paid and where they shop.
        grouping: Who belongs where.
        statistics: Draws, seed, and the fewest known customers of a store.

    Returns:
        By group, the price level of a store with nobody else less that of one without the group: any number, ideal 0,
        0.01 for 1% dearer; NaN for the unknown. `n` counts the group's customers in these stores, `events` the stores.
        None where no store has enough known customers. A slope is no effect of the customers: costs and competitors
        differ between places. Not for stores that share no products.

    Source: weighted least squares over areas; Freedman (1999), Ecological inference and the ecological fallacy, on why
    it says nothing about single customers.
    """
    known = grouping.codes < len(grouping.labels) - 1
    n_known = np.bincount(stores.home[known & (stores.home >= 0)], minlength=stores.charged.shape[0])
    chosen = np.flatnonzero((n_known >= statistics.min_cell) & (np.diff(stores.charged.indptr) > 0))
    if not chosen.size:
        return None
    members = [_members(stores, chosen, known & (grouping.codes == g)) for g in range(len(grouping.labels) - 1)]
    n_customers = grouping.codes.size
    drawn = customer_weights(n_customers, statistics.n_draws, statistics.seed)
    weights = np.vstack([np.ones((1, n_customers), np.float32), drawn]).T  # (C, 1 + D)
    charged, chain = stores.charged[chosen] @ weights, stores.chain[chosen] @ weights  # (S, 1 + D)
    levels = charged / np.where(chain > 0, chain, 1.0) - 1
    shares = [(member @ weights) * (chain > 0) for member in members]  # each (S, 1 + D); none where nothing is priced
    slopes = np.array([*(_slopes(share, sum(shares), levels) for share in shares), np.full(weights.shape[1], np.nan)])
    sizes = [int(member.sum()) for member in members]
    n_unknown = int((~known & np.isin(stores.home, chosen)).sum())
    return GroupDraws(
        labels=grouping.labels,
        n=np.array([*sizes, n_unknown], dtype=np.int64),
        events=np.full(len(grouping.labels), chosen.size, dtype=np.int64),
        values=slopes[:, 0],
        draws=slopes[:, 1:],
    )


def _members(stores: Stores, chosen: Ints, whose: Bools) -> csr_matrix:
    """(S, C) whether a customer of the group is at home in the store."""
    place = np.full(stores.charged.shape[0], -1)
    place[chosen] = np.arange(chosen.size)
    customers = np.flatnonzero(whose & (stores.home >= 0))
    row = place[stores.home[customers]]
    customers, row = customers[row >= 0], row[row >= 0]
    return csr_matrix((np.ones(row.size), (row, customers)), shape=(chosen.size, whose.size))


def _slopes(members: Floats, known: Floats, levels: Floats) -> Floats:
    """(1 + D,) least squares of levels on shares over stores, weighted by their known customers; NaN without spread."""
    weight = known / np.maximum(known.sum(axis=0), 1)
    share = members / np.maximum(known, 1)
    centred = share - (weight * share).sum(axis=0)
    spread = (weight * centred**2).sum(axis=0)
    covariance = (weight * centred * levels).sum(axis=0)
    flat = spread < 1e-12
    slopes: Floats = np.where(flat, np.nan, covariance / np.where(flat, 1.0, spread))
    return slopes
