"""The routes about prices."""

from typing import Final

from serving import errors
from serving import handlers_pricing as handlers
from serving.pricing import errors as refusals
from serving.pricing.answers import (
    ForecastsAnswer,
    PricesAnswer,
    PriceSimulationsAnswer,
    PriceSuggestionDetail,
    PriceSuggestionsAnswer,
    PriceSuggestionsPage,
)
from serving.pricing.schemas import (
    ApprovalRequest,
    ForecastsRequest,
    OverrideRequest,
    PriceSimulationsRequest,
    PricesRequest,
    PriceSuggestionsQuery,
    PriceSuggestionsRequest,
    PublicationRequest,
    RejectionRequest,
)
from serving.routes import Route

_PRICING: Final = frozenset({"pricing"})
_ONE: Final = "/v1/price-suggestions/{suggestion_id}"

PRICING_ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/price-suggestions",
        roles=_PRICING,
        handler=handlers.suggest_prices,
        summary="Suggest prices for products at a store or channel; they enter the review flow",
        body=PriceSuggestionsRequest,
        answers={200: PriceSuggestionsAnswer},
        refusals=(refusals.IdempotencyKeyReused, errors.NotReady, errors.StorageUnavailable),
        headers={"Idempotency-Key": "Sent again with the same request, the first answer is given again."},
    ),
    Route(
        method="GET",
        path="/v1/price-suggestions",
        roles=_PRICING,
        handler=handlers.price_suggestions,
        summary="Price suggestions on record, newest first",
        query=PriceSuggestionsQuery,
        answers={200: PriceSuggestionsPage},
        refusals=(errors.StorageUnavailable,),
    ),
    Route(
        method="GET",
        path=_ONE,
        roles=_PRICING,
        handler=handlers.price_suggestion,
        summary="One price suggestion with all that happened to it",
        answers={200: PriceSuggestionDetail},
        refusals=(refusals.SuggestionUnknown, errors.StorageUnavailable),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/approve",
        roles=_PRICING,
        handler=handlers.approve_price,
        summary="Approve a suggestion, or an override that somebody else made",
        body=ApprovalRequest,
        body_optional=True,
        answers={200: PriceSuggestionDetail},
        refusals=(
            refusals.OwnOverride,
            refusals.SuggestionUnknown,
            refusals.MoveIllegal,
            refusals.SuggestionExpired,
            refusals.ValidityOverlaps,
            errors.StorageUnavailable,
        ),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/reject",
        roles=_PRICING,
        handler=handlers.reject_price,
        summary="Reject a suggestion or an override, with a reason",
        body=RejectionRequest,
        answers={200: PriceSuggestionDetail},
        refusals=(refusals.SuggestionUnknown, refusals.MoveIllegal, errors.StorageUnavailable),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/override",
        roles=_PRICING,
        handler=handlers.override_price,
        summary="Put another price in the place of the suggested one, with a reason; somebody else must approve it",
        body=OverrideRequest,
        answers={200: PriceSuggestionDetail},
        refusals=(
            refusals.SuggestionUnknown,
            refusals.MoveIllegal,
            refusals.OutsideGuardrails,
            errors.StorageUnavailable,
        ),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/publish",
        roles=_PRICING,
        handler=handlers.publish_price,
        summary="Put an approved price in force; what it replaces is superseded",
        body=PublicationRequest,
        body_optional=True,
        answers={200: PriceSuggestionDetail},
        refusals=(
            refusals.SuggestionUnknown,
            refusals.MoveIllegal,
            refusals.SuggestionExpired,
            refusals.ValidityOverlaps,
            errors.StorageUnavailable,
        ),
    ),
    Route(
        method="POST",
        path="/v1/price-simulations",
        roles=_PRICING,
        handler=handlers.simulate_prices,
        summary="What if: units, revenue and margin at given prices",
        body=PriceSimulationsRequest,
        answers={200: PriceSimulationsAnswer},
        refusals=(errors.NotReady,),
    ),
    Route(
        method="POST",
        path="/v1/forecasts",
        roles=_PRICING,
        handler=handlers.forecasts,
        summary="Demand quantiles by product, store and week",
        body=ForecastsRequest,
        answers={200: ForecastsAnswer},
        refusals=(errors.NotReady,),
    ),
    Route(
        method="POST",
        path="/v1/prices",
        roles=frozenset({"storefront"}),
        handler=handlers.prices,
        summary="The prices in force, with prior price and disclosure; the same for everybody",
        body=PricesRequest,
        answers={200: PricesAnswer},
        refusals=(errors.StorageUnavailable,),
    ),
)
