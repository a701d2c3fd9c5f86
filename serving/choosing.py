"""From what may be used to a finished list: filters, methods, blend, filling up, exploration."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from configs.placements import PlacementSettings
from configs.settings import RecommendSettings
from serving.blending import Bounds, Part, compose
from serving.champion import Champion
from serving.exploration import Explorer
from serving.filters import Allowed, allow
from serving.lists import Pick, fill_up
from serving.placements import Rung, Situation, ladder, narrowed, parts_of, rung_of, steps_down
from serving.ports import Mask
from serving.schemas_recommend import RecommendationsRequest
from serving.stock import Stock


@dataclass(frozen=True)
class Chosen:
    """A finished list and how it came about.

    Attributes:
        picks: Products, best first.
        rung: The most personal of what made it.
        methods: Those of the placement's blend that could be asked; none where only the best of what is known could.
        n_filled: Popular products at its end, because there were too few others.
        allowed: What filters left, and what each took.
        steps_down: Whether what the placement is for is missing.
        exploration: What the decision keeps of it; None where nothing was drawn.
    """

    picks: list[Pick]
    rung: Rung
    methods: tuple[str, ...]
    n_filled: int
    allowed: Allowed
    steps_down: bool
    exploration: dict[str, Any] | None


class Chooser:
    """Makes lists.

    Args:
        stock: What is in stock, where the lake knows.
        explorer: Puts products on a list by chance, where that is allowed.
        settings: Lengths, placements and texts.
    """

    def __init__(self, stock: Stock, explorer: Explorer, settings: RecommendSettings) -> None:
        self._stock = stock
        self._explorer = explorer
        self._settings = settings

    def choose(
        self,
        request: RecommendationsRequest,
        champion: Champion,
        rule: PlacementSettings,
        situation: Situation,
        subject_id: str | None,
        decision_id: str | None,
    ) -> Chosen:
        """Make one list.

        Args:
            request: What is asked.
            champion: The model.
            rule: Of the placement.
            situation: What is known.
            subject_id: Pseudonym of the person whose profile is used; None where none is.
            decision_id: What chance is drawn from; None on a dry run.

        Raises:
            FieldsInvalid: If a filter cannot be honoured.
        """
        k = self._length(request, rule)
        n = k + self._explorer.n_behind(request.placement, k, subject_id, dry_run=request.dry_run)
        n_products = len(champion.shelf)
        stock = self._stock.mask(champion, request.context.store_id) if request.filter.in_stock_only else None
        allowed = narrowed(allow(request.filter, champion.shelf, stock), rule, situation, n_products)
        parts, rung, methods = self._parts(champion, rule, situation, allowed.mask, explain=request.explain, n=n)
        ranked = compose(parts, Bounds.of(rule, champion.shelf), n)
        picks, behind = ranked[:k], ranked[k:]
        filled = fill_up(picks, champion.ranker, allowed=allowed.mask, k=k, n_products=n_products)
        account = _account(allowed, short=k - len(picks) - len(filled))
        shown, exploration = self._explorer.explore([*picks, *filled], behind, champion.shelf, decision_id or "")
        return Chosen(shown, rung, methods, len(filled), account, steps_down(rule, situation), exploration)

    def main_parameters(self, rule: PlacementSettings, situation: Situation, chosen: Chosen) -> tuple[str, ...]:
        """Say in plain words what decided the order; the placement's own word only where its methods were asked."""
        followed = bool(chosen.methods) and not chosen.steps_down
        own = (rule.main_parameter,) if followed and rule.main_parameter else ()
        if situation.row is None:
            return (*own, *self._settings.main_parameters_non_profiled)
        explored = () if chosen.exploration is None else (self._explorer.main_parameter,)
        return (*own, *self._settings.main_parameters, *explored)

    def _length(self, request: RecommendationsRequest, rule: PlacementSettings) -> int:
        if request.limit is not None:
            return request.limit
        default = self._settings.default_limit if rule.default_limit is None else rule.default_limit
        return min(default, self._settings.max_limit)

    def _parts(
        self,
        champion: Champion,
        rule: PlacementSettings,
        situation: Situation,
        mask: Mask | None,
        *,
        explain: bool,
        n: int,
    ) -> tuple[list[Part], Rung, tuple[str, ...]]:
        """Ask the placement's methods, or else the best of what is known; the former are named."""
        if mask is not None and not np.any(mask):
            return [], "popular", ()
        k = n * self._settings.placements.depth if rule.is_bounded else n
        parts = parts_of(champion.ranker, rule, situation, mask, explain=explain, k=k)
        if parts:
            return parts, rung_of(parts), tuple(part.name for part in parts)
        picks, rung = ladder(champion.ranker, situation, mask, explain=explain, k=k)
        return [Part(rung, 1.0, tuple(picks))], rung, ()


def _account(allowed: Allowed, *, short: int) -> Allowed:
    if short <= 0:
        return allowed
    return Allowed(allowed.mask, {**allowed.filtered_out, "no_more_products": short}, allowed.missing_ids)
