"""The committee's book: who asked for a waiver, who approved it, and what members said of a report.

Every entry is chained to the one before it and signed with the committee's key, its place in the chain among what is
signed. Where the chain or a signature is wrong, no entry counts.
"""

import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from configs.fairness import ReleaseSettings
from configs.settings import StorageSettings
from fairness.audit_store import AuditStore, Evidence, open_reports
from fairness.committee_book import (
    APPROVE,
    REQUEST,
    REVOKE,
    SIGN_OFF,
    Book,
    Decision,
    SignOff,
    Waiver,
    WaiverRequest,
    replay,
    same_person,
)
from fairness.errors import (
    CommitteeLogBroken,
    ReasonMissing,
    ReportCorrupt,
    SignOffConflict,
    WaiverClosed,
    WaiverExpired,
    WaiverNotAllowed,
    WaiverSelfApproved,
    WaiverTooLong,
    WaiverUnknown,
)
from fairness.measures import Measure
from fairness.signing import AUDIT_KEYS, COMMITTEE_KEYS, load_signer, load_verifier, problems_of
from features.locks import held
from privacy.audit_log import AuditLog, LogEntry
from privacy.errors import AuditLogBroken, KeyMissing, KeyUnusable, TimeWithoutZone

LOG: Final = "committee.jsonl"

_N_HEX: Final = 24


class Committee:
    """Reads and writes the book; one instance remembers how far it read, so that a log cut later is noticed.

    Args:
        log: The log file.
        keys_dir: Folder of keys. Reading needs the committee's public key, writing the private one too.
        store: The reports that may be spoken of.
        release: Longest life of a waiver, and whether missing keys may be made.
        now: Gives the aware time.
    """

    def __init__(
        self, log: Path, *, keys_dir: Path, store: AuditStore, release: ReleaseSettings, now: Callable[[], datetime]
    ) -> None:
        self.log = log
        self._keys_dir = keys_dir
        self._store = store
        self._release = release
        self._now = now
        self._read_up_to: tuple[int, str] = (0, "")
        self._reading = threading.Lock()

    def book(self) -> Book:
        """Verify the whole log and say where everything stands.

        Raises:
            CommitteeLogBroken: If it was edited, cut, reordered, or holds an entry that the committee did not sign.
        """
        with self._reading:
            try:
                entries = AuditLog(self.log).entries()
                self._check_seals(entries)
                self._check_grown(entries)
                return replay(entries)
            except (AuditLogBroken, KeyMissing, KeyUnusable, ValueError) as failure:
                raise CommitteeLogBroken(path=self.log, problem=" ".join(str(failure).split())) from None

    def waivers(self, report_id: str) -> tuple[Waiver, ...]:
        """List the waivers of a report, oldest first.

        Raises:
            CommitteeLogBroken: If the log cannot be trusted.
        """
        return self.book().waivers_of(report_id)

    def sign_offs(self, report_id: str) -> tuple[SignOff, ...]:
        """List what members said of a report, oldest first.

        Raises:
            CommitteeLogBroken: If the log cannot be trusted.
        """
        return self.book().sign_offs_of(report_id)

    def request_waiver(
        self,
        report_id: str,
        *,
        measure: str,
        attribute: str | None,
        group: str | None,
        reason: str,
        mitigation: str,
        expires_at: datetime,
        author: str,
    ) -> Waiver:
        """Ask that a statistical verdict of one report be waived; somebody else must approve it.

        Args:
            report_id: The report.
            measure: A measure of its primary family that is FAIL or INSUFFICIENT.
            attribute: By which attribute.
            group: The one that fares worse; any of the measure's where nothing was compared, None where it has none.
            reason: Why the release may go on.
            mitigation: What is done about it until then.
            expires_at: Aware time, not further away than the policy allows.
            author: Name of the caller's key.

        Raises:
            ReportUnknown, ReportCorrupt, SignatureCorrupt: If there is no such report, or it cannot be trusted.
            WaiverNotAllowed: If it is not for a waiver to lift.
            WaiverTooLong, WaiverExpired, ReasonMissing: If it would not end in time, or says too little.
            CommitteeLogBroken: If the log cannot be trusted.
        """
        now = self._now()
        self._require_life(expires_at, now)
        _require_words(reason=reason, mitigation=mitigation, author=author)
        evidence = self._trusted(report_id)
        _require_waivable(evidence, measure, attribute, group)
        asked = WaiverRequest(
            waiver_id=f"wv_{secrets.token_hex(_N_HEX // 2)}",
            report_id=report_id,
            report_digest=evidence.report_digest,
            measure=measure,
            attribute=attribute,
            group=group,
            reason=reason,
            mitigation=mitigation,
            requested_at=now,
            expires_at=expires_at,
        )
        self._add(author, REQUEST, asked.model_dump(mode="json"))
        return Waiver(**asked.model_dump(), author=author)

    def approve_waiver(self, waiver_id: str, *, approver: str, note: str = "") -> Waiver:
        """Approve a waiver that somebody else asked for.

        Raises:
            WaiverUnknown: If there is no such waiver.
            WaiverClosed: If it was approved or revoked before.
            WaiverExpired: If its time is over.
            WaiverSelfApproved: If the approver asked for it.
            CommitteeLogBroken: If the log cannot be trusted.
        """
        _require_words(approver=approver)
        with self._writing():
            waiver = self._waiver(waiver_id)
            if waiver.status != "requested":
                raise WaiverClosed(waiver_id=waiver_id, status=waiver.status)
            if self._now() >= waiver.expires_at:
                raise WaiverExpired(expires_at=waiver.expires_at, now=self._now())
            if same_person(waiver.author, approver):
                raise WaiverSelfApproved(waiver_id=waiver_id, author=waiver.author)
            self._append(approver, APPROVE, {"waiver_id": waiver_id, "at": self._now().isoformat(), "note": note})
            return self._waiver(waiver_id)

    def revoke_waiver(self, waiver_id: str, *, name: str, note: str = "") -> Waiver:
        """Take a waiver back; what depends on it goes out of service.

        Raises:
            WaiverUnknown: If there is no such waiver.
            WaiverClosed: If it was revoked before.
            CommitteeLogBroken: If the log cannot be trusted.
        """
        _require_words(name=name)
        with self._writing():
            waiver = self._waiver(waiver_id)
            if waiver.status == "revoked":
                raise WaiverClosed(waiver_id=waiver_id, status=waiver.status)
            self._append(name, REVOKE, {"waiver_id": waiver_id, "at": self._now().isoformat(), "note": note})
            return self._waiver(waiver_id)

    def sign_off(self, report_id: str, *, decision: Decision, name: str, note: str = "") -> SignOff:
        """Put on record what a member says of a report; a member may change their mind.

        Args:
            report_id: The report, which must be whole and signed by the auditor.
            decision: `accept` or `refuse`. A refusal takes the model out of service.
            name: Name of the caller's key.
            note: In the member's words.

        Raises:
            ReportUnknown, ReportCorrupt, SignatureCorrupt: If there is no such report, or it cannot be trusted.
            SignOffConflict: If the member said this already.
            CommitteeLogBroken: If the log cannot be trusted.
        """
        _require_words(name=name)
        evidence = self._trusted(report_id)
        said = SignOff(
            report_id=report_id,
            report_digest=evidence.report_digest,
            decision=decision,
            name=name,
            note=note,
            at=self._now(),
        )
        with self._writing():
            before = [one for one in self.book().sign_offs_of(report_id) if same_person(one.name, name)]
            if before and before[-1].decision == decision:
                raise SignOffConflict(report_id=report_id, decision=decision, at=before[-1].at)
            self._append(name, SIGN_OFF, said.model_dump(mode="json", exclude={"name"}))
        return said

    def _trusted(self, report_id: str) -> Evidence:
        evidence = self._store.open(report_id)
        problems = problems_of(
            evidence.signature, evidence.report, evidence.report_digest, load_verifier(self._keys_dir, AUDIT_KEYS)
        )
        if evidence.report.report_id != report_id:
            problems.append(f"it holds report {evidence.report.report_id}")
        if problems:
            raise ReportCorrupt(source=report_id, fault="; ".join(problems))
        return evidence

    def _waiver(self, waiver_id: str) -> Waiver:
        book = self.book()
        if waiver_id not in book.waivers:
            raise WaiverUnknown(waiver_id=waiver_id)
        return book.waivers[waiver_id]

    def _require_life(self, expires_at: datetime, now: datetime) -> None:
        if expires_at.tzinfo is None:
            raise TimeWithoutZone(field="expires_at")
        if expires_at <= now:
            raise WaiverExpired(expires_at=expires_at, now=now)
        if expires_at > now + timedelta(days=self._release.max_waiver_days):
            days = (expires_at - now).total_seconds() / 86_400
            raise WaiverTooLong(days=days, max_days=self._release.max_waiver_days)

    def _add(self, actor: str, action: str, facts: dict[str, object]) -> None:
        with self._writing():
            self.book()  # nothing is added to a log that cannot be trusted
            self._append(actor, action, facts)

    def _append(self, actor: str, action: str, facts: dict[str, object]) -> None:
        signer = load_signer(self._keys_dir, COMMITTEE_KEYS, create=self._release.create_missing_keys)
        AuditLog(self.log).append(actor, action, facts, seal=signer.sign)

    def _writing(self) -> AbstractContextManager[None]:
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return held(self.log.with_name(f".{self.log.name}.lock"))

    def _check_seals(self, entries: list[LogEntry]) -> None:
        if not entries:
            return  # a committee that never spoke needs no key
        verifier = load_verifier(self._keys_dir, COMMITTEE_KEYS)
        for number, entry in enumerate(entries, start=1):
            if entry.seal is None or not verifier.verifies(entry.sealed, entry.seal):
                raise ValueError(f"line {number} was not signed by the committee's key {verifier.key_id}")

    def _check_grown(self, entries: list[LogEntry]) -> None:
        n_read, last = self._read_up_to
        if n_read and (len(entries) < n_read or entries[n_read - 1].digest != last):
            raise ValueError(f"it held {n_read} other entries when it was read before, and may only grow")
        if entries:
            self._read_up_to = len(entries), entries[-1].digest


def log_file(storage: StorageSettings) -> Path:
    """Say where the log lies."""
    return storage.audit / LOG


def open_committee(storage: StorageSettings, release: ReleaseSettings, now: Callable[[], datetime]) -> Committee:
    """Open the book where the settings put it."""
    store = open_reports(storage)
    return Committee(log_file(storage), keys_dir=storage.keys, store=store, release=release, now=now)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def _require_waivable(evidence: Evidence, measure: str, attribute: str | None, group: str | None) -> None:
    found = [one for one in evidence.report.measures if (one.measure, one.attribute) == (measure, attribute)]
    key = f"{measure} by {attribute}" if attribute else measure
    why = _why_not(found[0], group) if found else "the report holds no such measure"
    if evidence.report.kind != "release":
        why = "the report is of live decisions, which releases nothing"
    if why:
        raise WaiverNotAllowed(report_id=evidence.report.report_id, measure=key, group=group or "", why=why)


def _why_not(measure: Measure, group: str | None) -> str | None:
    """Say why a waiver cannot lift a measure for a group; None when it can."""
    if measure.family == "invariant":
        return "it is a hard invariant, which no waiver lifts"
    if measure.family != "primary":
        return "it decides nothing, so there is nothing to waive"
    if measure.verdict == "PASS":
        return "it passed"
    known = [one.group for one in measure.groups]
    if (group is None and known) or (group is not None and group not in known):
        return f"its groups are {', '.join(known) or 'none'}"
    worst = measure.contrast.worst_group if measure.contrast else None
    if measure.verdict == "FAIL" and worst in known and group != worst:
        return f"the verdict is about the group {worst!r}"
    return None


def _require_words(**texts: str) -> None:
    for field, text in texts.items():
        if not text.strip():
            raise ReasonMissing(field=field)
