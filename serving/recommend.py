"""Recommendations: consent, features, ranking, filters, reasons, and the record of it all."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from configs.placements import PlacementSettings
from configs.settings import RecommendSettings
from privacy.consent import PERSONALIZATION
from serving.arms import RunningExperiments
from serving.champion import Champion
from serving.choosing import Chooser, Chosen
from serving.decisions import Decision, DecisionLog, new_decision_id
from serving.exploration import Explorer
from serving.lists import items_of, recorded, rfc3339
from serving.log import failed
from serving.metrics import FEATURES_UNAVAILABLE, recommended
from serving.placements import Situation, not_applied
from serving.ports import ConsentReader, CustomerFeatures, Pseudonyms
from serving.schemas_recommend import RecommendationsRequest
from serving.stock import Stock


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


class Recommender:
    """The use case behind `POST /v1/recommendations`.

    Args:
        consent: Consent on file; it decides, a request can only narrow it.
        features: Online features, read only for those who consented.
        pseudonyms: The door at which the shop's ids become pseudonyms.
        stock: What is in stock, where the lake knows.
        decisions: Where each answer is recorded.
        settings: Lengths, placements and texts.
        experiments: Those that run, so that a decision can name a person's arms.
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
        experiments: RunningExperiments,
        now: Callable[[], datetime],
    ) -> None:
        self._consent = consent
        self._features = features
        self._pseudonyms = pseudonyms
        self._decisions = decisions
        self._settings = settings
        self._experiments = experiments
        self._now = now
        self._chooser = Chooser(stock, Explorer(settings.exploration, consent, now), settings)

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
        placement, rule = self._settings.placements.of(request.placement)
        basket, missing = champion.shelf.positions(request.context.basket)
        situation = Situation.of(profile.row, basket, request, rule, champion.shelf)
        decision_id = None if request.dry_run else new_decision_id()
        chosen = self._chooser.choose(request, champion, rule, situation, profile.subject_id, decision_id)
        recommended(chosen.rung, profile.reason or "").inc()
        answer = {
            "decision_id": decision_id,
            "generated_at": rfc3339(self._now()),
            "took_ms": 0.0,
            "model": champion.card,
            "personalization": profile.shown(),
            "main_parameters": self._chooser.main_parameters(rule, situation, chosen),
            "items": _items(request, champion, situation, chosen),
            "fallback_used": _fell_back(request, profile, chosen),
            "filtered_out": chosen.allowed.filtered_out,
            "filters_not_applied": not_applied(rule, situation),
            "missing_ids": [*missing, *_unknown_product(request, champion), *chosen.allowed.missing_ids],
        }
        if not request.dry_run:
            facts = {
                "placement": _placement(placement, rule, chosen),
                "exploration": chosen.exploration,
                "experiments": self._experiments.arms(profile.subject_id),
                "guardrails": _guardrails(champion, chosen),
            }
            self._decisions.record(_decision(request, champion, profile, answer, facts))
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


def _items(
    request: RecommendationsRequest, champion: Champion, situation: Situation, chosen: Chosen
) -> list[dict[str, Any]]:
    return items_of(
        chosen.picks,
        champion.shelf,
        explain=request.explain,
        basket=set(situation.basket.tolist()),
        profiled=situation.row is not None,
        looked_at=situation.product,
    )


def _unknown_product(request: RecommendationsRequest, champion: Champion) -> list[str]:
    product_id = request.context.product_id
    return [] if product_id is None or product_id in champion.shelf.index else [product_id]


def _fell_back(request: RecommendationsRequest, profile: Profile, chosen: Chosen) -> bool:
    wanted_profile = request.mode == "personalized" and profile.subject != "nobody"
    wanted_basket = len(request.context.basket) > 0  # all of it may be unknown
    missed = (wanted_profile and profile.row is None) or (wanted_basket and chosen.rung == "popular")
    return missed or chosen.steps_down or (chosen.n_filled > 0 and chosen.rung != "popular")


def _subject(request: RecommendationsRequest) -> Literal["customer", "visitor", "nobody"]:
    if request.customer_id is not None:
        return "customer"
    return "nobody" if request.visitor_id is None else "visitor"


def _decision(
    request: RecommendationsRequest,
    champion: Champion,
    profile: Profile,
    answer: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> Decision:
    asked = request.model_dump(
        mode="json", include={"limit", "context", "filter", "mode", "placement", "consent"}, exclude_defaults=True
    )
    kept = {
        "kind": "recommendations",
        "subject": profile.subject,
        "model": champion.card,
        "bundle_digest": champion.digest,
        "personalization": answer["personalization"],
        "request": asked,
        "filtered_out": answer["filtered_out"],
        "fallback_used": answer["fallback_used"],
        **facts,
        "items": recorded(answer["items"], "items"),
    }
    return Decision(str(answer["decision_id"]), str(answer["generated_at"]), profile.subject_id, kept)


def _placement(name: str, rule: PlacementSettings, chosen: Chosen) -> dict[str, Any]:
    bounds = {"max_per_type": rule.max_per_type, "max_per_category": rule.max_per_category}
    return {"name": name, "methods": list(chosen.methods or (chosen.rung,)), **bounds}


def _guardrails(champion: Champion, chosen: Chosen) -> list[dict[str, Any]]:
    """Say that the list was re-ranked to give suppliers room, where it was: the same weights for everybody."""
    strength = champion.ranker.exposure_strength
    by_neighbours = bool(chosen.methods) and {pick.source for pick in chosen.picks} <= {"similar", "together"}
    if strength <= 0 or not chosen.picks or by_neighbours:
        return []
    return [{"code": "SUPPLIER_EXPOSURE", "kind": "soft", "strength": strength}]
