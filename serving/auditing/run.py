"""One audit from beginning to end: evidence, report, signature, and both kept where they are looked for."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import pandas as pd

from configs.settings import PROJECT_ROOT, Settings
from fairness import audit_store, signing
from fairness.audit import Subject, conclude, n_unknown
from fairness.audit_store import open_reports
from fairness.invariants import identity_invariant
from fairness.measures import Measure, Surface
from fairness.notice import Sizes, render_notice
from fairness.policy import Policy
from fairness.report import DataReference, ModelReference, Report, ReportKind
from fairness.report_page import render_report
from features.columns import CUSTOMER_ID
from features.lake import Lake
from serving.auditing.demand import audit_demand
from serving.auditing.evidence import Evidence
from serving.auditing.live import audit_live_recommendations
from serving.auditing.live_prices import audit_live_prices
from serving.auditing.recommender import audit_recommender
from serving.auditing.sizes import released_sizes
from training.artifact import Bundle
from training.lineage import code_commit

Progress = Callable[[str], None]

_RELEASE: Final = {"two-tower": audit_recommender, "demand": audit_demand}
_LIVE: Final = {"two-tower": audit_live_recommendations, "demand": audit_live_prices}
_SURFACES: Final[Mapping[str, Surface]] = {"two-tower": "recommendations", "demand": "prices"}
_CARD: Final = "model_card.md"
_WRITING: Final = "report: verdicts, pages, signature"


def audit_bundle(
    bundle: Bundle,
    settings: Settings,
    demographics: pd.DataFrame | None,
    *,
    now: Callable[[], datetime],
    progress: Progress,
) -> audit_store.Evidence:
    """Audit a bundle for release; the signed report is kept with all reports and laid beside the bundle.

    Args:
        bundle: Opened, so its files are whole.
        settings: All sections.
        demographics: From the audit role's reader; None when there are none, so that nothing can be compared.
        now: The wall clock.
        progress: Told each step in words.

    Raises:
        ModelNotAudited: If no primary family is registered for the model.
        KeyMissing: If there is no signing key and none may be made.
        LedgerBroken, ClockMovedBack: If the privacy ledger, which the public notice's numbers are charged to, cannot
            be trusted.
    """
    name = bundle.manifest.name
    policy = Policy(settings.fairness, name)
    signer = _signer(settings)
    evidence = _RELEASE[name](bundle, settings, policy, demographics, _sensitive(demographics), progress)
    ended = Bundle.open(bundle.directory).digest  # reads every file again
    identity = identity_invariant(_SURFACES[name], bundle.digest, ended)
    progress(_WRITING)
    snapshot = Lake.open(settings.storage.lake).manifest.snapshot_digest
    sizes = released_sizes(
        evidence.groupings, policy, settings, snapshot_digest=snapshot, window=evidence.window, progress=progress
    )
    kept = _report(bundle, settings, policy, _with(evidence, identity), "release", signer, now, sizes)
    audit_store.attach(bundle.directory, kept)
    return kept


def audit_live(
    bundle: Bundle,
    released: Report,
    settings: Settings,
    demographics: pd.DataFrame | None,
    *,
    now: Callable[[], datetime],
    progress: Progress,
) -> audit_store.Evidence:
    """Audit what a champion really showed; the signed report is kept with all reports and decides no release.

    Args:
        bundle: The champion.
        released: The report that let it through.
        settings: All sections.
        demographics: From the audit role's reader; None when there are none.
        now: The wall clock.
        progress: Told each step in words.

    Raises:
        ModelNotAudited: If no primary family is registered for the model.
        LiveDecisionsTooFew: If too little is on record.
        KeyMissing: If there is no signing key and none may be made.
    """
    name = bundle.manifest.name
    policy = Policy(settings.fairness, name)
    signer = _signer(settings)
    evidence = _LIVE[name](bundle, settings, policy, demographics, released, now(), progress)
    progress(_WRITING)
    return _report(bundle, settings, policy, evidence, "live", signer, now)


def _report(
    bundle: Bundle,
    settings: Settings,
    policy: Policy,
    evidence: Evidence,
    kind: ReportKind,
    signer: signing.Signer,
    now: Callable[[], datetime],
    sizes: Sizes | None = None,
) -> audit_store.Evidence:
    store, manifest = open_reports(settings.storage), bundle.manifest
    before = store.previous(manifest.name)
    subject = Subject(
        model=ModelReference(name=manifest.name, version=manifest.version, bundle_digest=bundle.digest),
        data=DataReference(
            snapshot_digest=Lake.open(settings.storage.lake).manifest.snapshot_digest,
            window_start=evidence.window[0],
            window_end=evidence.window[1],
            n_customers=evidence.n_customers,
            n_unknown=n_unknown(evidence.groupings),
        ),
        kind=kind,
        provenance=manifest.provenance,
        model_card=bundle.text(_CARD) if f"texts/{_CARD}" in manifest.files else "",
        code_commit=code_commit(PROJECT_ROOT),
    )
    moment = now()
    report = conclude(subject, evidence.findings, policy, before.report if before else None, moment)
    page, notice = render_report(report), render_notice(report, sizes=sizes)
    pages = {audit_store.PAGE: page, audit_store.NOTICE: notice}
    store.add(report, signing.sign_report(report, signer, moment, pages), page=page, notice=notice)
    return store.open(report.report_id)


def _signer(settings: Settings) -> signing.Signer:
    """Read the auditor's key before any work is done, so that a missing one is told at once."""
    create = settings.fairness.release.create_missing_keys
    return signing.load_signer(settings.storage.keys, signing.AUDIT_KEYS, create=create)


def _with(evidence: Evidence, *more: Measure) -> Evidence:
    findings = replace(evidence.findings, measures=(*evidence.findings.measures, *more))
    return replace(evidence, findings=findings)


def _sensitive(demographics: pd.DataFrame | None) -> Collection[str]:
    return [] if demographics is None else [name for name in demographics.columns if name != CUSTOMER_ID]
