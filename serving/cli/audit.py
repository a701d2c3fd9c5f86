"""`fairshelf audit`: the only command that acts in the audit role and reads the sealed demographics."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from configs.settings import Settings
from fairness.errors import AuditNotPassed
from serving.cli.options import AsJson, Overrides, Profile, settings_of
from serving.cli.output import Steps, complain, say, show, show_rows

if TYPE_CHECKING:
    import pandas as pd

    from fairness.audit_store import Evidence
    from training.artifact import Bundle

_DECIDING = ("invariant", "primary")


def audit(
    model: Annotated[str, typer.Argument(help="Model and, if not the newest, version: two-tower, or demand@3.")],
    live: Annotated[
        bool, typer.Option("--live", help="Audit what the champion really showed, and how far that has drifted.")
    ] = False,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Audit a version for fairness, sign the report, and say where it is; exit code 3 unless the verdict is PASS.

    With --live only a FAIL gives exit code 3: too little on record is no refusal.
    """
    settings, steps = settings_of(profile, overrides), Steps()
    name, _, version = model.partition("@")
    found = live_audit(settings, name, steps) if live else audit_version(settings, name, version or None, steps)
    _show(settings, found, as_json=as_json)
    verdict = found.report.verdict
    if verdict == "FAIL" or (verdict != "PASS" and not live):
        raise AuditNotPassed(verdict=verdict, reasons=found.report.reasons)


def audit_version(settings: Settings, name: str, version: str | None, steps: Steps) -> "Evidence":
    """Audit a version, the newest if none is named.

    Raises:
        ModelVersionUnknown: If there is no such bundle.
        ModelNotAudited: If no measures are registered that decide about the model.
    """
    from serving.auditing.run import audit_bundle
    from training.promote import open_candidate

    bundle = open_candidate(settings.storage.bundles, name, version)
    return audit_bundle(bundle, settings, demographics_of(settings, bundle, "audit"), now=_now, progress=steps)


def ensure_audit(settings: Settings, bundle: "Bundle", snapshot_digest: str, steps: Steps) -> "Evidence":
    """Find the audit of exactly this bundle, policy and data, or make it, and lay it beside the bundle.

    One that is too old to let anything in, or whose files cannot be read, is made anew.
    """
    from fairness.audit_store import attach, open_reports
    from fairness.policy import policy_digest

    found = open_reports(settings.storage).find(
        bundle_digest=bundle.digest, policy_digest=policy_digest(settings.fairness), snapshot_digest=snapshot_digest
    )
    longest = timedelta(days=settings.fairness.release.max_report_age_days)
    if found is None or _now() - found.report.created_at >= longest:
        return audit_version(settings, bundle.manifest.name, bundle.manifest.version, steps)
    steps(f"audit: {found.report.report_id} is on file for this bundle, policy and data")
    attach(bundle.directory, found)
    return found


def live_audit(settings: Settings, name: str, steps: Steps) -> "Evidence":
    """Audit what the champion of a model really showed.

    Raises:
        NoChampion: If nothing was promoted yet.
        ReportNotAttached: If no report let it through.
        LiveDecisionsTooFew: If too little is on record.
    """
    from fairness.audit_store import read_attached
    from serving.auditing.run import audit_live
    from training.artifact import load_champion

    bundle = load_champion(settings.storage.bundles, name)
    released = read_attached(bundle.directory).report
    return audit_live(bundle, released, settings, demographics_of(settings, bundle, "audit"), now=_now, progress=steps)


def demographics_of(settings: Settings, bundle: "Bundle", verb: str) -> "pd.DataFrame | None":
    """Open the sealed attributes in the audit role; every opening is in the log. None when there are none.

    Args:
        settings: All sections.
        bundle: The version under audit.
        verb: The command that asks, for the log.
    """
    from fairness.demographics import AUDIT_ROLE, read_demographics
    from fairness.errors import DemographicsMissing
    from features.ingest import SEALED_DEMOGRAPHICS
    from privacy.audit_log import AuditLog
    from privacy.forgetting.tombstones import tombstones_on_file
    from privacy.pseudonyms import load_pseudonymizer
    from privacy.sealed import PRIVATE_KEY
    from privacy.state import open_state

    storage, manifest = settings.storage, bundle.manifest
    log = AuditLog(storage.demographics_log)
    reason = f"fairshelf {verb} {manifest.name}@{manifest.version}"
    sealed = storage.audit / SEALED_DEMOGRAPHICS
    try:
        tombs = tombstones_on_file(open_state(storage.state_db), storage.keys, settings.privacy)
        erased = tombs.of_pseudonyms if tombs else None
        key = storage.keys / PRIVATE_KEY
        customers = read_demographics(sealed, key, log, role=AUDIT_ROLE, reason=reason, erased=erased)
        names = load_pseudonymizer(storage.keys, settings.privacy)  # sealed under the names of their day
        return customers.assign(customer_id=customers["customer_id"].map(names.renamed))
    except DemographicsMissing as missing:
        complain(f"{missing} The verdict can only be INSUFFICIENT.", 0)
        return None


def said_of(settings: Settings, found: "Evidence") -> str:
    """Say in one line what an audit found and where its page lies."""
    from fairness.audit_store import open_reports

    report = found.report
    page = open_reports(settings.storage).page(report.report_id)
    return f"audited {report.verdict}, signed by key {found.signature.key_id}; the report: {page}"


def _show(settings: Settings, found: "Evidence", *, as_json: bool) -> None:
    from fairness.audit_store import open_reports

    report, store = found.report, open_reports(settings.storage)
    page = store.page(report.report_id)
    facts = {
        "report_id": report.report_id,
        "model": f"{report.model.name}@{report.model.version}",
        "verdict": report.verdict,
        "report": page,
        "json": page.with_name("report.json"),
        "notice": page.with_name("notice.html"),
        "digest": found.report_digest,
        "signed_by": found.signature.key_id,
    }
    if as_json:
        return show({**facts, "reasons": report.reasons}, as_json=True)
    rows = [
        (
            measure.verdict,
            measure.key,
            _figure(measure.contrast.value if measure.contrast else None),
            _interval(measure.contrast.interval_95 if measure.contrast else None),
            _figure(measure.margin),
        )
        for measure in report.measures
        if measure.family in _DECIDING
    ]
    show_rows(("verdict", "measure", "worst", "95% interval", "margin"), rows, title="What decides")
    others = [measure for measure in report.measures if measure.family not in _DECIDING]
    counted = {verdict: sum(m.verdict == verdict for m in others) for verdict in ("PASS", "FAIL", "INSUFFICIENT")}
    say(f"looked at besides: {', '.join(f'{n} {verdict}' for verdict, n in counted.items())}; all are in the report")
    return show(facts, as_json=False, title="Fairness audit")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.4g} to {interval[1]:.4g}"


def _now() -> datetime:
    return datetime.now(UTC)
