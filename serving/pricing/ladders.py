"""Ladders: within a brand and size family a larger pack costs no less in total and no more per unit than a smaller.

Both rules bound one price by a multiple of another: p_i <= p_j * u_ij. Such rules keep the least and the greatest
solution, so shrinking every price's range until nothing moves tells whether a family can be priced at all.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from configs.pricing_rules import LadderRule
from serving.pricing.assortment import Assortment, Flags, Floats, Positions
from serving.pricing.cases import Cases
from serving.pricing.guardrails import SLACK, Cents

MAX_ROUNDS: Final = 10_000


@dataclass(frozen=True, eq=False)
class Family:
    """M cases of one family at one place, in an order that does not depend on that of the asks.

    Attributes:
        at: (M,) positions among the cases.
        factors: (M, M) p_i may be at most p_j times this; infinity where nothing holds.
    """

    at: Positions
    factors: Floats

    def broken(self, cents: Cents) -> bool:
        """Tell whether prices break the ladder."""
        prices = cents[self.at].astype(np.float64)
        return bool((prices[:, None] > prices[None, :] * self.factors + SLACK).any())

    def resolve(self, choices: list[Cents], wishes: Cents) -> Cents | None:
        """Find prices that keep the ladder, each as near to its wish as those before it in the order allow.

        Args:
            choices: M arrays of the prices that each may take, ascending cents.
            wishes: (M,) what each would take by itself.

        Returns:
            (M,) cents, or None where no choice of prices keeps the ladder.
        """
        reduced = self._shrunk(choices)
        if reduced is None:
            return None
        for member, wish in enumerate(wishes.tolist()):
            open_prices = reduced[member]
            for price in open_prices[np.lexsort((open_prices, np.abs(open_prices - wish)))].tolist():
                tried = [*reduced]
                tried[member] = np.array([price], dtype=np.int64)
                settled = self._shrunk(tried)
                if settled is not None:
                    reduced = settled
                    break
            else:
                return None
        return np.array([prices[0] for prices in reduced], dtype=np.int64)

    def _shrunk(self, choices: list[Cents]) -> list[Cents] | None:
        for _ in range(MAX_ROUNDS):
            if not all(len(prices) for prices in choices):
                return None
            lows = np.array([prices[0] for prices in choices], dtype=np.float64)
            highs = np.array([prices[-1] for prices in choices], dtype=np.float64)
            least = (lows[:, None] / self.factors).max(axis=0) - SLACK  # p_j >= p_i / u_ij
            most = (highs[None, :] * self.factors).min(axis=1) + SLACK
            kept = [prices[(prices >= a) & (prices <= b)] for prices, a, b in zip(choices, least, most, strict=True)]
            if all(len(new) == len(old) for new, old in zip(kept, choices, strict=True)):
                return kept
            choices = kept
        return None


def families_of(cases: Cases, assortment: Assortment, rule: LadderRule) -> list[Family]:
    """Group the cases that must be priced together: two packs or more of one family at one place."""
    codes, _, _ = assortment.family_members
    code = codes[cases.product_idx]
    sizes = assortment.pack_size[cases.product_idx]
    order = np.lexsort((cases.price, cases.product_idx, sizes, cases.store_idx, code))
    order = order[code[order] >= 0]
    changes = (np.diff(code[order]) != 0) | (np.diff(cases.store_idx[order]) != 0)
    groups = np.split(order, np.flatnonzero(changes) + 1)
    several = [group for group in groups if len(group) > 1 and sizes[group[0]] < sizes[group[-1]]]
    return [Family(group, _factors(sizes[group], cases.price[group], rule)) for group in several]


def bounds_by_others(cases: Cases, assortment: Assortment, rule: LadderRule, *, open_: Flags) -> tuple[Floats, Floats]:
    """Bound each case by the current prices of its family's other packs, those that nobody asked for.

    Args:
        cases: B cases.
        assortment: Where the rest of the family stands.
        rule: Tolerance, and what to do about ladders that are broken today.
        open_: (B,) whether the case is still to be priced; the others keep their current price.

    Returns:
        (B,) lowest and (B,) highest price, cents; infinite where no pack of another size bounds it.
    """
    lower, upper = np.full(len(cases), -np.inf), np.full(len(cases), np.inf)
    codes, starts, members = assortment.family_members
    code = codes[cases.product_idx]
    n_members = (
        np.where(code >= 0, starts[code + 1] - starts[code], 0) if len(starts) > 1 else np.zeros(len(cases), int)
    )
    case = np.repeat(np.arange(len(cases)), n_members)
    nth = np.arange(len(case)) - np.repeat(np.cumsum(n_members) - n_members, n_members)
    other = members[starts[code[case]] + nth] if len(case) else np.zeros(0, dtype=np.int64)
    asked = np.isin(_key(assortment, other, cases.store_idx[case]), _keys(cases, assortment)[open_])
    own, theirs = assortment.pack_size[cases.product_idx[case]], assortment.pack_size[other]
    kept = ~asked & (other != cases.product_idx[case]) & (own != theirs)
    case, own, theirs = case[kept], own[kept], theirs[kept]
    price = assortment.current_price[other[kept]] * 100
    slack = 1 + rule.tolerance_share
    np.minimum.at(upper, case, price * np.maximum(own / theirs, 1.0) * slack)
    np.maximum.at(lower, case, price * np.minimum(own / theirs, 1.0) / slack)
    if rule.existing_breaks == "no_worse":
        lower, upper = np.minimum(lower, cases.price * 100), np.maximum(upper, cases.price * 100)
    return lower, upper


def _factors(sizes: Floats, prices: Floats, rule: LadderRule) -> Floats:
    ratio = sizes[:, None] / sizes[None, :]
    factors = np.where(ratio == 1, np.inf, np.maximum(ratio, 1.0) * (1 + rule.tolerance_share))
    if rule.existing_breaks == "no_worse":
        factors = np.maximum(factors, prices[:, None] / prices[None, :])
    return factors


def _key(assortment: Assortment, product_idx: Positions, store_idx: Positions) -> Positions:
    return product_idx * (len(assortment.store_ids) + 1) + store_idx + 1


def _keys(cases: Cases, assortment: Assortment) -> Positions:
    return _key(assortment, cases.product_idx, cases.store_idx)
