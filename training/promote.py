"""Promotion: let a candidate through the gate, then make it the one that serves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from configs.settings import PromotionSettings
from fairness.clearance import Clearance
from fairness.gates import Check, Finding, Gate
from features.lake import LakeManifest
from training.artifact import Bundle, bundle_directory, champion_pointer, set_champion, versions
from training.errors import ChampionPointerBroken, ModelVersionUnknown
from training.promotion_checks import (
    AuditCleared,
    Candidate,
    DataFreshEnough,
    ManifestComplete,
    metrics_finite,
    read_evaluation,
    snapshot_known,
    tags_present,
)
from training.registry import RegisteredVersion, Tracker
from training.registry_file import CHAMPION, ModelEntry


@dataclass(frozen=True)
class Promotion:
    """The outcome: `changed` is False when the version was champion already."""

    name: str
    version: str
    digest: str
    changed: bool
    findings: tuple[Finding, ...]


def standard_checks(
    settings: PromotionSettings, required_sections: Sequence[str], quality: Sequence[Check[Candidate]]
) -> list[Check[Candidate]]:
    """List the checks a model passes; audits are appended to them.

    Args:
        settings: The oldest data allowed.
        required_sections: Settings sections the manifest must hold.
        quality: The model's own: how well it must do, and against whom.
    """
    return [
        *quality,
        metrics_finite,
        DataFreshEnough(settings),
        snapshot_known,
        tags_present,
        ManifestComplete(required_sections),
    ]


def promote(
    name: str,
    version: str | None,
    *,
    bundles_dir: Path,
    tracker: Tracker,
    entry: ModelEntry,
    lake: LakeManifest,
    checks: Sequence[Check[Candidate]],
    clear: Callable[[Bundle], Clearance],
) -> Promotion:
    """Make a version champion if every check passes and its fairness audit clears it.

    The alias in the registry moves first, the bundle pointer last. The pointer is what serving reads, so a crash in
    between leaves customers on the old champion, and the evidence says more than is served, never less. A repeat sees
    that the two disagree, passes the gate again and moves both.

    Args:
        name: Model name.
        version: Bundle version; None takes the newest.
        bundles_dir: Where bundles lie.
        tracker: Tracking server and registry.
        entry: What the registry file says of the model.
        lake: Manifest of the lake, for its newest purchase and its digest.
        checks: Usually `standard_checks`.
        clear: Gives the clearance of a bundle, or raises `ClearanceRefused`; asked for the champion too.

    Returns:
        The promotion; unchanged when registry and pointer both name this very bundle already, and its audit still
        clears it.

    Raises:
        ModelVersionUnknown: If there is no such bundle.
        BundleDamaged, BundleVersionMismatch: If the bundle cannot be trusted; it is then not judged at all.
        PromotionRefused: If any check failed or the audit does not clear it; every reason is listed, nothing has moved.
    """
    bundle = open_candidate(bundles_dir, name, version)
    registered = tracker.find_bundle(bundle)
    known = _is_champion(bundles_dir, bundle, registered, tracker)
    candidate = _candidate(bundle, registered, entry, lake)
    gate = Gate([AuditCleared(clear)] if known else [*checks, AuditCleared(clear)])
    findings = gate.enforce(candidate, name=name, version=bundle.manifest.version)
    if registered is None:  # only a gate without `tags_present` gets here
        raise ModelVersionUnknown(name=name, version=bundle.manifest.version)
    tracker.set_version_tags(registered, audit_tags(clear(bundle)))
    if not known:
        tracker.set_alias(registered, CHAMPION)
        set_champion(bundles_dir, bundle)
    return _promotion(bundle, changed=not known, findings=findings)


def audit_tags(clearance: Clearance) -> dict[str, str]:
    """Tags that tell people which report let a version in; what serves reads the signed report, never these."""
    return {"fairness_report_id": clearance.report_id, "fairness_report_digest": clearance.report_digest}


def open_candidate(bundles_dir: Path, name: str, version: str | None) -> Bundle:
    """Open the bundle of a version, or of the newest.

    Raises:
        ModelVersionUnknown: If there is no such bundle.
        BundleDamaged, BundleVersionMismatch: If it cannot be trusted.
    """
    known = versions(bundles_dir, name)
    wanted = version or (known[-1] if known else None)
    if wanted is None or wanted not in known:
        raise ModelVersionUnknown(name=name, version=version)
    return Bundle.open(bundle_directory(bundles_dir, name, wanted))


def _candidate(
    bundle: Bundle, registered: RegisteredVersion | None, entry: ModelEntry, lake: LakeManifest
) -> Candidate:
    return Candidate(
        bundle=bundle,
        evaluation=read_evaluation(bundle),
        tags=dict(registered.tags) if registered else None,
        required_tags=entry.required_tags,
        data_end=lake.data_end,
        known_snapshots=(lake.snapshot_digest,),
    )


def _is_champion(bundles_dir: Path, bundle: Bundle, registered: RegisteredVersion | None, tracker: Tracker) -> bool:
    name = bundle.manifest.name
    try:
        pointer = champion_pointer(bundles_dir, name)
    except ChampionPointerBroken:
        return False  # promotion is the way to repair it
    if pointer is None or pointer.digest != bundle.digest or registered is None:
        return False
    aliased = tracker.aliased(name, CHAMPION)
    return aliased is not None and aliased.number == registered.number


def _promotion(bundle: Bundle, *, changed: bool, findings: tuple[Finding, ...]) -> Promotion:
    manifest = bundle.manifest
    return Promotion(
        name=manifest.name, version=manifest.version, digest=bundle.digest, changed=changed, findings=findings
    )
