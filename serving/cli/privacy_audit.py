"""`fairshelf privacy audit`: planted customers against the privacy claim of a version, in the audit role."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from configs.settings import Settings
from serving.cli.audit import demographics_of
from serving.cli.options import AsJson, Overrides, Profile, settings_of
from serving.cli.output import Steps, say, show, show_rows

if TYPE_CHECKING:
    from fairness.groups import Grouping
    from privacy.auditing.record_store import SignedRecord
    from serving.auditing.examined import MembershipReport
    from serving.auditing.privacy import PrivacyAudit
    from training.artifact import Bundle


def audit(
    model: Annotated[str, typer.Argument(help="Model and, if not the newest, version: two-tower, or two-tower@3.")],
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Plant customers in a twin of a private version and hold what they give away against its claim.

    Exit code 3 if anything contradicts the claim. Attacks on real customers are shown beside and decide nothing; their
    figures are exact and for the audit role.
    """
    from privacy.auditing.errors import PrivacyAuditNotPassed
    from training.promote import open_candidate

    settings = settings_of(profile, overrides)
    name, _, version = model.partition("@")
    bundle = open_candidate(settings.storage.bundles, name, version or None)
    found = audit_version(settings, bundle, Steps())
    record = found.signed.record
    _show(settings, found, as_json=as_json)
    if not record.passed:
        raise PrivacyAuditNotPassed(name=record.name, version=record.version, reasons=record.reasons)


def audit_version(settings: Settings, bundle: "Bundle", steps: Steps) -> "PrivacyAudit":
    """Audit an opened version.

    Raises:
        NothingPromised: If it claims no privacy.
        PrivacyAuditUnwritten: If it does, and no audit of its releases is written.
    """
    from fairness.audit import groupings_of
    from fairness.policy import Policy
    from serving.auditing.privacy import audit_privacy

    def groupings(customer_ids: Sequence[str]) -> "list[Grouping]":
        return groupings_of(
            demographics_of(settings, bundle, "privacy audit"),
            customer_ids,
            Policy(settings.fairness, bundle.manifest.name),
        )

    return audit_privacy(bundle, settings, groupings, now=_now, progress=steps)


def ensure_privacy_audit(settings: Settings, bundle: "Bundle", steps: Steps) -> None:
    """Audit a version that promises privacy unless a genuine record of this very bundle lies beside it.

    One that is too old to let anything in is made anew; one that did not pass is not: it stands.
    """
    if bundle.manifest.privacy.mechanism == "none":
        return
    if _on_file(settings, bundle):
        steps("privacy audit: on file for this bundle")
        return
    audit_version(settings, bundle, steps)


def _on_file(settings: Settings, bundle: "Bundle") -> bool:
    from fairness.signing import AUDIT_KEYS, load_verifier
    from privacy.auditing.errors import PrivacyRecordCorrupt, PrivacyRecordMissing
    from privacy.auditing.record_store import attached_path, problems_of, read_signed
    from privacy.errors import KeyMissing

    name, version = bundle.manifest.name, bundle.manifest.version
    try:
        signed = read_signed(attached_path(bundle.directory), model=f"{name}@{version}")
        verifier = load_verifier(settings.storage.keys, AUDIT_KEYS)
    except (PrivacyRecordMissing, PrivacyRecordCorrupt, KeyMissing):
        return False
    longest = timedelta(days=settings.fairness.release.max_report_age_days)
    fresh = _now() - signed.record.created_at < longest
    return fresh and not problems_of(signed, name=name, version=version, bundle_digest=bundle.digest, verifier=verifier)


def _show(settings: Settings, found: "PrivacyAudit", *, as_json: bool) -> None:
    from privacy.auditing.record_store import MEMBERSHIP, report_path

    signed = found.signed
    path = report_path(settings.storage.reports, signed.record.name, signed.record.version)
    places: dict[str, object] = {"record": path, "signed_by": signed.key_id}
    if found.membership is not None:
        places["membership"] = path.with_name(MEMBERSHIP)
    if as_json:
        content = signed.record.model_dump(mode="json") | {"passed": signed.record.passed}
        return show(content | {name: str(place) for name, place in places.items()}, as_json=True)
    _show_findings(signed)
    if found.membership is not None:
        _show_membership(found.membership)
    return show(places, as_json=False, title="Privacy audit")


def _show_membership(report: "MembershipReport") -> None:
    rows = [
        (
            one.release,
            "with noise" if one.private else "without",
            attack.group,
            f"{attack.n_members}/{attack.n_others}",
            f"{attack.auc:.3f} ({attack.auc_interval[0]:.3f} to {attack.auc_interval[1]:.3f})",
            f"{attack.hits:.2%} ({attack.hits_interval[0]:.2%} to {attack.hits_interval[1]:.2%})",
        )
        for one in report.attacked
        for attack in one.attacks
    ]
    show_rows(
        ("release", "noise", "group", "in/out", "area under ROC", "found at 0.1% false alarms"),
        rows,
        title="Membership of real customers: exact, for the audit role",
    )


def _show_findings(signed: "SignedRecord") -> None:
    record, claim = signed.record, signed.record.claim
    say(
        f"{record.name}@{record.version} claims epsilon {claim.epsilon:.3f} at delta {claim.delta:.0e}; "
        f"{record.n_canaries:,} canaries for each release, {record.seconds:.0f} s"
    )
    rows = [
        (
            "ok" if finding.passed else "FAIL",
            finding.release,
            finding.test,
            f"{finding.value:.4g}",
            f"{'at most' if finding.passes == 'at_most' else 'at least'} {finding.limit:.4g}",
            finding.unit,
        )
        for finding in record.findings
    ]
    show_rows(
        ("", "release", "test", "found", "claim allows", "unit"), rows, title="Made-up customers against the claim"
    )
    for finding in record.findings:
        say(f"{finding.release}, {finding.test}: {finding.said}")
    for note in record.notes:
        say(f"note: {note}")


def _now() -> datetime:
    return datetime.now(UTC)
