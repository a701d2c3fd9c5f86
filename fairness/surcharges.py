"""A scan of every product for a surcharge on one group that an average over all products hides.

In each product, store and week the customers are ranked by the price they paid. If prices do not depend on the group,
group labels could be dealt out to the customers anew without changing anything; so the ranks of a group are held
against thousands of such deals. Whole customers are dealt, among customers who can be compared about as often, so
neither heavy buyers nor a customer with odd records make an alarm. Where all pay the same price there is nothing to
rank: such cells cost neither time nor power.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from configs.fairness import StatisticsSettings
from fairness.detectability import fewest_detectable, potential_ranks
from fairness.groups import Grouping
from fairness.price_metrics import Bools, Comparisons, Floats, Ints
from fairness.relabelling import (
    activity_strata,
    bennett_score,
    deals,
    group_shares,
    tail_share,
    upper_limit,
)

N_STRATA: Final = 5  # classes of customers by how often they can be compared
_BLOCK: Final = 4_000_000  # figures held at once


@dataclass(frozen=True, eq=False)
class Scan:
    """What the scan found for the groups of one attribute.

    Attributes:
        n_scanned: Products (or categories) with a cell that two or more customers share.
        judged: (G,) groups that are large enough; the others are not scanned, only compared with.
        n_surcharged: (G,) how many of them are surcharged for the group at the least, all groups at once at
            confidence 1 - alpha.
        likeliest: For each group, codes of that many products, the clearest first.
        mean_surcharge: (G,) how much more than others the group pays on these, as a share; NaN where there are none.
        p_value: Of no surcharge on any group.
        n_customers: (G,) customers who can be compared.
        n_compared: (G,) customers in cells that somebody of another group shares.
        detectable: (G,) fewest products whose surcharge would have been found with the policy's power; NaN where not
            even one on all of them would.
        at_most: (G,) how many there may be at the most: more would have been found at the policy's confidence.
    """

    n_scanned: int
    judged: Bools
    n_surcharged: Ints
    likeliest: tuple[Ints, ...]
    mean_surcharge: Floats
    p_value: float
    n_customers: Ints
    n_compared: Ints
    detectable: Floats
    at_most: Ints


@dataclass(frozen=True, eq=False)
class Board:
    """Rank scores by product and customer; the figures of any deal of labels are one product of matrices away.

    Attributes:
        scores: (R, C) a row for each product whose price differed within a cell; last, all products together.
        largest: (R, 1) largest absolute score of one customer.
        units: (R-1,) product codes of the rows.
        strata: (C,) classes of customers within which labels are dealt.
        shares: (C, G) each customer's chance of being dealt each group.
        judged: (G,) groups that are scanned; the scores of the others are 0.
    """

    scores: csr_matrix
    largest: Floats
    units: Ints
    strata: Ints
    shares: Floats
    judged: Bools

    def excess(self, codes: Ints) -> Floats:
        """(R, G) rank sums of the groups above what a deal gives them on average."""
        member = codes[:, None] == np.arange(self.shares.shape[1])
        sums: Floats = self.scores @ ((member - self.shares) * self.judged)
        return sums

    @property
    def variance(self) -> Floats:
        """(R, G) variance of the rank sums over deals."""
        spread: Floats = self.scores.power(2) @ (self.shares * (1 - self.shares))
        return spread


def scan_units(compared: Comparisons, unit: Ints, grouping: Grouping, statistics: StatisticsSettings) -> Scan:
    """Find the products (or categories) on which a group pays more than others in the same store and week.

    Two questions share alpha. Does a product stand out by itself: the largest score over products and groups? Do many
    products lean the same way without one standing out: the score of all together? The second also says how many
    products it takes: those that must be left out before the rest no longer leans.

    Args:
        compared: Who paid what beside whom.
        unit: (M,) product or category code of each row of `compared`.
        grouping: Who belongs where; groups large enough are scanned, the unknown like any other.
        statistics: Draws, alpha, power, seed, and what is large enough.

    Returns:
        Counts: range 0 to n_scanned, ideal 0. A count never says how much: that is in `mean_surcharge`. Not for
        prices that are meant to differ between customers, such as those after personal coupons: all would be found.

    Source: van Elteren (1960), stratified rank sums; Westfall and Young (1993), largest of permuted scores;
    Goeman and Solari (2011), how many units a sum stands for; Bennett (1962), the score.
    """
    n_customers, n_compared = _n_customers(compared, grouping), _n_compared(compared, grouping)
    judged = (n_customers >= statistics.min_n) & (n_compared >= statistics.min_events)
    board = build_board(compared, unit, grouping, judged)
    scores = bennett_score(board.excess(grouping.codes), board.variance, board.largest)
    single, together = _dealt_scores(board, grouping.codes, statistics)
    limits = upper_limit(single, statistics.alpha / 2), upper_limit(together, statistics.alpha / 2)
    n_surcharged = np.maximum((scores[:-1] > limits[0]).sum(axis=0), _needed(board, grouping.codes, limits[1]))
    likeliest = tuple(
        board.units[np.argsort(-scores[:-1, group], kind="stable")[:n]] for group, n in enumerate(n_surcharged)
    )
    tails = tail_share(single, scores[:-1].max(initial=0.0)), tail_share(together, scores[-1].max(initial=0.0))
    detectable, unseen = _power(board, compared, unit, grouping, limits[1], statistics)
    n_scanned = np.unique(unit).size
    return Scan(
        n_scanned=n_scanned,
        judged=judged,
        n_surcharged=n_surcharged.astype(np.int64),
        likeliest=likeliest,
        mean_surcharge=_mean_surcharges(compared, unit, grouping, likeliest),
        p_value=min(1.0, 2 * min(tails)),
        n_customers=n_customers,
        n_compared=n_compared,
        detectable=detectable,
        at_most=np.minimum(np.nan_to_num(n_surcharged + unseen - 1, nan=n_scanned), n_scanned).astype(np.int64),
    )


def build_board(compared: Comparisons, unit: Ints, grouping: Grouping, judged: Bools) -> Board:
    """Lay out the rank scores of all products whose price differed between customers somewhere."""
    n_customers = grouping.codes.size
    ranked = np.flatnonzero(compared.rank)
    row, units = pd.factorize(unit[ranked])
    n_rows = units.size + 1
    places = np.r_[row, np.full(ranked.size, n_rows - 1)], np.tile(compared.customer[ranked], 2)
    scores = csr_matrix((np.tile(compared.rank[ranked], 2), places), shape=(n_rows, n_customers))
    strata = activity_strata(np.bincount(compared.customer, minlength=n_customers), N_STRATA)
    return Board(
        scores=scores,
        largest=np.abs(scores).max(axis=1).toarray().astype(np.float64),
        units=units.astype(np.int64),
        strata=strata,
        shares=group_shares(grouping.codes, strata, len(grouping.labels)),
        judged=judged,
    )


def _dealt_scores(board: Board, codes: Ints, statistics: StatisticsSettings) -> tuple[Floats, Floats]:
    """Score every deal: the largest over products and groups, and the largest over groups for all products together.

    There are two deals for each draw of other tests, since two questions share alpha.
    """
    variance, n_rows = board.variance, board.scores.shape[0]
    block = max(1, _BLOCK // max(n_rows, codes.size))
    single, together = [], []
    for dealt in deals(codes, board.strata, n_draws=2 * statistics.n_draws, n_block=block, seed=statistics.seed):
        largest = np.zeros((2, len(dealt)))
        for group in np.flatnonzero(board.judged):
            excess = board.scores @ ((dealt == group) - board.shares[:, group]).T  # (R, b)
            scores = bennett_score(excess, variance[:, group, None], board.largest)
            largest = np.maximum(largest, [scores[:-1].max(axis=0, initial=0.0), scores[-1]])
        single.append(largest[0])
        together.append(largest[1])
    return np.concatenate(single), np.concatenate(together)


def _needed(board: Board, codes: Ints, limit: float) -> Ints:
    """Count for each group the products to leave out, the clearest first, until the rest no longer leans its way."""
    excess = board.excess(codes)
    clearest = -np.sort(-np.maximum(excess[:-1], 0.0), axis=0)  # (R-1, G)
    left = excess[-1] - np.cumsum(np.vstack([np.zeros((1, excess.shape[1])), clearest]), axis=0)
    leans: Ints = (bennett_score(left, board.variance[-1], board.largest[-1]) > limit)[:-1].sum(axis=0)
    return leans


def _power(
    board: Board, compared: Comparisons, unit: Ints, grouping: Grouping, limit: float, statistics: StatisticsSettings
) -> tuple[Floats, Floats]:
    """Give the fewest products found with the policy's power, and with its confidence; (G,) each."""
    variance = board.variance[-1]
    level = statistics.alpha / 2 / max(int(board.judged.sum()), 1)  # two questions, and each group may alarm
    fewest = np.full((board.judged.size, 2), np.nan)
    for group in np.flatnonzero(board.judged):
        potential = potential_ranks(compared, unit, grouping, int(group))
        for place, power in enumerate((statistics.power, statistics.confidence)):
            fewest[group, place] = fewest_detectable(potential, float(variance[group]), limit, level=level, power=power)
    return fewest[:, 0], fewest[:, 1]


def _mean_surcharges(compared: Comparisons, unit: Ints, grouping: Grouping, units: Sequence[Ints]) -> Floats:
    means = np.full(len(units), np.nan)
    for group, found in enumerate(units):
        rows = (grouping.codes[compared.customer] == group) & np.isin(unit, found)
        if rows.any():
            means[group] = compared.excess[rows].sum() / compared.charged_others[rows].sum()
    return means


def _n_customers(compared: Comparisons, grouping: Grouping) -> Ints:
    can_be = np.unique(compared.customer)
    return np.bincount(grouping.codes[can_be], minlength=len(grouping.labels)).astype(np.int64)


def _n_compared(compared: Comparisons, grouping: Grouping) -> Ints:
    n_groups, n_cells = len(grouping.labels), int(compared.cell.max(initial=-1)) + 1
    group = grouping.codes[compared.customer]
    by_cell = np.bincount(compared.cell * n_groups + group, minlength=n_cells * n_groups).reshape(-1, n_groups)
    mixed = by_cell.max(axis=1, initial=0) < by_cell.sum(axis=1)
    counts: Ints = by_cell[mixed].sum(axis=0)
    return counts
