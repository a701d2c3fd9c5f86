"""The empirical audit of a version's privacy claim: made-up customers against the claim, attacks on real ones beside.

The gate looks at the made-up customers alone: counts, engine and training of a twin in which nobody is real, at no cost
to the customers' budget. The attacks read real customers and are exact; they go to a file for the audit role, whose
digest the signed record names, and decide nothing.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from configs.settings import Settings, TwoTowerSettings
from fairness.groups import Grouping
from fairness.signing import AUDIT_KEYS, load_signer
from privacy.accounting import epsilon
from privacy.auditing.errors import NothingPromised, PrivacyAuditUnwritten, VersionOutdated
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
from training.artifact import Bundle
from training.two_tower.fit import snapshot_times
from training.two_tower.private_membership import (
    AttackedRelease,
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

_AUDITED: Final = (MODEL_NAME,)
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


class MembershipReport(BaseModel):
    """Attacks on real customers: exact figures, for the audit role alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    created_at: datetime
    n_customers: int
    note: str
    attacked: tuple[AttackedRelease, ...]


@dataclass(frozen=True)
class PrivacyAudit:
    """A finished audit: its signed record, and the attacks beside it."""

    signed: SignedRecord
    membership: MembershipReport


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
    version = version_of(bundle)
    findings = _findings(version, settings, progress)
    membership = _attacked(bundle, version, settings, groupings_of, now, progress)
    text = membership.model_dump_json(indent=2) + "\n"
    plan, delta = version.plan, version.private.delta
    record = AuditRecord(
        name=manifest.name,
        version=manifest.version,
        bundle_digest=bundle.digest,
        created_at=now(),
        claim=Claim(
            mechanism=plan.mechanism,
            epsilon=manifest.privacy.epsilon or 0.0,
            delta=delta,
            counts_epsilon=epsilon((plan.counts,), delta),
            training_epsilon=None if plan.training is None else epsilon(plan.training.events, delta),
        ),
        false_alarm=settings.privacy.audit.false_alarm,
        n_canaries=settings.privacy.audit.n_canaries,
        seconds=(now() - began).total_seconds(),
        findings=findings,
        membership_digest=hashlib.sha256(text.encode()).hexdigest(),
        notes=_NOTES,
    )
    signed = sign_record(record, signer)
    path = report_path(settings.storage.reports, manifest.name, manifest.version)
    write_private(path.with_name(MEMBERSHIP), text)
    write_record(path, signed)
    write_record(attached_path(bundle.directory), signed)
    return PrivacyAudit(signed, membership)


def version_of(bundle: Bundle) -> PrivateVersion:
    """Read a version's releases and constants from its manifest; its statement must say the same.

    Raises:
        NothingPromised: If the version claims no privacy.
        PrivacyAuditUnwritten: If no audit is written for such a model.
        StatementUnreadable: If its statement does not back the claim.
        VersionOutdated: If other code trained it.
    """
    manifest = bundle.manifest
    if manifest.privacy.mechanism == "none":
        raise NothingPromised(name=manifest.name, version=manifest.version)
    if manifest.name not in _AUDITED:
        raise PrivacyAuditUnwritten(name=manifest.name, known=_AUDITED)
    bundle.statement()
    try:
        two_tower = TwoTowerSettings.model_validate(manifest.settings["two_tower"])
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
        problem = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise VersionOutdated(name=manifest.name, version=manifest.version, problem=problem) from None
    plan = private_plan(two_tower.private)
    return PrivateVersion(Scorer.load(bundle), plan, two_tower, manifest.train_until)


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
