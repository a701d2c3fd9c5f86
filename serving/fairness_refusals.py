"""From what audits and the committee cannot do to what a caller is told, without the paths that their errors name."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from fairness import errors as fairness
from privacy import errors as privacy
from serving import errors
from serving.errors import FieldError, Refusal
from serving.log import failed
from serving.problems import KINDS, STORAGE_RETRY_S
from serving.schemas import ID_LENGTH

_BROKEN_RETRY_S: Final = 60  # a person has to look at it

Told = Callable[[str, str], Refusal]  # given the id in question, and the error's own words

REFUSALS: Final[Mapping[type[Exception], Told]] = {
    fairness.ReportUnknown: lambda about, _: errors.FairnessReportUnknown(report_id=about),
    fairness.ReportCorrupt: lambda about, _: errors.FairnessReportDamaged(report_id=about),
    fairness.SignatureCorrupt: lambda about, _: errors.FairnessReportDamaged(report_id=about),
    fairness.SignOffConflict: lambda _, said: errors.AlreadySignedOff(problem=said),
    fairness.WaiverUnknown: lambda about, _: errors.WaiverUnknown(waiver_id=about),
    fairness.WaiverSelfApproved: lambda about, _: errors.OwnWaiver(waiver_id=about),
    fairness.WaiverClosed: lambda _, said: errors.WaiverClosed(problem=said),
    fairness.WaiverNotAllowed: lambda _, said: errors.WaiverNotAllowed(problem=said),
    fairness.WaiverExpired: lambda _, said: errors.WaiverTimeInvalid(problem=said),
    fairness.WaiverTooLong: lambda _, said: errors.WaiverTimeInvalid(problem=said),
    fairness.ReasonMissing: lambda _, said: errors.FieldsInvalid(errors=[FieldError("body", "TOO_SHORT", said)]),
    fairness.CommitteeLogBroken: lambda *_: errors.CommitteeLogBroken(retry_after_s=_BROKEN_RETRY_S),
    privacy.KeyPairMismatch: lambda *_: errors.CommitteeKeysUnusable(retry_after_s=_BROKEN_RETRY_S),
    privacy.KeyMissing: lambda *_: errors.CommitteeKeysUnusable(retry_after_s=_BROKEN_RETRY_S),
    privacy.KeyUnusable: lambda *_: errors.CommitteeKeysUnusable(retry_after_s=_BROKEN_RETRY_S),
    OSError: lambda *_: errors.StorageUnavailable(retry_after_s=STORAGE_RETRY_S),
}


@contextmanager
def refusing(about: str = "") -> Iterator[None]:
    """Turn errors of audits and of the committee into refusals; those that are a fault of the server are logged.

    Args:
        about: Id of the report or waiver in question.

    Raises:
        Refusal: In the place of any error of the table.
    """
    try:
        yield
    except tuple(REFUSALS) as failure:
        told = next(told for kind, told in REFUSALS.items() if isinstance(failure, kind))
        refusal = told(about[:ID_LENGTH], " ".join(str(failure).split()))
        if KINDS[type(refusal)].status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            failed("the committee's desk could not answer", failure)
        raise refusal from None
