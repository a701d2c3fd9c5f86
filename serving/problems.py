"""Errors as problem documents (RFC 9457): the one table from domain errors to HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from features.errors import BuildRecordDamaged
from privacy.errors import LedgerBroken
from serving import errors
from serving.errors import Refusal
from serving.people import errors as people
from serving.pricing import errors as pricing

PROBLEM_TYPE: Final = "application/problem+json"
_COME_BACK: Final = (
    errors.NotReady,
    errors.StorageUnavailable,
    errors.CommitteeLogBroken,
    errors.CommitteeKeysUnusable,
    people.ErasureKeysUnusable,
)
STORAGE_RETRY_S: Final = 5  # a locked database is free again within its own time limit


@dataclass(frozen=True)
class Kind:
    """How one class of error is answered."""

    status: int
    code: str
    title: str


KINDS: Mapping[type[Refusal], Kind] = {
    errors.BodyMalformed: Kind(400, "MALFORMED_JSON", "The body is not JSON"),
    errors.BodyTooDeep: Kind(400, "TOO_DEEP", "The body nests too deep"),
    errors.KeyAbsent: Kind(401, "NO_API_KEY", "An API key is needed"),
    errors.KeyUnknown: Kind(401, "UNKNOWN_API_KEY", "The API key is not known"),
    errors.RoleMissing: Kind(403, "ROLE_MISSING", "The API key has another role"),
    pricing.OwnOverride: Kind(403, "OWN_OVERRIDE", "Nobody approves his own override"),
    errors.OwnWaiver: Kind(403, "OWN_WAIVER", "Nobody approves his own waiver"),
    errors.RouteUnknown: Kind(404, "UNKNOWN_ROUTE", "There is no such route"),
    errors.ProductUnknown: Kind(404, "UNKNOWN_PRODUCT", "The product is not known"),
    errors.DecisionUnknown: Kind(404, "UNKNOWN_DECISION", "The decision is not on record"),
    errors.ModelVersionUnknown: Kind(404, "UNKNOWN_MODEL_VERSION", "The model version is not here"),
    pricing.SuggestionUnknown: Kind(404, "UNKNOWN_SUGGESTION", "The price suggestion is not on record"),
    errors.FairnessReportUnknown: Kind(404, "UNKNOWN_FAIRNESS_REPORT", "The fairness report is not on record"),
    errors.FairnessPageUnknown: Kind(404, "UNKNOWN_FAIRNESS_PAGE", "The report was stored without the page"),
    errors.WaiverUnknown: Kind(404, "UNKNOWN_WAIVER", "The waiver is not on record"),
    people.ErasureUnknown: Kind(404, "UNKNOWN_ERASURE", "The erasure is not on record"),
    errors.MethodUnknown: Kind(405, "METHOD_NOT_ALLOWED", "The route has other methods"),
    errors.BodyTooSlow: Kind(408, "BODY_TIMEOUT", "The body did not arrive in time"),
    pricing.MoveIllegal: Kind(409, "ILLEGAL_MOVE", "The suggestion is in another state"),
    pricing.SuggestionExpired: Kind(409, "SUGGESTION_EXPIRED", "The suggestion's time is over"),
    pricing.ValidityOverlaps: Kind(409, "OVERLAPPING_VALIDITY", "Another price holds part of that time"),
    pricing.IdempotencyKeyReused: Kind(409, "IDEMPOTENCY_KEY_REUSED", "The key came with another request"),
    errors.AlreadySignedOff: Kind(409, "ALREADY_SIGNED_OFF", "The report was signed by this person before"),
    errors.WaiverClosed: Kind(409, "WAIVER_CLOSED", "The waiver is in another state"),
    errors.FairnessReportDamaged: Kind(409, "FAIRNESS_REPORT_DAMAGED", "The report is not as it was written"),
    people.PersonErased: Kind(409, "PERSON_ERASED", "The person was erased"),
    people.ConsentTimeInvalid: Kind(409, "CONSENT_BACKDATED", "The consent would not come after what is on file"),
    errors.BodyTooLarge: Kind(413, "BODY_TOO_LARGE", "The body is too large"),
    errors.ContentTypeUnsupported: Kind(415, "UNSUPPORTED_CONTENT_TYPE", "The body must be JSON"),
    errors.FieldsInvalid: Kind(422, "INVALID_FIELDS", "The request cannot be used as it stands"),
    pricing.OutsideGuardrails: Kind(422, "OUTSIDE_GUARDRAILS", "A hard guardrail forbids the price"),
    errors.WaiverNotAllowed: Kind(422, "NOT_WAIVABLE", "The measure cannot be waived"),
    errors.WaiverTimeInvalid: Kind(422, "WAIVER_TIME", "The waiver's time is not allowed"),
    errors.Unexpected: Kind(500, "INTERNAL_ERROR", "The service failed"),
    errors.NotReady: Kind(503, "NO_CHAMPION", "No verified model is loaded"),
    errors.StorageUnavailable: Kind(503, "STORAGE_UNAVAILABLE", "The storage cannot be used now"),
    errors.CommitteeLogBroken: Kind(503, "COMMITTEE_LOG_BROKEN", "The committee's log cannot be trusted"),
    errors.CommitteeKeysUnusable: Kind(503, "COMMITTEE_KEYS_UNUSABLE", "A key of the committee is missing"),
    people.ErasureKeysUnusable: Kind(503, "ERASURE_KEYS_UNUSABLE", "The key that signs receipts is missing"),
}


def document(refusal: Refusal, *, instance: str, request_id: str) -> dict[str, Any]:
    """Write a refusal down as RFC 9457 asks, with our `code`, `errors` and `request_id` added.

    Args:
        refusal: What was refused; its class must be in `KINDS`.
        instance: Path of the request.
        request_id: Finds the request in the log.
    """
    kind = KINDS[type(refusal)]
    return {
        "type": f"urn:fairshelf:problem:{kind.code.lower().replace('_', '-')}",
        "title": kind.title,
        "status": kind.status,
        "detail": str(refusal),
        "instance": instance,
        "code": kind.code,
        "errors": [{"field": e.field, "code": e.code, "message": e.message} for e in refusal.errors],
        "request_id": request_id,
    }


def translate(failure: Exception) -> Refusal:
    """Turn a failure of a layer below into a refusal; what nobody foresaw is `Unexpected`."""
    # without the build record no event has a time; a ledger that was edited shows nothing
    if isinstance(failure, sa.exc.SQLAlchemyError | BuildRecordDamaged | LedgerBroken):
        return errors.StorageUnavailable(retry_after_s=STORAGE_RETRY_S)
    return errors.Unexpected()


def headers(refusal: Refusal) -> dict[str, str]:
    """Give the header lines that HTTP asks for beside some statuses."""
    if isinstance(refusal, _COME_BACK):
        return {"Retry-After": str(refusal.retry_after_s)}
    if isinstance(refusal, errors.MethodUnknown):
        return {"Allow": ", ".join(refusal.allowed)}
    if isinstance(refusal, errors.KeyAbsent | errors.KeyUnknown):
        return {"WWW-Authenticate": 'Bearer realm="fairshelf"'}
    return {}
