"""What the committee decided: its records, and how they follow from the entries of its log."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from fairness.measures import Record
from fairness.report import Digest, ReportId, Utc
from privacy.audit_log import LogEntry

Decision = Literal["accept", "refuse"]
Status = Literal["requested", "approved", "revoked"]

REQUEST: Final = "request waiver"
APPROVE: Final = "approve waiver"
REVOKE: Final = "revoke waiver"
SIGN_OFF: Final = "sign off"


class WaiverRequest(Record):
    """What somebody asks to be waived: a statistical verdict of one report, for one group, until a day.

    Attributes:
        report_digest: Of the very report, so that an edited one cannot use the waiver.
        group: The group that fares worse; None where the measure knows no groups.
        reason: Why the release may go on.
        mitigation: What is done about it until then.
    """

    waiver_id: str
    report_id: ReportId
    report_digest: Digest
    measure: str
    attribute: str | None
    group: str | None
    reason: str
    mitigation: str
    requested_at: Utc
    expires_at: Utc


class Waiver(WaiverRequest):
    """A request with what became of it."""

    author: str
    approver: str | None = None
    status: Status = "requested"
    revoked_by: str | None = None

    @property
    def key(self) -> str:
        """The key of the measure it is for."""
        return f"{self.measure} by {self.attribute}" if self.attribute else self.measure

    def against(self, now: datetime, max_days: int) -> str | None:
        """Say why the waiver does not count; None when it does.

        Args:
            now: Aware time.
            max_days: Longest life allowed; a longer one never counts.
        """
        if self.status == "revoked":
            return f"waiver {self.waiver_id} was revoked by {self.revoked_by}"
        if now >= self.expires_at:
            return f"waiver {self.waiver_id} expired at {self.expires_at:%Y-%m-%d %H:%M} UTC"
        if self.approver is None:
            return f"waiver {self.waiver_id} waits for somebody other than {self.author} to approve it"
        if same_person(self.author, self.approver):
            return f"waiver {self.waiver_id} was approved by its own author"
        if (self.expires_at - self.requested_at).total_seconds() > max_days * 86_400:
            return f"waiver {self.waiver_id} was made for more than {max_days} days"
        return None

    def lapsed(self, now: datetime) -> bool:
        """Tell whether it counted once and does so no more."""
        was_good = self.approver is not None and not same_person(self.author, self.approver)
        return was_good and (self.status == "revoked" or now >= self.expires_at)


class SignOff(Record):
    """One member's word on one report; a later word of the same member stands in its place."""

    report_id: ReportId
    report_digest: Digest
    decision: Decision
    name: str
    note: str
    at: Utc


@dataclass(frozen=True)
class Book:
    """Where everything stands after the last entry.

    Attributes:
        waivers: By id, oldest first.
        sign_offs: Oldest first, one for each report and member.
    """

    waivers: Mapping[str, Waiver]
    sign_offs: tuple[SignOff, ...]

    def waivers_of(self, report_id: str) -> tuple[Waiver, ...]:
        """List the waivers of a report, oldest first."""
        return tuple(waiver for waiver in self.waivers.values() if waiver.report_id == report_id)

    def sign_offs_of(self, report_id: str) -> tuple[SignOff, ...]:
        """List what members said of a report, oldest first."""
        return tuple(one for one in self.sign_offs if one.report_id == report_id)


EMPTY: Final = Book({}, ())


def replay(entries: Iterable[LogEntry]) -> Book:
    """Follow the entries to where everything stands now.

    Raises:
        ValueError: If an entry is none of the committee's, or speaks of a waiver that nobody asked for.
    """
    book = EMPTY
    for entry in entries:
        book = _after(book, entry)
    return book


def same_person(name: str, other: str) -> bool:
    """Compare names of keys as a person reads them: case, spaces and look-alike forms aside."""
    return _plain(name) == _plain(other)


def _after(book: Book, entry: LogEntry) -> Book:
    facts = entry.facts
    if entry.action == REQUEST:
        asked = Waiver.model_validate({**facts, "author": entry.actor})
        if asked.waiver_id in book.waivers:
            raise ValueError(f"waiver {asked.waiver_id} is asked for twice")
        return replace(book, waivers={**book.waivers, asked.waiver_id: asked})
    if entry.action == APPROVE:
        return _changed(book, facts, {"approver": entry.actor, "status": "approved"})
    if entry.action == REVOKE:
        return _changed(book, facts, {"revoked_by": entry.actor, "status": "revoked"})
    if entry.action == SIGN_OFF:
        said = SignOff.model_validate({**facts, "name": entry.actor})
        others = tuple(one for one in book.sign_offs if not _stands_for(one, said))
        return replace(book, sign_offs=(*others, said))
    raise ValueError(f"{entry.action!r} is nothing that the committee does")


def _changed(book: Book, facts: Mapping[str, Any], changes: Mapping[str, object]) -> Book:
    waiver_id = str(facts.get("waiver_id"))
    if waiver_id not in book.waivers:
        raise ValueError(f"nobody asked for waiver {waiver_id}")
    waiver = book.waivers[waiver_id]
    if waiver.status == "revoked":
        raise ValueError(f"waiver {waiver_id} was revoked before")
    return replace(book, waivers={**book.waivers, waiver_id: waiver.model_copy(update=dict(changes))})


def _stands_for(earlier: SignOff, later: SignOff) -> bool:
    return earlier.report_id == later.report_id and same_person(earlier.name, later.name)


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
