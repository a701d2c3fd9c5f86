"""Similar products, and products bought together: no personal data at all."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np

from configs.settings import RecommendSettings
from serving.champion import Champion
from serving.decisions import Decision, DecisionLog, new_decision_id
from serving.errors import ProductUnknown
from serving.filters import Allowed, allow
from serving.lists import items_of, picks_of, recorded, rfc3339
from serving.ports import Ranked
from serving.schemas_recommend import SimilarProductsRequest
from serving.stock import Stock


class SimilarProducts:
    """The use case behind `POST /v1/similar-products`.

    Args:
        stock: What is in stock, where the lake knows.
        decisions: Where each answer is recorded.
        settings: Default length.
        now: The wall clock.
    """

    def __init__(
        self, *, stock: Stock, decisions: DecisionLog, settings: RecommendSettings, now: Callable[[], datetime]
    ) -> None:
        self._stock = stock
        self._decisions = decisions
        self._settings = settings
        self._now = now

    def find(self, request: SimilarProductsRequest, champion: Champion) -> dict[str, Any]:
        """Answer one request.

        Returns:
            The fields of `SimilarProductsAnswer`.

        Raises:
            ProductUnknown: If the model does not know the product.
            FieldsInvalid: If a filter cannot be honoured.
        """
        started = time.perf_counter()
        position = champion.shelf.index.get(request.product_id)
        if position is None:
            raise ProductUnknown(
                product_id=request.product_id, n_products=len(champion.shelf), version=champion.version
            )
        stock = self._stock.mask(champion, None) if request.filter.in_stock_only else None
        itself = np.asarray([position], dtype=np.int64)
        allowed = allow(request.filter, champion.shelf, stock).without("product_id", itself, len(champion.shelf))
        ranker, wanted = champion.ranker, request.kind
        similar = self._list(ranker.similar, position, champion, allowed, request) if wanted != "together" else []
        together = self._list(ranker.together, position, champion, allowed, request) if wanted != "similar" else []
        answer = {
            "decision_id": None if request.dry_run else new_decision_id(),
            "generated_at": rfc3339(self._now()),
            "took_ms": 0.0,
            "model": champion.card,
            "product_id": request.product_id,
            "similar": similar,
            "together": together,
            "filtered_out": allowed.filtered_out,
            "missing_ids": list(allowed.missing_ids),
        }
        if not request.dry_run:
            self._decisions.record(_decision(request, champion, answer))
        answer["took_ms"] = round((time.perf_counter() - started) * 1000, 3)
        return answer

    def _list(
        self,
        rank: Callable[..., Ranked],
        position: int,
        champion: Champion,
        allowed: Allowed,
        request: SimilarProductsRequest,
    ) -> list[dict[str, Any]]:
        if allowed.mask is not None and not np.any(allowed.mask):
            return []
        k = self._settings.default_limit if request.limit is None else request.limit
        picks = picks_of(rank(position, allowed=allowed.mask, k=k))
        return items_of(picks, champion.shelf, explain=request.explain, basket=frozenset(), profiled=False)


def _decision(request: SimilarProductsRequest, champion: Champion, answer: dict[str, Any]) -> Decision:
    facts = {
        "kind": "similar_products",
        "subject": "product",
        "model": champion.card,
        "bundle_digest": champion.digest,
        "personalization": None,
        "request": request.model_dump(mode="json", exclude_defaults=True),
        "filtered_out": answer["filtered_out"],
        "fallback_used": False,
        "guardrails": [],
        "items": [*recorded(answer["similar"], "similar"), *recorded(answer["together"], "together")],
    }
    return Decision(str(answer["decision_id"]), str(answer["generated_at"]), None, facts)
