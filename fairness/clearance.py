"""Whether a bundle may serve: the evidence beside it, the auditor's signature, the policy, the committee's book.

A bundle that promises differential privacy needs the empirical audit of that promise as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from configs.fairness import ReleaseSettings
from fairness.audit import REQUIRED_INVARIANTS
from fairness.audit_store import Evidence, read_attached
from fairness.committee import Committee
from fairness.committee_book import EMPTY, Book, Waiver
from fairness.errors import (
    ClearanceLapsed,
    ClearanceRefused,
    CommitteeLogBroken,
    ReportCorrupt,
    ReportNotAttached,
    SignatureCorrupt,
)
from fairness.measures import Measure
from fairness.policy import Policy
from fairness.privacy_evidence import judge_privacy
from fairness.report import Report
from fairness.signing import AUDIT_KEYS, Verifier, load_verifier, problems_of
from fairness.verdict import overall
from privacy.errors import KeyMissing, KeyUnusable

Found = TypeVar("Found")

_SHOWN: Final = 12  # digits of a digest in a message


@dataclass(frozen=True)
class Clearance:
    """Leave to serve, and until when.

    Attributes:
        name: Model name.
        version: Version of the bundle.
        bundle_digest: Of the bundle.
        report_id: The report it rests on.
        report_digest: Of that report's file.
        until: When the report, or the first waiver that is needed, expires; aware UTC.
        waiver_ids: The waivers that are needed.
    """

    name: str
    version: str
    bundle_digest: str
    report_id: str
    report_digest: str
    until: datetime
    waiver_ids: tuple[str, ...] = ()


@dataclass
class _Case:
    """What speaks against a bundle so far.

    Attributes:
        doubts: Why the evidence cannot be believed to be what the auditor and the committee wrote, of this bundle.
        faults: Why genuine evidence does not clear the bundle.
        lapses: What the bundle had once and has no more, and proof that it is unfair.
        ends: When the things end that the clearance rests on.
        waiver_ids: The waivers among them.
    """

    doubts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    lapses: list[str] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)
    waiver_ids: list[str] = field(default_factory=list)

    @property
    def reasons(self) -> list[str]:
        """All of it."""
        return [*self.doubts, *self.faults, *self.lapses]


def require_clearance(
    source: Path | Evidence,
    *,
    name: str,
    version: str,
    bundle_digest: str,
    policy: Policy,
    keys_dir: Path,
    committee: Committee,
    now: datetime,
    snapshot_digest: str | None = None,
) -> Clearance:
    """Let a bundle serve only with a whole, genuine, fresh report of this very bundle that passed or was waived.

    Nothing is believed because it is written beside the bundle: the report's bytes must be those that the auditor
    signed, the verdict is reckoned again from the measures, and waivers and sign-offs count only as entries of the
    committee's own verified log.

    Args:
        source: The bundle's folder, already opened and found whole; or evidence that does not lie beside it yet, judged
            as if it did.
        name: Model name, as the caller knows it.
        version: Version of the bundle.
        bundle_digest: Of the bundle that was opened.
        policy: The policy in force.
        keys_dir: Folder with the public keys.
        committee: Its book.
        now: Aware time.
        snapshot_digest: Of the data that the audit must have looked at; None takes what the report says.

    Raises:
        ClearanceRefused: If the bundle is not cleared; every reason is listed.
        ClearanceLapsed: If the evidence is genuine, but expired, or the committee withdrew what it rested on.
    """
    case = _Case()
    evidence = source if isinstance(source, Evidence) else _told(case, lambda: read_attached(source))
    verifier = _told(case, lambda: load_verifier(keys_dir, AUDIT_KEYS))
    if evidence is not None:
        _judge_identity(case, evidence, verifier, name, version, bundle_digest)
        _judge_release(case, evidence.report, policy, snapshot_digest)
        newest = max(evidence.report.created_at, evidence.signature.created_at)
        _judge_age(case, "report", evidence.report.created_at, newest, policy.settings.release, now)
        book = _book(case, committee)
        _judge_measures(case, evidence, policy, book, now)
        _judge_sign_offs(case, evidence, policy.settings.release, book)
    exact = {"name": name, "version": version, "bundle_digest": bundle_digest}
    _judge_privacy(case, source, verifier, exact, policy.settings.release, now)
    if case.reasons or evidence is None:
        lapsed = bool(case.lapses) and not case.doubts
        refusal = ClearanceLapsed if lapsed else ClearanceRefused
        raise refusal(name=name, version=version, bundle_digest=bundle_digest, reasons=case.reasons)
    return _clearance(evidence, case)


def require_still_cleared(
    clearance: Clearance, *, committee: Committee, release: ReleaseSettings, now: datetime
) -> None:
    """Look again at what may end a clearance, whatever lies beside the bundle by now.

    Args:
        clearance: Given earlier.
        committee: Its book.
        release: Longest life of a waiver.
        now: Aware time.

    Raises:
        ClearanceLapsed: If it ended, a waiver it needs is over, or a member refused the report.
        CommitteeLogBroken: If the log cannot be trusted, which neither clears nor withdraws anything.
    """
    book = committee.book()
    reasons = _refusals(book, clearance.report_id, clearance.report_digest)
    if now >= clearance.until:
        reasons.append(f"its clearance ended at {clearance.until:%Y-%m-%d %H:%M} UTC")
    for waiver_id in clearance.waiver_ids:
        waiver = book.waivers.get(waiver_id)
        against = waiver.against(now, release.max_waiver_days) if waiver else f"waiver {waiver_id} is not on record"
        reasons += [against] if against else []
    if reasons:
        raise ClearanceLapsed(
            name=clearance.name, version=clearance.version, bundle_digest=clearance.bundle_digest, reasons=reasons
        )


def _clearance(evidence: Evidence, case: _Case) -> Clearance:
    """Write down what a case without reasons against it rests on."""
    report = evidence.report
    return Clearance(
        name=report.model.name,
        version=report.model.version,
        bundle_digest=report.model.bundle_digest,
        report_id=report.report_id,
        report_digest=evidence.report_digest,
        until=min(case.ends),
        waiver_ids=tuple(case.waiver_ids),
    )


def _told(case: _Case, read: Callable[[], Found]) -> Found | None:
    try:
        return read()
    except (ReportNotAttached, ReportCorrupt, SignatureCorrupt, KeyMissing, KeyUnusable) as failure:
        case.doubts.append(str(failure))
        return None


def _book(case: _Case, committee: Committee) -> Book:
    try:
        return committee.book()
    except CommitteeLogBroken as broken:
        case.doubts.append(str(broken))
        return EMPTY


def _judge_identity(
    case: _Case, evidence: Evidence, verifier: Verifier | None, name: str, version: str, bundle_digest: str
) -> None:
    """Doubt a report that the auditor did not sign, or that is of something else."""
    report, model = evidence.report, evidence.report.model
    if verifier is not None:
        case.doubts += problems_of(evidence.signature, report, evidence.report_digest, verifier)
    if model.name != name:
        case.doubts.append(f"the report is of the model {model.name!r}, not of {name!r}")
    if model.version != version:
        case.doubts.append(f"the report is of version {model.version}, not of {version}")
    if model.bundle_digest != bundle_digest:
        found, wanted = model.bundle_digest[:_SHOWN], bundle_digest[:_SHOWN]
        case.doubts.append(f"the report is of bundle {found}, but this is {wanted}: the audit did not look at it")


def _judge_release(case: _Case, report: Report, policy: Policy, snapshot_digest: str | None) -> None:
    """Fault a report of another policy or other data, or one that is no release audit."""
    if report.kind != "release":
        case.faults.append("the report is of live decisions and lets nothing in; audit the bundle itself")
    if report.policy_digest != policy.digest:
        found, wanted = report.policy_digest[:_SHOWN], policy.digest[:_SHOWN]
        case.faults.append(f"it was audited under policy {found}, but {wanted} is in force; audit it again")
    if snapshot_digest is not None and report.data.snapshot_digest != snapshot_digest:
        found, wanted = report.data.snapshot_digest[:_SHOWN], snapshot_digest[:_SHOWN]
        case.faults.append(f"it was audited on data snapshot {found}, but {wanted} is in the lake; audit it again")


def _judge_age(
    case: _Case, what: str, created_at: datetime, newest: datetime, release: ReleaseSettings, now: datetime
) -> None:
    """Fault evidence from the future, and let it lapse when it is too old."""
    if newest > now + timedelta(minutes=release.max_clock_skew_minutes):
        case.faults.append(
            f"the {what} is from {newest:%Y-%m-%d %H:%M} UTC, but this machine's clock says {now:%Y-%m-%d %H:%M} UTC, "
            f"and {release.max_clock_skew_minutes:g} minutes are allowed; set the clock that is off, or audit again"
        )
    ends = created_at + timedelta(days=release.max_report_age_days)
    case.ends.append(ends)
    if now >= ends:
        case.lapses.append(
            f"the {what} is from {created_at:%Y-%m-%d} and expired at {ends:%Y-%m-%d %H:%M} UTC, after "
            f"{release.max_report_age_days} days; audit the bundle again"
        )


def _judge_privacy(
    case: _Case,
    source: Path | Evidence,
    verifier: Verifier | None,
    exact: Mapping[str, str],
    release: ReleaseSettings,
    now: datetime,
) -> None:
    """Hold a bundle that promises differential privacy to the empirical audit of that promise; no waiver lifts it."""
    found = judge_privacy(source, verifier=verifier, **exact) if isinstance(source, Path) else None
    if found is None:
        return
    case.doubts += found.doubts
    case.lapses += found.failures  # proof that it reveals more than it says takes out what was let in
    if found.created_at is not None:
        _judge_age(case, "privacy audit", found.created_at, found.created_at, release, now)


def _judge_measures(case: _Case, evidence: Evidence, policy: Policy, book: Book, now: datetime) -> None:
    """Reckon the verdict again: every invariant passed, every primary measure is there and passed or is waived."""
    report = evidence.report
    reckoned = overall(report.measures, report.waived)
    if reckoned != report.verdict:
        case.faults.append(f"the report calls itself {report.verdict}, but its measures say {reckoned}")
    case.faults += _absent(report, policy)
    for measure in report.measures:
        if measure.family == "invariant" and measure.verdict != "PASS":
            said = f"{measure.key} is {measure.verdict}, a hard invariant, which no waiver lifts"
            (case.lapses if measure.verdict == "FAIL" else case.faults).append(said)
        if measure.family == "primary" and measure.verdict != "PASS":
            _judge_waivers(case, evidence, measure, policy, book, now)


def _absent(report: Report, policy: Policy) -> list[str]:
    """Name what the policy registers and the report is silent about."""
    primary = {(one.measure, one.attribute) for one in report.measures if one.family == "primary"}
    invariant = {one.measure for one in report.measures if one.family == "invariant"}
    silent = [
        f"{entry.measure} by {entry.attribute}"
        for entry in policy.primary
        if (entry.measure, entry.attribute) not in primary
    ]
    silent += [one.measure for one in REQUIRED_INVARIANTS[policy.model] if one.measure not in invariant]
    return [f"the report says nothing of what must decide: {', '.join(silent)}"] if silent else []


def _judge_waivers(
    case: _Case, evidence: Evidence, measure: Measure, policy: Policy, book: Book, now: datetime
) -> None:
    """Look for a waiver in force for a measure that did not pass."""
    max_days = policy.settings.release.max_waiver_days
    waivers = [waiver for waiver in book.waivers_of(evidence.report.report_id) if _is_for(waiver, evidence, measure)]
    good = [waiver for waiver in waivers if waiver.against(now, max_days) is None]
    if good:
        longest = max(good, key=lambda waiver: waiver.expires_at)
        case.ends.append(longest.expires_at)
        case.waiver_ids.append(longest.waiver_id)
        return
    why = [str(waiver.against(now, max_days)) for waiver in waivers] or ["it has no waiver"]
    # A genuine FAIL is proof, not silence: it takes a model out that an earlier report let in.
    lapsed = measure.verdict == "FAIL" or any(waiver.lapsed(now) for waiver in waivers)
    (case.lapses if lapsed else case.faults).append(f"{measure.key} is {measure.verdict}, and {'; '.join(why)}")


def _is_for(waiver: Waiver, evidence: Evidence, measure: Measure) -> bool:
    """Tell whether a waiver is for this measure of this very report and for the group that its verdict is about."""
    worst = measure.contrast.worst_group if measure.contrast else None
    named = {one.group for one in measure.groups}
    right_group = measure.verdict != "FAIL" or worst not in named or waiver.group == worst
    return waiver.report_digest == evidence.report_digest and waiver.key == measure.key and right_group


def _judge_sign_offs(case: _Case, evidence: Evidence, release: ReleaseSettings, book: Book) -> None:
    """Count who accepted the report, and let it lapse where somebody refused it."""
    report = evidence.report
    case.lapses += _refusals(book, report.report_id, evidence.report_digest)
    accepted = [
        one.name
        for one in book.sign_offs_of(report.report_id)
        if one.decision == "accept" and one.report_digest == evidence.report_digest
    ]
    if len(accepted) < release.required_sign_offs:
        case.faults.append(
            f"{len(accepted)} member(s) of the committee accepted report {report.report_id}, and "
            f"{release.required_sign_offs} must; ask the committee to read and sign it"
        )


def _refusals(book: Book, report_id: str, report_digest: str) -> list[str]:
    return [
        f"{one.name} refused report {report_id} for the committee at {one.at:%Y-%m-%d %H:%M} UTC"
        for one in book.sign_offs_of(report_id)
        if one.decision == "refuse" and one.report_digest == report_digest
    ]
