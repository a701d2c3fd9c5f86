"""What each route about one person does with a checked request; all of it waits for the disk, so in a thread."""

import asyncio
from typing import cast

from serving.exchange import Call, Reply, as_json
from serving.schemas_customers import ConsentsRequest, ErasureRequest
from serving.services import Services


async def decide_consents(services: Services, call: Call) -> Reply:
    """Record what a person decides."""
    request = cast("ConsentsRequest", call.body)
    standing = await asyncio.to_thread(services.consents.decide, call.path["customer_id"], request)
    return as_json(standing, subject=request.subject)


async def customer(services: Services, call: Call) -> Reply:
    """Show everything held about a person."""
    return as_json(await asyncio.to_thread(services.customers.access, call.path["customer_id"], _caller(call)))


async def erase_customer(services: Services, call: Call) -> Reply:
    """Take an erasure on."""
    request = cast("ErasureRequest", call.body)
    begun = await asyncio.to_thread(
        services.customers.erase,
        call.path["customer_id"],
        request.mode,
        caller=_caller(call),
        key=call.idempotency_key,
    )
    return as_json(begun, status=202, erasure_id=begun["erasure_id"], mode=request.mode)


async def erasure(services: Services, call: Call) -> Reply:
    """Show where an erasure stands."""
    found = await asyncio.to_thread(services.customers.erasure, call.path["erasure_id"])
    return as_json(found, erasure_id=found["erasure_id"], state=found["state"])


def _caller(call: Call) -> str:
    return call.caller.name if call.caller else "nobody"  # no route about a person is public
