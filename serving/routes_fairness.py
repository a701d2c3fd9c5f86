"""The routes of the ethics committee: fairness reports, sign-offs and waivers."""

from typing import Final

from serving import errors
from serving import handlers_fairness as handlers
from serving.exchange import HTML_TYPE
from serving.routes import Route
from serving.schemas_fairness import (
    FairnessReportDetail,
    FairnessReportsPage,
    FairnessReportsQuery,
    SignOffOut,
    SignOffRequest,
    WaiverMoveRequest,
    WaiverOut,
    WaiverRequest,
    WaiversPage,
    WaiversQuery,
)

_ETHICS: Final = frozenset({"ethics"})
_READERS: Final = frozenset({"ethics", "ml_engineer"})
_REPORT: Final = "/v1/fairness-reports/{report_id}"
_WAIVER: Final = "/v1/waivers/{waiver_id}"
_LOG: Final = (errors.CommitteeLogBroken, errors.CommitteeKeysUnusable, errors.StorageUnavailable)
_ONE_REPORT: Final = (errors.FairnessReportUnknown, errors.FairnessReportDamaged)
_PAGE: Final = (*_ONE_REPORT, errors.FairnessPageUnknown, errors.CommitteeKeysUnusable, errors.StorageUnavailable)

FAIRNESS_ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/fairness-reports",
        roles=_ETHICS,
        handler=handlers.fairness_reports,
        summary="Fairness reports on this server, newest first",
        query=FairnessReportsQuery,
        answers={200: FairnessReportsPage},
        refusals=_LOG,
    ),
    Route(
        method="GET",
        path=_REPORT,
        roles=_ETHICS,
        handler=handlers.fairness_report,
        summary="One report as it was signed, with sign-offs, waivers, and whether it lets its model serve",
        answers={200: FairnessReportDetail},
        refusals=(*_ONE_REPORT, *_LOG),
    ),
    Route(
        method="GET",
        path=f"{_REPORT}/page",
        roles=_ETHICS,  # it holds exact numbers of customers by group; the notice holds them with noise
        handler=handlers.fairness_page,
        summary="The report as a page for people, as it was stored",
        answers={200: None},
        text_type=HTML_TYPE,
        refusals=_PAGE,
    ),
    Route(
        method="GET",
        path=f"{_REPORT}/notice",
        roles=_READERS,
        handler=handlers.fairness_notice,
        summary="The one-page public notice of the audit, as it was stored",
        answers={200: None},
        text_type=HTML_TYPE,
        refusals=_PAGE,
    ),
    Route(
        method="POST",
        path=f"{_REPORT}/sign-offs",
        roles=_ETHICS,
        handler=handlers.sign_off,
        summary="Accept or refuse a report, under the name of the key; a refusal takes the model out of service",
        body=SignOffRequest,
        answers={201: SignOffOut},
        refusals=(*_ONE_REPORT, errors.AlreadySignedOff, *_LOG),
    ),
    Route(
        method="GET",
        path="/v1/waivers",
        roles=_READERS,
        handler=handlers.waivers,
        summary="Waivers on record, newest first",
        query=WaiversQuery,
        answers={200: WaiversPage},
        refusals=_LOG,
    ),
    Route(
        method="POST",
        path="/v1/waivers",
        roles=_ETHICS,
        handler=handlers.request_waiver,
        summary="Ask for a waiver of a statistical failure; it counts once somebody else approves it",
        body=WaiverRequest,
        answers={201: WaiverOut},
        refusals=(*_ONE_REPORT, errors.WaiverNotAllowed, errors.WaiverTimeInvalid, *_LOG),
    ),
    Route(
        method="POST",
        path=f"{_WAIVER}/approve",
        roles=_ETHICS,
        handler=handlers.approve_waiver,
        summary="Approve a waiver that somebody else asked for",
        body=WaiverMoveRequest,
        body_optional=True,
        answers={200: WaiverOut},
        refusals=(errors.WaiverUnknown, errors.OwnWaiver, errors.WaiverClosed, *_LOG),
    ),
    Route(
        method="POST",
        path=f"{_WAIVER}/revoke",
        roles=_ETHICS,
        handler=handlers.revoke_waiver,
        summary="Revoke a waiver; a model that needs it goes out of service",
        body=WaiverMoveRequest,
        body_optional=True,
        answers={200: WaiverOut},
        refusals=(errors.WaiverUnknown, errors.WaiverClosed, *_LOG),
    ),
)
