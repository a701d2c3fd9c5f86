"""What the routes of the privacy office do with a checked request; all of it waits for the disk, so in a thread."""

import asyncio
from typing import cast

from serving.exchange import Call, Reply, as_json
from serving.schemas_privacy import BudgetQuery
from serving.services import Services


async def budget(services: Services, call: Call) -> Reply:
    """Show the privacy budget."""
    query = cast("BudgetQuery", call.query)
    return as_json(await asyncio.to_thread(services.budget.page, limit=query.limit, cursor=query.cursor))
