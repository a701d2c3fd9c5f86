"""The routes of the privacy office: the budget."""

from typing import Final

from serving import errors
from serving import handlers_privacy as handlers
from serving.routes import Route
from serving.schemas_privacy import BudgetOut, BudgetQuery

PRIVACY_ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/privacy/budget",
        roles=frozenset({"privacy", "ethics"}),
        handler=handlers.budget,
        summary="The privacy budget: what everything released about customers has cost, and what is left",
        query=BudgetQuery,
        answers={200: BudgetOut},
        refusals=(errors.StorageUnavailable,),
    ),
)
