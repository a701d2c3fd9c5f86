"""Recommendations: consent, features, ranking, filters, reasons, and the record of it all."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np

from configs.settings import RecommendSettings
from privacy.consent import PERSONALIZATION
from serving.champion import Champion
from serving.decisions import Decision, DecisionLog, new_decision_id
from serving.exploration import Explorer
from serving.filters import Allowed, allow
from serving.lists import Pick, fill_up, items_of, picks_of, recorded, rfc3339
from serving.log import failed
from serving.metrics import FEATURES_UNAVAILABLE, recommended
from serving.ports import ConsentReader, CustomerFeatures, Positions, Pseudonyms
from serving.schemas_recommend import RecommendationsRequest
from serving.stock import Stock

NOVEL_PLACEMENTS: Final = frozenset({"discover"})  # placements that ask for products new to the customer

Rung = Literal["profile", "basket", "popular"]


@dataclass(frozen=True)
class Profile:
    """What may be used of a person: the online features, or the reason why there are none."""

    row: Mapping[str, Any] | None
    reason: str | None
    subject: Literal["customer", "visitor", "nobody"]
    subject_id: str | None = None
    consent_version: str | None = None

    def shown(self) -> dict[str, Any]:
        """Give the `personalization` block of the answer."""
        return {
            "applied": self.row is not None,
            "reason": self.reason,
            "consent_version": self.consent_version,
            "non_profiled_available": True,
        }


@dataclass(frozen=True)
class Chosen:
    """A finished list and how it came about."""

    picks: list[Pick]
    rung: Rung
    n_filled: int
    allowed: Allowed
    exploration: dict[str, Any] | None


class Recommender:
    """The use case behind `POST /v1/recommendations`.

    Args:
        consent: Consent on file; it decides, a request can only narrow it.
        features: Online features, read only for those who consented.
        pseudonyms: The door at which the shop's ids become pseudonyms.
        stock: What is in stock, where the lake knows.
        decisions: Where each answer is recorded.
        settings: Lengths and texts.
        now: The wall clock.
    """

    def __init__(
        self,
        *,
        consent: ConsentReader,
        features: CustomerFeatures,
        pseudonyms: Pseudonyms,
        stock: Stock,
        decisions: DecisionLog,
        settings: RecommendSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._consent = consent
        self._features = features
        self._pseudonyms = pseudonyms
        self._stock = stock
        self._decisions = decisions
        self._settings = settings
        self._now = now
        self._explorer = Explorer(settings.exploration, consent, now)

    def recommend(self, request: RecommendationsRequest, champion: Champion) -> dict[str, Any]:
        """Answer one request.

        Nobody known, no consent and a store that is down are answers with a reason, never errors.

        Returns:
            The fields of `RecommendationsAnswer`.

        Raises:
            FieldsInvalid: If a filter cannot be honoured.
        """
        started = time.perf_counter()
        profile = self._profile(request)
        basket, missing = champion.shelf.positions(request.context.basket)
        decision_id = None if request.dry_run else new_decision_id()
        chosen = self._choose(request, champion, profile, basket, decision_id)
        profiled = profile.row is not None
        items = items_of(
            chosen.picks, champion.shelf, explain=request.explain, basket=set(basket.tolist()), profiled=profiled
        )
        texts = self._main_parameters(profile, chosen)
        recommended(chosen.rung, profile.reason or "").inc()
        answer = {
            "decision_id": decision_id,
            "generated_at": rfc3339(self._now()),
            "took_ms": 0.0,
            "model": champion.card,
            "personalization": profile.shown(),
            "main_parameters": texts,
            "items": items,
            "fallback_used": _fell_back(request, profile, chosen),
            "filtered_out": chosen.allowed.filtered_out,
            "filters_not_applied": [] if profiled or not request.filter.exclude_purchased else ["exclude_purchased"],
            "missing_ids": [*missing, *chosen.allowed.missing_ids],
        }
        if not request.dry_run:
            self._decisions.record(_decision(request, champion, profile, answer, chosen.exploration))
        answer["took_ms"] = round((time.perf_counter() - started) * 1000, 3)
        return answer

    def _profile(self, request: RecommendationsRequest) -> Profile:
        if request.mode == "non_profiled":
            return Profile(None, "non_profiled_mode", _subject(request))
        subject_id = self._subject_id(request)
        if subject_id is None:
            return Profile(None, "unknown_customer", "nobody")
        if request.consent.personalization is False:
            return Profile(None, "opted_out", _subject(request))
        try:
            return self._consented(subject_id, _subject(request))
        except Exception as failure:
            failed("no features for this answer", failure)
            FEATURES_UNAVAILABLE.inc()
            return Profile(None, "features_unavailable", _subject(request))

    def _consented(self, subject_id: str, subject: Literal["customer", "visitor", "nobody"]) -> Profile:
        state = self._consent.in_force(subject_id, PERSONALIZATION, self._now())
        if not state.granted and state.on_file:
            return Profile(None, "opted_out", subject, consent_version=state.version)
        row = self._features.online_customer(subject_id)
        if not state.granted:  # never asked: of the row, only whether there is one is used, to tell which of the two
            return Profile(None, "unknown_customer" if row is None else "no_consent", subject)
        if row is None:
            return Profile(None, "unknown_customer", subject, consent_version=state.version)
        return Profile(row, None, subject, subject_id, state.version)

    def _subject_id(self, request: RecommendationsRequest) -> str | None:
        if request.customer_id is not None:
            return self._pseudonyms.pseudonym(request.customer_id)
        if request.visitor_id is not None:
            return self._pseudonyms.visitor(request.visitor_id)
        return None

    def _choose(
        self,
        request: RecommendationsRequest,
        champion: Champion,
        profile: Profile,
        basket: Positions,
        decision_id: str | None,
    ) -> Chosen:
        k = self._settings.default_limit if request.limit is None else request.limit
        n_behind = self._explorer.n_behind(request.placement, k, profile.subject_id, dry_run=request.dry_run)
        n_products = len(champion.shelf)
        stock = self._stock.mask(champion, request.context.store_id) if request.filter.in_stock_only else None
        allowed = allow(request.filter, champion.shelf, stock).without("basket", basket, n_products)
        novel = request.filter.exclude_purchased or request.placement in NOVEL_PLACEMENTS
        if profile.row is not None and novel:
            bought, _ = champion.shelf.positions(profile.row["product_ids"] or ())
            allowed = allowed.without("exclude_purchased", bought, n_products)
        ranked, rung = _rank(champion, profile.row, basket, allowed, novel=novel, k=k + n_behind)
        picks, behind = ranked[:k], ranked[k:]
        filled = fill_up(picks, champion.ranker, allowed=allowed.mask, k=k, n_products=n_products)
        account = _account(allowed, short=k - len(picks) - len(filled))
        shown, exploration = self._explorer.explore([*picks, *filled], behind, champion.shelf, decision_id or "")
        return Chosen(shown, rung, len(filled), account, exploration)

    def _main_parameters(self, profile: Profile, chosen: Chosen) -> tuple[str, ...]:
        if profile.row is None:
            return self._settings.main_parameters_non_profiled
        explored = () if chosen.exploration is None else (self._explorer.main_parameter,)
        return (*self._settings.main_parameters, *explored)


def _rank(
    champion: Champion, row: Mapping[str, Any] | None, basket: Positions, allowed: Allowed, *, novel: bool, k: int
) -> tuple[list[Pick], Rung]:
    ranker, mask = champion.ranker, allowed.mask
    if mask is not None and not np.any(mask):
        return [], "popular"
    if row is not None:
        task: Literal["all", "novel"] = "novel" if novel else "all"
        return picks_of(ranker.rank(row, basket_idx=basket, allowed=mask, task=task, k=k)), "profile"
    if len(basket):
        return picks_of(ranker.rank_basket(basket, allowed=mask, k=k)), "basket"
    return picks_of(ranker.rank_popular(allowed=mask, k=k)), "popular"


def _account(allowed: Allowed, *, short: int) -> Allowed:
    if short <= 0:
        return allowed
    return Allowed(allowed.mask, {**allowed.filtered_out, "no_more_products": short}, allowed.missing_ids)


def _fell_back(request: RecommendationsRequest, profile: Profile, chosen: Chosen) -> bool:
    wanted_profile = request.mode == "personalized" and profile.subject != "nobody"
    wanted_basket = len(request.context.basket) > 0  # all of it may be unknown
    missed = (wanted_profile and profile.row is None) or (wanted_basket and chosen.rung == "popular")
    return missed or (chosen.n_filled > 0 and chosen.rung != "popular")


def _subject(request: RecommendationsRequest) -> Literal["customer", "visitor", "nobody"]:
    if request.customer_id is not None:
        return "customer"
    return "nobody" if request.visitor_id is None else "visitor"


def _decision(
    request: RecommendationsRequest,
    champion: Champion,
    profile: Profile,
    answer: Mapping[str, Any],
    exploration: Mapping[str, Any] | None,
) -> Decision:
    asked = request.model_dump(
        mode="json", include={"limit", "context", "filter", "mode", "placement", "consent"}, exclude_defaults=True
    )
    facts = {
        "kind": "recommendations",
        "subject": profile.subject,
        "model": champion.card,
        "bundle_digest": champion.digest,
        "personalization": answer["personalization"],
        "request": asked,
        "filtered_out": answer["filtered_out"],
        "fallback_used": answer["fallback_used"],
        "guardrails": _guardrails(champion, answer),
        "exploration": exploration,
        "items": recorded(answer["items"], "items"),
    }
    return Decision(str(answer["decision_id"]), str(answer["generated_at"]), profile.subject_id, facts)


def _guardrails(champion: Champion, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say that the list was re-ranked to give suppliers room, where it was: the same weights for everybody."""
    strength = champion.ranker.exposure_strength
    if strength <= 0 or not answer["items"]:
        return []
    return [{"code": "SUPPLIER_EXPOSURE", "kind": "soft", "strength": strength}]
