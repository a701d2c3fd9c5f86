"""Ranked products as the items of an answer."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from serving.ports import Mask, Ranked, Ranker
from serving.reasons import reason, reason_of_cause
from serving.shelf import Shelf

ALWAYS: Final = 1.0  # what nothing is drawn for, it always shows


@dataclass(frozen=True)
class Pick:
    """One product chosen for a list; `propensity` is the probability that it stood in this place of it.

    `cause` is the code of what it owes its place to, where the model tells; else the source says why.
    """

    position: int
    score: float
    source: str
    because: int
    propensity: float = ALWAYS
    cause: str | None = None


def picks_of(ranked: Ranked) -> list[Pick]:
    """Read a ranking product by product, best first."""
    causes = ranked.causes or (None,) * len(ranked.sources)
    numbers = zip(ranked.product_idx.tolist(), ranked.scores.tolist(), ranked.because_idx.tolist(), strict=True)
    return [
        Pick(position, score, source, because, cause=cause)
        for (position, score, because), source, cause in zip(numbers, ranked.sources, causes, strict=True)
    ]


def fill_up(picks: list[Pick], ranker: Ranker, *, allowed: Mask | None, k: int, n_products: int) -> list[Pick]:
    """Lengthen a short list with popular products that are allowed and not on it yet.

    Returns:
        The products to add; fewer than missing only when no more are allowed.
    """
    missing = k - len(picks)
    if missing <= 0:
        return []
    rest = np.ones(n_products, dtype=np.bool_) if allowed is None else allowed.copy()
    rest[[pick.position for pick in picks]] = False
    return picks_of(ranker.rank_popular(allowed=rest, k=missing)) if rest.any() else []


def items_of(
    picks: list[Pick],
    shelf: Shelf,
    *,
    explain: bool,
    basket: AbstractSet[int],
    profiled: bool,
    looked_at: int | None = None,
) -> list[dict[str, Any]]:
    """Write the items of an answer.

    Args:
        picks: Products, best first.
        shelf: Ids and names.
        explain: Whether to give reasons.
        basket: Positions of the products in the request's basket.
        profiled: Whether a profile was used, so that a reason may speak of the customer's past.
        looked_at: Position of the product looked at.
    """
    items = []
    for rank, pick in enumerate(picks, start=1):
        reasons = []
        if explain:
            where = _where(pick.because, basket, looked_at, profiled=profiled)
            reasons = [_reason(pick, shelf, where)]
        items.append(
            {
                "product_id": shelf.product_ids[pick.position],
                "rank": rank,
                "score": round(pick.score, 6),
                "source": pick.source,
                "reasons": reasons,
                "propensity": pick.propensity,
                "sponsored": False,
            }
        )
    return items


def _where(because: int, basket: AbstractSet[int], looked_at: int | None, *, profiled: bool) -> str:
    """Say how the reader knows the product that explains another."""
    if because in basket:
        return ", in your basket"
    if because == looked_at:
        return ", which you look at"
    return ", which you know" if profiled else ""


def _reason(pick: Pick, shelf: Shelf, where: str) -> dict[str, Any]:
    if pick.cause is None:
        return reason(pick.source, pick.position, pick.because, shelf=shelf, where=where)
    return reason_of_cause(pick.cause, pick.position, pick.because, shelf=shelf)


def recorded(items: list[dict[str, Any]], shown_as: str) -> list[dict[str, Any]]:
    """Keep of each item what a decision records."""
    kept = ("product_id", "rank", "source", "score", "propensity")
    return [{"list": shown_as, **{key: item[key] for key in kept}} for item in items]


def rfc3339(moment: datetime) -> str:
    """Write an aware time as the contract does.

    >>> rfc3339(datetime(2025, 3, 1, 12, 0, tzinfo=UTC))
    '2025-03-01T12:00:00.000Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
