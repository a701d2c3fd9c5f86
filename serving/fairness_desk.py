"""The ethics committee's desk: fairness reports to read, sign-offs and waivers to put on record.

What a member may do is decided in `fairness.committee`; here its records become answers and its errors refusals.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from fairness.audit_store import NOTICE, PAGE, AuditStore, Evidence, Listing
from fairness.committee import Committee
from fairness.committee_book import Book, Decision, SignOff, Waiver
from fairness.errors import ReportUnknown, WaiverExpired
from fairness.report import ReportKind, digest
from fairness.signing import AUDIT_KEYS, Verifier, load_verifier, problems_of
from privacy.errors import KeyMissing, KeyUnusable
from serving.errors import FairnessPageUnknown, FairnessReportDamaged, WaiverClosed
from serving.fairness_refusals import refusing
from serving.lists import rfc3339
from serving.paging import page_of
from serving.schemas_fairness import WaiverRequest, WaiverStatus
from serving.standing import Standings

PageName = Literal["page", "notice"]
Shown = dict[str, Any]

_FILES: Final[dict[PageName, str]] = {"page": PAGE, "notice": NOTICE}


class FairnessDesk:
    """Reads and writes for the committee.

    Args:
        store: The reports.
        committee: The committee's book.
        standings: Says which reports let their models serve.
        keys_dir: Folder with the auditor's public key.
        now: The wall clock.
    """

    def __init__(
        self,
        store: AuditStore,
        committee: Committee,
        standings: Standings,
        *,
        keys_dir: Path,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._committee = committee
        self._standings = standings
        self._keys_dir = keys_dir
        self._now = now

    def reports(self, *, model: str | None, kind: ReportKind | None, limit: int, cursor: str | None) -> Shown:
        """List reports, newest first; those that cannot be read come last, with what is wrong.

        Raises:
            FieldsInvalid: If the cursor is none of ours, or its report is gone.
            CommitteeLogBroken: If the committee's log cannot be trusted.
        """
        with refusing():
            book = self._committee.book()
            shown, after = page_of(
                self._store.newest_first(),
                lambda listing: listing.report_id,
                limit=limit,
                cursor=cursor,
                wanted=lambda listing: _matches(listing, model, kind),
            )
            return {"reports": [self._listed(listing, book) for listing in shown], "next_cursor": after}

    def report(self, report_id: str) -> Shown:
        """Show one report with what became of it.

        Raises:
            FairnessReportUnknown: If it is not on record.
            FairnessReportDamaged: If its files cannot be read.
            CommitteeLogBroken: If the committee's log cannot be trusted.
        """
        with refusing(report_id):
            evidence = self._store.open(report_id)
            book = self._committee.book()
            standing = self._standings.of_report(evidence)
        return {
            **evidence.report.model_dump(mode="json"),
            "sign_offs": [_signed(one) for one in book.sign_offs_of(report_id)],
            "waivers": [self._waiver(one) for one in book.waivers_of(report_id)],
            "signature": evidence.signature.model_dump(mode="json"),
            "status": {
                "cleared": standing.cleared,
                "cleared_until": rfc3339(standing.until) if standing.until else None,
                "reasons": list(standing.reasons),
            },
            "html": {name: self._address(report_id, name) for name in _FILES},
        }

    def page(self, report_id: str, name: PageName) -> bytes:
        """Give a page of a report as it was stored.

        Raises:
            FairnessReportUnknown: If the report is not on record.
            FairnessReportDamaged: If report or page are not as the auditor signed them, so that they prove nothing.
            FairnessPageUnknown: If it was stored without this page.
        """
        with refusing(report_id):
            evidence = self._store.open(report_id)
            try:
                page = self._store.page(report_id, _FILES[name]).read_bytes()
            except (ReportUnknown, FileNotFoundError):
                raise FairnessPageUnknown(report_id=report_id, page=name) from None
            if self._doubts(evidence) or evidence.signature.pages.get(_FILES[name]) != digest(page):
                raise FairnessReportDamaged(report_id=report_id)
            return page

    def sign_off(self, report_id: str, signer: str, *, decision: Decision, note: str) -> Shown:
        """Put on record what a member says of a report.

        Raises:
            FairnessReportUnknown: If it is not on record.
            FairnessReportDamaged: If it is not as the auditor signed it.
            AlreadySignedOff: If the member said the same before.
            CommitteeLogBroken, CommitteeKeysUnusable: If nothing can be put on record.
        """
        with refusing(report_id):
            return _signed(self._committee.sign_off(report_id, decision=decision, name=signer, note=note))

    def waivers(self, *, report_id: str | None, status: WaiverStatus | None, limit: int, cursor: str | None) -> Shown:
        """List waivers, newest first.

        Raises:
            FieldsInvalid: If the cursor is none of ours.
            CommitteeLogBroken: If the committee's log cannot be trusted.
        """
        with refusing():
            oldest_first = tuple(self._committee.book().waivers.values())
        shown, after = page_of(
            oldest_first[::-1],
            lambda waiver: waiver.waiver_id,
            limit=limit,
            cursor=cursor,
            wanted=lambda one: report_id in (None, one.report_id) and status in (None, self._status(one)),
        )
        return {"waivers": [self._waiver(one) for one in shown], "next_cursor": after}

    def request_waiver(self, asked: WaiverRequest, author: str) -> Shown:
        """Ask for a waiver, which counts once somebody else approves it.

        Raises:
            FairnessReportUnknown: If the report is not on record.
            FairnessReportDamaged: If it is not as the auditor signed it.
            WaiverNotAllowed: If the measure is not for a waiver to lift.
            WaiverTimeInvalid: If it would end in the past or too late.
            CommitteeLogBroken, CommitteeKeysUnusable: If nothing can be put on record.
        """
        with refusing(asked.report_id):
            return self._waiver(self._committee.request_waiver(**asked.model_dump(), author=author))

    def approve_waiver(self, waiver_id: str, approver: str, note: str | None) -> Shown:
        """Approve a waiver that somebody else asked for.

        Raises:
            WaiverUnknown: If it is not on record.
            OwnWaiver: If the approver asked for it.
            WaiverClosed: If it was approved or revoked before, or its time is over.
            CommitteeLogBroken, CommitteeKeysUnusable: If nothing can be put on record.
        """
        with refusing(waiver_id):
            try:
                return self._waiver(self._committee.approve_waiver(waiver_id, approver=approver, note=note or ""))
            except WaiverExpired as over:
                raise WaiverClosed(problem=str(over)) from None

    def revoke_waiver(self, waiver_id: str, member: str, note: str | None) -> Shown:
        """Take a waiver back; a model that needs it goes out of service.

        Raises:
            WaiverUnknown: If it is not on record.
            WaiverClosed: If it was revoked before.
            CommitteeLogBroken, CommitteeKeysUnusable: If nothing can be put on record.
        """
        with refusing(waiver_id):
            return self._waiver(self._committee.revoke_waiver(waiver_id, name=member, note=note or ""))

    def _listed(self, listing: Listing, book: Book) -> Shown:
        evidence = listing.evidence
        report = evidence.report if evidence else None
        doubts = self._doubts(evidence) if evidence else []
        return {
            "report_id": listing.report_id,
            "created_at": rfc3339(report.created_at) if report else None,
            "model": report.model.name if report else None,
            "version": report.model.version if report else None,
            "kind": report.kind if report else None,
            "verdict": report.verdict if report else None,
            "signed": evidence is not None and not doubts,
            "sign_offs": len(book.sign_offs_of(listing.report_id)),
            "problem": listing.problem or "; ".join(doubts) or None,
        }

    def _doubts(self, evidence: Evidence) -> list[str]:
        """Say why a report is not as the auditor signed it."""
        try:
            verifier: Verifier = load_verifier(self._keys_dir, AUDIT_KEYS)
        except (KeyMissing, KeyUnusable) as failure:
            return [str(failure)]
        return problems_of(evidence.signature, evidence.report, evidence.report_digest, verifier)

    def _address(self, report_id: str, name: PageName) -> str | None:
        try:
            self._store.page(report_id, _FILES[name])
        except ReportUnknown:
            return None
        return f"/v1/fairness-reports/{report_id}/{name}"

    def _waiver(self, waiver: Waiver) -> Shown:
        return {**waiver.model_dump(mode="json", exclude={"report_digest"}), "status": self._status(waiver)}

    def _status(self, waiver: Waiver) -> WaiverStatus:
        over = waiver.status != "revoked" and self._now() >= waiver.expires_at
        return "expired" if over else waiver.status


def _matches(listing: Listing, model: str | None, kind: ReportKind | None) -> bool:
    report = listing.evidence.report if listing.evidence else None
    of_model = model is None or (report is not None and report.model.name == model)
    return of_model and (kind is None or (report is not None and report.kind == kind))


def _signed(one: SignOff) -> Shown:
    return {"decision": one.decision, "note": one.note, "signed_by": one.name, "signed_at": rfc3339(one.at)}
