"""What each route does with a checked request: one use case each, nothing else."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from serving import metrics
from serving.errors import DecisionUnknown
from serving.exchange import Call, Reply, as_json
from serving.schemas import ID_LENGTH
from serving.schemas_events import EventsRequest
from serving.schemas_models import ModelsQuery
from serving.schemas_recommend import RecommendationsRequest, SimilarProductsRequest
from serving.services import Services


async def recommendations(services: Services, call: Call) -> Reply:
    """Recommend; a few milliseconds of work, less than handing it to a thread would cost under load."""
    answer = services.recommender.recommend(cast("RecommendationsRequest", call.body), services.bundles.champion())
    return as_json(answer, decision_id=answer["decision_id"])


async def similar_products(services: Services, call: Call) -> Reply:
    """Find similar products and products bought together."""
    answer = services.similar.find(cast("SimilarProductsRequest", call.body), services.bundles.champion())
    return as_json(answer, decision_id=answer["decision_id"])


async def events(services: Services, call: Call) -> Reply:
    """Take events in; the disk is waited for in a thread, other requests go on."""
    batch = cast("EventsRequest", call.body)
    answer = await asyncio.to_thread(services.events.record, batch, services.bundles.current)
    return as_json(answer.model_dump(mode="json"), status=202, accepted=answer.accepted, rejected=answer.rejected)


async def decision(services: Services, call: Call) -> Reply:
    """Resolve a decision; one that another process just made is waited for once."""
    decision_id = call.path["decision_id"]
    found = await asyncio.to_thread(services.decisions.find, decision_id)
    if found is None:
        await asyncio.sleep(services.decisions.longest_wait_s)
        found = await asyncio.to_thread(services.decisions.find, decision_id)
    if found is None or not _may_see(call, found):
        raise DecisionUnknown(decision_id=decision_id[:ID_LENGTH])
    return as_json(found, decision_id=decision_id)


async def models(services: Services, call: Call) -> Reply:
    """List the bundles on this server."""
    query = cast("ModelsQuery", call.query)
    page = await asyncio.to_thread(services.models.page, limit=query.limit, cursor=query.cursor)
    return as_json(page.model_dump(mode="json"))


async def model_version(services: Services, call: Call) -> Reply:
    """Describe one bundle."""
    found = await asyncio.to_thread(services.models.one, call.path["name"], call.path["version"])
    return as_json(found.model_dump(mode="json"))


async def livez(services: Services, _call: Call) -> Reply:
    """Tell that the process answers."""
    current = services.bundles.current
    return as_json({"status": "ok", "model_version": current.version if current else None})


async def readyz(services: Services, _call: Call) -> Reply:
    """Tell that a verified model is loaded."""
    return as_json({"status": "ok", "model_version": services.bundles.champion().version})


async def prometheus(services: Services, _call: Call) -> Reply:
    """Give the process's figures, and how old and how far drifted everything is."""
    figures = await asyncio.to_thread(metrics.exposition, services.freshness)
    return Reply(figures, media_type=metrics.CONTENT_TYPE)


def _may_see(call: Call, decision: Mapping[str, Any]) -> bool:
    """Keep whoever works on prices, and on nothing else, away from decisions about people."""
    return call.caller is None or call.caller.roles != {"pricing"} or str(decision.get("kind", "")).startswith("price")
