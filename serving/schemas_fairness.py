"""Requests and answers about fairness reports, the committee's sign-offs and its waivers."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StrictStr, StringConstraints

from fairness.measures import Verdict
from fairness.report import Report, ReportKind
from fairness.signing import Signature
from serving.schemas import Answer, Identifier, Name, Request

Decision = Literal["accept", "refuse"]
WaiverStatus = Literal["requested", "approved", "revoked", "expired"]

Note = Annotated[StrictStr, StringConstraints(min_length=1, max_length=2_000, strip_whitespace=True)]
Grounds = Annotated[StrictStr, StringConstraints(min_length=20, max_length=4_000, strip_whitespace=True)]
PageLimit = Annotated[int, Field(ge=1, le=1_000)]
Cursor = Annotated[str, Field(min_length=1, max_length=512)]


class FairnessReportsQuery(Request):
    """Which reports to list."""

    model: Name | None = None
    kind: ReportKind | None = Field(default=None, description="Of a candidate for release, or of what was shown.")
    limit: PageLimit = 100
    cursor: Cursor | None = None


class WaiversQuery(Request):
    """Which waivers to list."""

    report_id: Identifier | None = None
    status: WaiverStatus | None = None
    limit: PageLimit = 100
    cursor: Cursor | None = None


class SignOffRequest(Request):
    """Sign a report, under the name of the key."""

    decision: Decision
    note: Note = Field(description="What the decision rests on.")


class WaiverRequest(Request):
    """Ask the committee to let a model serve although a measure did not pass; hard rules are never waived."""

    report_id: Identifier
    measure: Name
    attribute: Name | None = None
    group: Name | None = Field(default=None, description="The group that fares worse.")
    reason: Grounds = Field(description="Why the model may serve nevertheless.")
    mitigation: Grounds = Field(description="What is done meanwhile for those who fare worse.")
    expires_at: AwareDatetime


class WaiverMoveRequest(Request):
    """Approve or revoke a waiver."""

    note: Note | None = None


class SignOffOut(Answer):
    """What one member of the committee made of a report."""

    decision: Decision
    note: str
    signed_by: str = Field(description="Name of the API key.")
    signed_at: datetime


class WaiverOut(Answer):
    """A waiver and where it stands."""

    waiver_id: str
    report_id: str
    measure: str
    attribute: str | None
    group: str | None
    reason: str
    mitigation: str
    status: WaiverStatus
    author: str = Field(description="Name of the API key that asked for it.")
    requested_at: datetime
    expires_at: datetime
    approver: str | None
    revoked_by: str | None


class WaiversPage(Answer):
    """Waivers, newest first."""

    waivers: tuple[WaiverOut, ...]
    next_cursor: str | None


class ClearanceOut(Answer):
    """Whether a report lets its model serve now."""

    cleared: bool
    cleared_until: datetime | None = Field(description="When the report grows too old or a waiver it needs ends.")
    reasons: tuple[str, ...] = Field(description="Why not, all of it.")


class PagesOut(Answer):
    """Where the report can be read by people; null where it was stored without the page."""

    page: str | None
    notice: str | None


class FairnessReportListed(Answer):
    """One report in a list."""

    report_id: str
    created_at: datetime | None
    model: str | None
    version: str | None
    kind: ReportKind | None
    verdict: Verdict | None
    signed: bool = Field(description="A signature lies beside it; whether it is right, the report itself says.")
    sign_offs: int
    problem: str | None = Field(description="Why the report cannot be used, where it cannot.")


class FairnessReportsPage(Answer):
    """Reports, newest first."""

    reports: tuple[FairnessReportListed, ...]
    next_cursor: str | None


class FairnessReportDetail(Report):
    """A report as it was signed, and what became of it."""

    sign_offs: tuple[SignOffOut, ...]
    waivers: tuple[WaiverOut, ...]
    signature: Signature | None
    status: ClearanceOut
    html: PagesOut
