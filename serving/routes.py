"""Every route in one table: who may call it, what it takes, what it gives, what it does.

A route without roles is closed to everybody; only `PUBLIC` opens one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

from serving import errors, handlers
from serving.errors import Refusal
from serving.exchange import Handler
from serving.schemas import Health
from serving.schemas_events import EventsAnswer, EventsRequest
from serving.schemas_models import ModelsAnswer, ModelsQuery, ModelVersionOut
from serving.schemas_recommend import (
    DecisionAnswer,
    RecommendationsAnswer,
    RecommendationsRequest,
    SimilarProductsAnswer,
    SimilarProductsRequest,
)

PUBLIC: Final = frozenset({"*"})
TEXT: Final = "text/plain"


@dataclass(frozen=True)
class Route:
    """One method of one address.

    Args:
        method: HTTP method.
        path: Address, parameters in braces.
        roles: Who may call; empty for nobody, `PUBLIC` for everybody.
        handler: What it does.
        summary: One line for the OpenAPI document.
        answers: Body of the success by status; None for text.
        body: Model of the request's body, if it has one.
        query: Model of the parameters behind the question mark, if there are any.
        refusals: What it refuses beside what the door refuses for every route.
        body_optional: Whether the request may come without its body.
        headers: Request headers it reads beside those every route reads, with what each is for.
        text_type: Content type of a success that is text.
    """

    method: str
    path: str
    roles: frozenset[str]
    handler: Handler
    summary: str
    answers: Mapping[int, type[BaseModel] | None]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    refusals: tuple[type[Refusal], ...] = ()
    body_optional: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    text_type: str = TEXT

    @property
    def public(self) -> bool:
        """Whether no key is needed."""
        return self.roles == PUBLIC

    def admits(self, roles: frozenset[str]) -> bool:
        """Tell whether a caller with these roles may use the route."""
        return self.public or not self.roles.isdisjoint(roles)


ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/recommendations",
        roles=frozenset({"storefront"}),
        handler=handlers.recommendations,
        summary="Ranked products for a customer, visitor or basket",
        body=RecommendationsRequest,
        answers={200: RecommendationsAnswer},
        refusals=(errors.NotReady,),
    ),
    Route(
        method="POST",
        path="/v1/events",
        roles=frozenset({"storefront"}),
        handler=handlers.events,
        summary="Take in a batch of events; each is accepted, a duplicate, or rejected by itself",
        body=EventsRequest,
        answers={202: EventsAnswer},
        refusals=(errors.StorageUnavailable,),
    ),
    Route(
        method="POST",
        path="/v1/similar-products",
        roles=frozenset({"storefront"}),
        handler=handlers.similar_products,
        summary="Products similar to a product, and bought together with it",
        body=SimilarProductsRequest,
        answers={200: SimilarProductsAnswer},
        refusals=(errors.ProductUnknown, errors.NotReady),
    ),
    Route(
        method="GET",
        path="/v1/decisions/{decision_id}",
        roles=frozenset({"storefront", "ml_engineer", "ethics", "privacy", "pricing"}),
        handler=handlers.decision,
        summary="What stood behind an earlier answer",
        answers={200: DecisionAnswer},
        refusals=(errors.DecisionUnknown, errors.StorageUnavailable),
    ),
    Route(
        method="GET",
        path="/v1/models",
        roles=frozenset({"ml_engineer", "ethics"}),
        handler=handlers.models,
        summary="The model versions on this server, newest first, and which of them is serving",
        query=ModelsQuery,
        answers={200: ModelsAnswer},
    ),
    Route(
        method="GET",
        path="/v1/models/{name}/versions/{version}",
        roles=frozenset({"ml_engineer", "ethics"}),
        handler=handlers.model_version,
        summary="One model version: what it is, and whether it is serving",
        answers={200: ModelVersionOut},
        refusals=(errors.ModelVersionUnknown,),
    ),
    Route(
        method="GET",
        path="/livez",
        roles=PUBLIC,
        handler=handlers.livez,
        summary="The process answers",
        answers={200: Health},
    ),
    Route(
        method="GET",
        path="/readyz",
        roles=PUBLIC,
        handler=handlers.readyz,
        summary="A verified model is loaded",
        answers={200: Health},
        refusals=(errors.NotReady,),
    ),
    Route(
        method="GET",
        path="/metrics",
        roles=PUBLIC,
        handler=handlers.prometheus,
        summary="Figures for Prometheus; none of them is about a person",
        answers={200: None},
    ),
)
