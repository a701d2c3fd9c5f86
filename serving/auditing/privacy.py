"""The empirical audit of a version's privacy claim: made-up customers against the claim, attacks on real ones beside.

The gate looks at the made-up customers alone: counts, engine and training of a twin in which nobody is real, at no cost
to the customers' budget. The attacks read real customers and are exact; they go to a file for the audit role, whose
digest the signed record names, and decide nothing.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from configs.settings import Settings, TwoTowerSettings
from fairness.groups import Grouping
from fairness.signing import AUDIT_KEYS, load_signer
from privacy.accounting import epsilon
from privacy.auditing.errors import NothingPromised, PrivacyAuditUnwritten
from privacy.auditing.probe import probe
from privacy.auditing.record import (
    N_COUNT_CHANCES,
    N_ENGINE_CHANCES,
    N_TRAINING_CHANCES,
    AuditRecord,
    Claim,
    Finding,
)
from privacy.auditing.record_store import (
    MEMBERSHIP,
    SignedRecord,
    attached_path,
    report_path,
    sign_record,
    write_private,
    write_record,
)
from privacy.auditing.trial import try_guessing, try_sampling
from serving.auditing.examined import Examined, MembershipReport, settings_of_version
from serving.auditing.private_demand import examine_demand
from training.artifact import Bundle
from training.demand.forecaster import MODEL_NAME as DEMAND
from training.two_tower.fit import snapshot_times
from training.two_tower.private_membership import (
    Marks,
    attack_counts,
    attack_training,
    basket_groups,
    member_ids,
)
from training.two_tower.private_plan import private_plan
from training.two_tower.private_twin import PrivateVersion, audit_counts, audit_training
from training.two_tower.recommender import MODEL_NAME
from training.two_tower.scorer import Scorer
from training.two_tower.sources import Sources, prepare_sources

Progress = Callable[[str], None]
GroupingsOf = Callable[[Sequence[str]], Sequence[Grouping]]
Examiner = Callable[[Bundle, Settings, GroupingsOf, Callable[[], datetime], Progress], Examined]

_NOTES: Final = (
    "Every figure here is of made-up customers in a twin that was trained with the version's own constants on the "
    "popularity that it released; nobody real was read, and nothing was charged.",
    "A bound below the claim proves no privacy: it says that these attacks found no contradiction.",
    "The one-run bound assumes nothing of the scores and reaches about a third of a tight claim. The Gaussian test and "
    "the noise take normal noise for granted and come close to it.",
    "The engine is tried on a model with one parameter per canary; the version's own few parameters drown a thousand "
    "canaries at once, so that its guesses prove little even if something is wrong.",
    "Not seen: a generator that can be foretold, customers who are two people or one person twice, what happened "
    "before the lake, weights changed after training, a fault that shows only with real purchases.",
)


@dataclass(frozen=True)
class PrivacyAudit:
    """A finished audit: its signed record, and the attacks beside it, where any were made."""

    signed: SignedRecord
    membership: MembershipReport | None


def audit_privacy(
    bundle: Bundle, settings: Settings, groupings_of: GroupingsOf, *, now: Callable[[], datetime], progress: Progress
) -> PrivacyAudit:
    """Audit a version, sign the record, keep it with the reports and lay it beside the bundle.

    Args:
        bundle: Opened, so its files are whole.
        settings: All sections.
        groupings_of: Places real customers in groups, in the audit role.
        now: The wall clock.
        progress: Told each step in words.

    Raises:
        NothingPromised: If the version claims no privacy.
        PrivacyAuditUnwritten: If it does, and no audit of its releases is written.
        CanariesUnplantable, CanariesTooFew: If too few canaries can be made of the products.
        KeyMissing: If there is no signing key and none may be made.
    """
    began, manifest = now(), bundle.manifest
    signer = load_signer(settings.storage.keys, AUDIT_KEYS, create=settings.fairness.release.create_missing_keys)
    examined = _examiner_of(bundle)(bundle, settings, groupings_of, now, progress)
    text = None if examined.membership is None else examined.membership.model_dump_json(indent=2) + "\n"
    record = AuditRecord(
        name=manifest.name,
        version=manifest.version,
        bundle_digest=bundle.digest,
        created_at=now(),
        claim=examined.claim,
        false_alarm=settings.privacy.audit.false_alarm,
        n_canaries=settings.privacy.audit.n_canaries,
        seconds=(now() - began).total_seconds(),
        findings=examined.findings,
        membership_digest=None if text is None else hashlib.sha256(text.encode()).hexdigest(),
        notes=examined.notes,
    )
    signed = sign_record(record, signer)
    path = report_path(settings.storage.reports, manifest.name, manifest.version)
    if text is not None:
        write_private(path.with_name(MEMBERSHIP), text)
    write_record(path, signed)
    write_record(attached_path(bundle.directory), signed)
    return PrivacyAudit(signed, examined.membership)


def _examiner_of(bundle: Bundle) -> Examiner:
    """Find the audit for a bundle's model.

    Raises:
        NothingPromised: If the version claims no privacy.
        PrivacyAuditUnwritten: If no audit is written for such a model.
        StatementUnreadable: If its statement does not back the claim.
    """
    manifest = bundle.manifest
    if manifest.privacy.mechanism == "none":
        raise NothingPromised(name=manifest.name, version=manifest.version)
    if manifest.name not in _EXAMINERS:
        raise PrivacyAuditUnwritten(name=manifest.name, known=tuple(_EXAMINERS))
    bundle.statement()
    return _EXAMINERS[manifest.name]


def _two_tower(
    bundle: Bundle, settings: Settings, groupings_of: GroupingsOf, now: Callable[[], datetime], progress: Progress
) -> Examined:
    version = version_of(bundle)
    findings = _findings(version, settings, progress)
    membership = _attacked(bundle, version, settings, groupings_of, now, progress)
    plan, delta = version.plan, version.private.delta
    claim = Claim(
        mechanism=plan.mechanism,
        epsilon=bundle.manifest.privacy.epsilon or 0.0,
        delta=delta,
        counts_epsilon=epsilon((plan.counts,), delta),
        training_epsilon=None if plan.training is None else epsilon(plan.training.events, delta),
    )
    return Examined(claim, findings, _NOTES, membership)


def _demand(
    bundle: Bundle, settings: Settings, groupings_of: GroupingsOf, now: Callable[[], datetime], progress: Progress
) -> Examined:
    del groupings_of, now  # nobody real is attacked
    return examine_demand(bundle, settings, progress)


_EXAMINERS: Final[Mapping[str, Examiner]] = {MODEL_NAME: _two_tower, DEMAND: _demand}


def version_of(bundle: Bundle) -> PrivateVersion:
    """Read a recommender's releases and constants from its manifest.

    Raises:
        VersionOutdated: If other code trained it.
    """
    two_tower = settings_of_version(bundle, "two_tower", TwoTowerSettings)
    plan = private_plan(two_tower.private)
    return PrivateVersion(Scorer.load(bundle), plan, two_tower, bundle.manifest.train_until)


def _findings(version: PrivateVersion, settings: Settings, progress: Progress) -> tuple[Finding, ...]:
    audit, plan = settings.privacy.audit, version.plan.training
    n = audit.n_canaries
    n_chances = N_COUNT_CHANCES + (0 if plan is None else N_ENGINE_CHANCES + N_TRAINING_CHANCES)
    error = audit.false_alarm / n_chances
    progress(f"counts: released with {n:,} canaries among made-up customers")
    findings = audit_counts(version, n_canaries=n, error=error)
    if plan is None:
        return findings
    progress(f"engine: {plan.steps} private steps on {n:,} canaries, a parameter each")
    trial = probe(plan, n, error=error)
    findings += try_guessing(trial, "engine", apart=True)
    progress("engine: how batches are drawn")
    findings += try_sampling(trial, "engine")
    progress(f"training: a twin with {n:,} canaries, from the door of the lake on")
    return findings + audit_training(version, settings, n_canaries=n, error=error)


def _attacked(
    bundle: Bundle,
    version: PrivateVersion,
    settings: Settings,
    groupings_of: GroupingsOf,
    now: Callable[[], datetime],
    progress: Progress,
) -> MembershipReport:
    moments = snapshot_times(version.until, settings.features, version.settings)
    sources = prepare_sources(settings.storage, settings.features, version.until, moments, progress)
    groups = _groups(sources, groupings_of)
    progress("membership: counts of a random half of the real customers, with noise and without")
    attacked = attack_counts(version, sources, groups)
    progress("membership: trainings on a random half, with noise and without")
    attacked += attack_training(version, sources, settings, groups)
    return MembershipReport(
        name=bundle.manifest.name,
        version=bundle.manifest.version,
        created_at=now(),
        n_customers=len(member_ids(sources)),
        note="Exact figures of real customers, for the audit role. Attacks that learn little prove no privacy.",
        attacked=attacked,
    )


def _groups(sources: Sources, groupings_of: GroupingsOf) -> dict[str, Marks]:
    """Mark who is in which group: by how often they came, and by every attribute of the policy."""
    groups = basket_groups(sources)
    for grouping in groupings_of(member_ids(sources)):
        for place, label in enumerate(grouping.labels):
            groups[f"{grouping.attribute}: {label}"] = grouping.codes == place
    return groups
