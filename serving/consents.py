"""What people allow, recorded over HTTP."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any, Final

from privacy.consent import (
    MARKETING,
    MODEL_TRAINING,
    PERSONALIZATION,
    PRICE_PERSONALIZATION,
    PURPOSES,
    ConsentLedger,
    Decided,
)
from privacy.errors import ConsentBackdated
from serving.errors import FieldError, FieldsInvalid
from serving.lists import rfc3339
from serving.people.errors import ConsentTimeInvalid, PersonErased
from serving.ports import Pseudonyms
from serving.schemas import ID_LENGTH
from serving.schemas_customers import ConsentsRequest, SubjectKind

PROFILING: Final = (PERSONALIZATION, MODEL_TRAINING, PRICE_PERSONALIZATION)  # what "do not profile" refuses
CONTACTING: Final = (MARKETING,)  # what "do not contact" refuses


def _nobody(_customer_ids: Collection[str]) -> Collection[str]:
    return ()


class ConsentDesk:
    """The use case behind `PUT /v1/customers/{id}/consents`.

    "Do not profile" and "do not contact" are two decisions: neither touches what the other refuses. A person whom no
    store knows yet can decide too; the answer does not say whether anybody is known.

    Args:
        ledger: Where decisions are kept.
        pseudonyms: The door at which the shop's ids become pseudonyms.
        now: The wall clock.
        erased: Tells which customers were erased; nothing is recorded of them.
    """

    def __init__(
        self,
        *,
        ledger: ConsentLedger,
        pseudonyms: Pseudonyms,
        now: Callable[[], datetime],
        erased: Callable[[Collection[str]], Collection[str]] = _nobody,
    ) -> None:
        self._erased = erased
        self._ledger = ledger
        self._pseudonyms = pseudonyms
        self._now = now

    def decide(self, person_id: str, request: ConsentsRequest) -> dict[str, Any]:
        """Record every decision of a request, or none, and show where each purpose stands.

        Raises:
            FieldsInvalid: If decisions are missing or contradict each other.
            ConsentTimeInvalid: If a grant would come before a decision on file.
            PersonErased: If the customer was erased.
        """
        _check_id(person_id)
        if request.subject == "customer" and self._erased({person_id}):
            raise PersonErased
        decisions = _decisions(request)
        name = self._name(person_id, request.subject)
        try:
            self._ledger.decide(name, decisions, at=self._now())
        except ConsentBackdated as failure:
            raise ConsentTimeInvalid(problem=str(failure)) from None
        return self._standing(name, request.subject)

    def _name(self, person_id: str, subject: SubjectKind) -> str:
        return self._pseudonyms.visitor(person_id) if subject == "visitor" else self._pseudonyms.pseudonym(person_id)

    def _standing(self, name: str, subject: SubjectKind) -> dict[str, Any]:
        now = self._now()
        on_file = {one.purpose: one for one in self._ledger.on_file(name, now)}
        granted = {purpose: self._ledger.in_force(name, purpose, now).granted for purpose in PURPOSES}
        shown = []
        for purpose in PURPOSES:
            known = on_file.get(purpose)
            shown.append(
                {
                    "purpose": purpose,
                    "granted": granted[purpose],
                    "on_file": known is not None,
                    "version": known.version or None if known else None,
                    "source": known.source or None if known else None,
                    "since": rfc3339(known.since) if known else None,
                }
            )
        return {
            "subject": subject,
            "consents": shown,
            "do_not_profile": not any(granted[purpose] for purpose in PROFILING),
            "do_not_contact": not any(granted[purpose] for purpose in CONTACTING),
        }


def _check_id(person_id: str) -> None:
    if not 1 <= len(person_id) <= ID_LENGTH:
        message = f"The id in the path has {len(person_id)} characters; 1 to {ID_LENGTH} are possible. Correct it."
        raise FieldsInvalid(errors=[FieldError("id", "TOO_LONG", message)])


def _decisions(request: ConsentsRequest) -> list[Decided]:
    decisions = [Decided(one.purpose, one.granted, one.version, one.source) for one in request.consents]
    refused: set[str] = set()
    for objection, purposes in ((request.do_not_profile, PROFILING), (request.do_not_contact, CONTACTING)):
        if objection is not None:
            refused.update(purposes)
            decisions.extend(Decided(purpose, False, objection.version, objection.source) for purpose in purposes)
    faults = list(_faults(request, refused))
    if not decisions:
        faults.append(FieldError("consents", "MISSING_FIELD", "Nothing is decided. Name a purpose, or an objection."))
    if faults:
        raise FieldsInvalid(errors=faults)
    return decisions


def _faults(request: ConsentsRequest, refused: set[str]) -> Iterator[FieldError]:
    named: set[str] = set()
    for place, one in enumerate(request.consents):
        field = f"consents.{place}.purpose"
        if one.purpose in named:
            yield FieldError(field, "CONTRADICTION", "This purpose is decided twice. Name it once.")
        if one.purpose in refused:
            message = "An objection of this request decides this purpose already. Leave one of the two out."
            yield FieldError(field, "CONTRADICTION", message)
        named.add(one.purpose)
