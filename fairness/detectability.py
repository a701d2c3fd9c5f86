"""How small a surcharge the scan would have found: a pass is evidence only where something could have been seen."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from fairness.groups import Grouping
from fairness.price_metrics import Comparisons, Floats, Ints, cell_codes
from fairness.relabelling import bennett_score


@dataclass(frozen=True, eq=False)
class Potential:
    """Rank sums as they would be if every price of one group were higher than those of all others.

    Attributes:
        by_unit: (U,) the group's rank sum in each product.
        by_customer: (C,) each customer's rank sum over all products.
        squares: (C,) sum over products of the customer's squared rank sum.
        chance: Share of the group among the customers who can be compared.
    """

    by_unit: Floats
    by_customer: Floats
    squares: Floats
    chance: float


def potential_ranks(compared: Comparisons, unit: Ints, grouping: Grouping, group: int) -> Potential:
    """Rank the customers as if one group paid more than everybody else, everywhere.

    Args:
        compared: Who can be compared with whom.
        unit: (M,) product or category code of each row.
        grouping: Who belongs where.
        group: Place of the group that pays more.
    """
    member = grouping.codes[compared.customer] == group
    n_cells, n_customers = int(compared.cell.max(initial=-1)) + 1, grouping.codes.size
    n_rows = np.bincount(compared.cell, minlength=n_cells)[compared.cell]
    n_members = np.bincount(compared.cell, member, n_cells)[compared.cell]
    rank = (member * n_rows - n_members) / np.maximum(n_rows - 1, 1)
    pair = cell_codes(unit, compared.customer)
    owner = np.zeros(int(pair.max(initial=-1)) + 1, np.int64)
    owner[pair] = compared.customer
    units = cell_codes(unit)
    comparable = np.unique(compared.customer)
    return Potential(
        by_unit=np.bincount(units[member], rank[member], int(units.max(initial=-1)) + 1).astype(np.float64),
        by_customer=np.bincount(compared.customer, rank, n_customers).astype(np.float64),
        squares=np.bincount(owner, np.bincount(pair, rank, owner.size) ** 2, n_customers).astype(np.float64),
        chance=float((grouping.codes[comparable] == group).mean()) if comparable.size else 0.0,
    )


def fewest_detectable(potential: Potential, variance: float, limit: float, *, level: float, power: float) -> float:
    """Reckon on how many products a group must be surcharged for the scan to find it.

    The score of all products together is used: products that stand out by themselves are found earlier. The products
    are taken to be any; the size of the surcharge does not matter, as long as it is larger than the smallest coin. A
    surcharge adds to the variance that it has to stand out from, and so moves the limit: where prices hardly ever
    differ, the limit as it is would promise too much.

    Args:
        potential: Rank sums if all products were surcharged.
        variance: Of the group's rank sum as the prices are.
        limit: Score above which the scan speaks of a surcharge, as the prices are.
        level: Chance of a false alarm for one group.
        power: Chance of finding it.

    Returns:
        Number of products, 1 or more; NaN where a surcharge on all of them would be missed.

    Source: Bennett (1962), the score; its mean and variance when products are drawn at random.
    """
    n_units, normal = potential.by_unit.size, NormalDist()
    share = np.arange(1, n_units + 1) / max(n_units, 1)
    mean = potential.by_unit.sum() * share
    spread = np.sqrt(share * (1 - share) * (potential.by_unit**2).sum())
    added = share**2 * (potential.by_customer**2).sum() + share * (1 - share) * potential.squares.sum()
    largest = np.maximum(1.0, share * np.abs(potential.by_customer).max(initial=0.0))
    varies = variance + potential.chance * (1 - potential.chance) * added
    moved = bennett_score(normal.inv_cdf(1 - level) * np.sqrt(varies), varies, largest)
    found = bennett_score(mean - normal.inv_cdf(power) * spread, varies, largest) > np.maximum(limit, moved)
    return float(np.argmax(found) + 1) if found.any() else float("nan")
