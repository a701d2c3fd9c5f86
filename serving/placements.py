"""What a list is made of where it will stand: which methods fill it, and what they may show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from configs.placements import PlacementSettings
from serving.blending import Part
from serving.filters import Allowed
from serving.lists import Pick, picks_of
from serving.ports import Mask, Positions, Ranker
from serving.schemas_recommend import RecommendationsRequest
from serving.shelf import Shelf

NOVEL_PLACEMENTS: Final = frozenset({"discover"})  # placements that ask for products new to the customer alone
HOME: Final = "home"
AUDITED_PLACEMENTS: Final = frozenset({HOME, "discover"})  # they show what the model's audit judged
BASKET_PLACES: Final = frozenset({"basket"})
PRODUCT_PLACES: Final = frozenset({"similar", "together"})

Rung = Literal["profile", "product", "basket", "popular"]

_NOTHING: Final = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Situation:
    """What is known when a list is made.

    Args:
        row: Online features of the person; None where no profile may be used.
        basket: Positions of the products in the basket.
        product: Position of the product looked at; None where the placement reads none.
        novel: Whether only products new to the person are wanted.
        bought: Positions of the products that the profile holds, where it matters.
        bought_lately: Those of them that the placement leaves out.
    """

    row: Mapping[str, Any] | None
    basket: Positions
    product: int | None
    novel: bool
    bought: Positions
    bought_lately: Positions

    @classmethod
    def of(
        cls,
        row: Mapping[str, Any] | None,
        basket: Positions,
        request: RecommendationsRequest,
        rule: PlacementSettings,
        shelf: Shelf,
    ) -> "Situation":
        """Look up in the catalogue what a request and a profile name."""
        reads_product = not PRODUCT_PLACES.isdisjoint(rule.blend.shares)
        product = shelf.index.get(request.context.product_id or "") if reads_product else None
        novel = request.filter.exclude_purchased or rule.bought == "never"
        if row is None:
            return cls(None, basket, product, novel, _NOTHING, _NOTHING)
        matters = novel or rule.bought == "only"
        bought, _ = shelf.positions(row["product_ids"] or () if matters else ())
        return cls(row, basket, product, novel, bought, shelf.positions(_lately(row, rule.skip_bought_days))[0])


def narrowed(allowed: Allowed, rule: PlacementSettings, situation: Situation, n_products: int) -> Allowed:
    """Apply a placement's filters on top of the request's.

    Args:
        allowed: What the request lets through.
        rule: The placement's.
        situation: What is known.
        n_products: Length of the catalogue.

    Returns:
        The same with each filter counted by name. Without a profile the filters that need one change nothing.
    """
    allowed = allowed.without("basket", situation.basket, n_products)
    if situation.product is not None:
        allowed = allowed.without("product_id", np.asarray([situation.product], dtype=np.int64), n_products)
    if situation.novel:
        allowed = allowed.without("exclude_purchased", situation.bought, n_products)
    if rule.bought == "only" and len(situation.bought):
        never = np.ones(n_products, dtype=np.bool_)
        never[situation.bought] = False
        allowed = allowed.without("never_purchased", np.flatnonzero(never), n_products)
    return allowed.without("purchased_lately", situation.bought_lately, n_products)


def not_applied(rule: PlacementSettings, situation: Situation) -> list[str]:
    """Name the filters that need a profile, where none is used."""
    if situation.row is not None:
        return []
    wanted = {
        "exclude_purchased": situation.novel,
        "never_purchased": rule.bought == "only",
        "purchased_lately": rule.skip_bought_days > 0,
    }
    return [name for name, applies in wanted.items() if applies]


def steps_down(rule: PlacementSettings, situation: Situation) -> bool:
    """Tell whether what the placement is for is missing: a basket, a product, or anything bought to buy again."""
    shares = rule.blend.shares
    no_basket = not BASKET_PLACES.isdisjoint(shares) and not len(situation.basket)
    no_product = not PRODUCT_PLACES.isdisjoint(shares) and situation.product is None
    return no_basket or no_product or (rule.bought == "only" and not len(situation.bought))


def parts_of(
    ranker: Ranker,
    rule: PlacementSettings,
    situation: Situation,
    mask: Mask | None,
    *,
    explain: bool,
    k: int,
) -> list[Part]:
    """Ask every method of a blend that has something to go by.

    Args:
        ranker: The loaded model.
        rule: The placement's blend.
        situation: What is known.
        mask: (N,) products allowed; None allows all.
        explain: Whether to name causes.
        k: Products to ask each for.

    Returns:
        In the blend's order; empty where none of the methods can be asked.
    """
    shares = dict(rule.blend.shares)
    if situation.novel and "profile" in shares:
        shares["novel"] = shares.get("novel", 0.0) + shares.pop("profile")
    lists = ((name, share, _asked(name, ranker, situation, mask, explain, k)) for name, share in shares.items())
    return [Part(name, share, tuple(picks)) for name, share, picks in lists if picks is not None]


def _asked(
    name: str, ranker: Ranker, situation: Situation, mask: Mask | None, explain: bool, k: int
) -> list[Pick] | None:
    if name in ("profile", "novel"):
        if situation.row is None:
            return None
        task: Literal["all", "novel"] = "novel" if name == "novel" else "all"
        basket = situation.basket
        ranked = ranker.rank(situation.row, basket_idx=basket, allowed=mask, task=task, k=k, explain=explain)
        return picks_of(ranked)
    if name == "basket":
        basket = situation.basket
        return picks_of(ranker.rank_basket(basket, allowed=mask, k=k)) if len(basket) else None
    if situation.product is None:
        return None
    method = ranker.similar if name == "similar" else ranker.together
    return picks_of(method(situation.product, allowed=mask, k=k))


def ladder(
    ranker: Ranker, situation: Situation, mask: Mask | None, *, explain: bool, k: int
) -> tuple[list[Pick], Rung]:
    """Rank by the best of what is known, where a placement's own methods have nothing to go by."""
    if situation.row is not None:
        picks = _asked("novel" if situation.novel else "profile", ranker, situation, mask, explain, k)
        return picks or [], "profile"
    if len(situation.basket):
        return picks_of(ranker.rank_basket(situation.basket, allowed=mask, k=k)), "basket"
    return picks_of(ranker.rank_popular(allowed=mask, k=k)), "popular"


def rung_of(parts: Sequence[Part]) -> Rung:
    """Name the most personal of the methods that made a list."""
    names = {part.name for part in parts}
    if names & {"profile", "novel"}:
        return "profile"
    return "product" if names & PRODUCT_PLACES else "basket"


def _lately(row: Mapping[str, Any], days: int) -> list[str]:
    if days == 0:
        return []
    since = zip(row["product_ids"] or (), row.get("days_since_last") or (), strict=False)
    return [product_id for product_id, ago in since if ago < days]
