"""What each route about prices does with a checked request; all of it reckons or waits for the disk, so in a thread."""

import asyncio
from typing import cast

from serving.exchange import Call, Reply, as_json
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
from serving.services import Services


async def suggest_prices(services: Services, call: Call) -> Reply:
    """Suggest prices."""
    pricing, request = services.pricing, cast("PriceSuggestionsRequest", call.body)
    answer = await asyncio.to_thread(
        pricing.suggesting.suggest, request, pricing.desk, caller=_caller(call), key=call.idempotency_key
    )
    return as_json(answer, decision_id=answer["decision_id"])


async def price_suggestions(services: Services, call: Call) -> Reply:
    """List suggestions."""
    query = cast("PriceSuggestionsQuery", call.query)
    page = await asyncio.to_thread(
        services.pricing.suggestions.page,
        status=query.status,
        product_id=query.product_id,
        store_id=query.store_id,
        limit=query.limit,
        cursor=query.cursor,
    )
    return as_json(page)


async def price_suggestion(services: Services, call: Call) -> Reply:
    """Show one suggestion with all its moves."""
    return await _shown(services, call)


async def approve_price(services: Services, call: Call) -> Reply:
    """Approve a suggestion or somebody else's override."""
    request = cast("ApprovalRequest", call.body)
    await asyncio.to_thread(
        services.pricing.review.approve, _id(call), _caller(call), note=request.note, replaces=request.replaces
    )
    return await _shown(services, call)


async def reject_price(services: Services, call: Call) -> Reply:
    """Reject a suggestion."""
    request = cast("RejectionRequest", call.body)
    await asyncio.to_thread(services.pricing.review.reject, _id(call), _caller(call), reason=request.reason)
    return await _shown(services, call)


async def override_price(services: Services, call: Call) -> Reply:
    """Put another price in the place of the suggested one."""
    request = cast("OverrideRequest", call.body)
    price = services.pricing.checks.override(request)
    await asyncio.to_thread(
        services.pricing.review.override, _id(call), _caller(call), price=price, reason=request.reason
    )
    return await _shown(services, call)


async def publish_price(services: Services, call: Call) -> Reply:
    """Put an approved price in force."""
    request = cast("PublicationRequest", call.body)
    await asyncio.to_thread(services.pricing.review.publish, _id(call), _caller(call), note=request.note)
    return await _shown(services, call)


async def simulate_prices(services: Services, call: Call) -> Reply:
    """Tell what prices would bring."""
    pricing, request = services.pricing, cast("PriceSimulationsRequest", call.body)
    answer = await asyncio.to_thread(pricing.simulating.simulate, request, pricing.desk)
    return as_json(answer, decision_id=answer["decision_id"])


async def forecasts(services: Services, call: Call) -> Reply:
    """Tell what will be sold."""
    pricing, request = services.pricing, cast("ForecastsRequest", call.body)
    answer = await asyncio.to_thread(pricing.forecasting.forecast, request, pricing.desk)
    return as_json(answer, decision_id=answer["decision_id"])


async def prices(services: Services, call: Call) -> Reply:
    """Tell the prices in force."""
    pricing, request = services.pricing, cast("PricesRequest", call.body)
    answer = await asyncio.to_thread(pricing.shown.find, request, pricing.desk_if_any())
    return as_json(answer, decision_id=answer["decision_id"])


async def _shown(services: Services, call: Call) -> Reply:
    found = await asyncio.to_thread(services.pricing.suggestions.one, _id(call))
    return as_json(found, suggestion_id=found["suggestion_id"], status_now=found["status"])


def _id(call: Call) -> str:
    return call.path["suggestion_id"]


def _caller(call: Call) -> str:
    return call.caller.name if call.caller else "nobody"  # no route about prices is public
