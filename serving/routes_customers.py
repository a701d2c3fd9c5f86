"""The routes about one person: consents, access and erasure."""

from typing import Final

from serving import errors
from serving import handlers_customers as handlers
from serving.people.errors import ConsentTimeInvalid, ErasureKeysUnusable, ErasureUnknown, PersonErased
from serving.pricing.errors import IdempotencyKeyReused
from serving.routes import Route
from serving.schemas_customers import (
    ConsentsAnswer,
    ConsentsRequest,
    CustomerAnswer,
    ErasureAnswer,
    ErasureRequest,
)

_PRIVACY: Final = frozenset({"privacy"})
_CUSTOMER: Final = "/v1/customers/{customer_id}"
_IDEMPOTENCY: Final = {"Idempotency-Key": "Sent again with the same request, the erasure it started is shown again."}

CUSTOMER_ROUTES: Final = (
    Route(
        method="PUT",
        path=f"{_CUSTOMER}/consents",
        roles=_PRIVACY,
        handler=handlers.decide_consents,
        summary="Record what a customer or visitor allows, by purpose; it holds from the next call on",
        body=ConsentsRequest,
        answers={200: ConsentsAnswer},
        refusals=(ConsentTimeInvalid, PersonErased, errors.StorageUnavailable),
    ),
    Route(
        method="GET",
        path=_CUSTOMER,
        roles=_PRIVACY,
        handler=handlers.customer,
        summary="Everything held about a customer; an id that nobody knows is answered the same, with nothing in it",
        answers={200: CustomerAnswer},
        refusals=(errors.FieldsInvalid, errors.StorageUnavailable),
    ),
    Route(
        method="POST",
        path=f"{_CUSTOMER}/erasures",
        roles=_PRIVACY,
        handler=handlers.erase_customer,
        summary="Erase or anonymise a customer in every store; an unknown id is answered the same",
        body=ErasureRequest,
        body_optional=True,
        answers={202: ErasureAnswer},
        refusals=(IdempotencyKeyReused, ErasureKeysUnusable, errors.StorageUnavailable),
        headers=_IDEMPOTENCY,
    ),
    Route(
        method="GET",
        path="/v1/erasures/{erasure_id}",
        roles=_PRIVACY,
        handler=handlers.erasure,
        summary="Where an erasure stands, and its signed receipt",
        answers={200: ErasureAnswer},
        refusals=(ErasureUnknown, errors.StorageUnavailable),
    ),
)
