"""The one way to a champion that may be used: whole, cleared by its audit, and not overdue for erased people."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from configs.fairness import FairnessSettings
from configs.settings import StorageSettings
from fairness.audit_store import attached_files
from fairness.clearance import Clearance, require_clearance, require_still_cleared
from fairness.committee import Committee, log_file, open_committee, utc_now
from fairness.errors import ClearanceLapsed
from fairness.policy import Policy
from privacy.auditing.record_store import attached_path
from training.artifact import MANIFEST, Bundle, bundle_directory, champion_pointer, load_champion
from training.errors import TrainingError
from training.manifest import Manifest

RetrainBy = Callable[[Manifest], datetime | None]  # by when a version must be replaced for people who were erased


class Audited(Protocol):
    """A loaded model with the clearance that it was loaded under."""

    @property
    def clearance(self) -> Clearance | None:
        """None where it was never cleared, so that it never serves."""


def cleared_champion(
    storage: StorageSettings,
    fairness: FairnessSettings,
    name: str,
    now: Callable[[], datetime] = utc_now,
    *,
    retrain_by: RetrainBy,
    committee: Committee | None = None,
) -> tuple[Bundle, Clearance]:
    """Open the bundle that promotion named, and let it be used only if its audit clears it.

    Args:
        storage: Where bundles, keys and the committee's log lie.
        fairness: The policy in force.
        name: Model name.
        now: Gives the aware time.
        retrain_by: Says by when a version must be replaced because of erasures.
        committee: The committee's book, where the process keeps one open; None opens it.

    Raises:
        NoChampion: If nothing was promoted yet.
        ChampionPointerBroken: If the pointer cannot be read.
        ChampionMismatch: If the bundle is not the one that was promoted.
        BundleMissing, BundleDamaged, BundleVersionMismatch: If the bundle cannot be opened.
        StatementUnreadable: If its privacy statement does not back what its manifest claims.
        ClearanceRefused, ClearanceLapsed: If it may not be used; every reason is listed.
    """
    bundle = load_champion(storage.bundles, name)
    bundle.statement()  # the file is whole, as all are; it must also say what every answer repeats
    return bundle, clear(bundle, storage, fairness, now, retrain_by=retrain_by, committee=committee)


def clear(
    bundle: Bundle,
    storage: StorageSettings,
    fairness: FairnessSettings,
    now: Callable[[], datetime] = utc_now,
    *,
    retrain_by: RetrainBy,
    committee: Committee | None = None,
    snapshot_digest: str | None = None,
) -> Clearance:
    """Let an opened bundle be used only if its audit clears it and no erasure's date to replace it is over.

    Args:
        bundle: The bundle, champion or candidate.
        storage: Where keys and the committee's log lie.
        fairness: The policy in force.
        now: Gives the aware time.
        retrain_by: Says by when a version must be replaced because of erasures.
        committee: The committee's book, where the process keeps one open; None opens it.
        snapshot_digest: Of the data that the audit must have looked at; None takes what the report says.

    Returns:
        The clearance; it ends where the audit's does, or with that date if it is earlier.

    Raises:
        ClearanceRefused, ClearanceLapsed: If it may not be used; every reason is listed.
    """
    manifest = bundle.manifest
    clearance = require_clearance(
        bundle.directory,
        name=manifest.name,
        version=manifest.version,
        bundle_digest=bundle.digest,
        policy=Policy(fairness, manifest.name),
        keys_dir=storage.keys,
        committee=committee or open_committee(storage, fairness.release, now),
        now=now(),
        snapshot_digest=snapshot_digest,
    )
    due = _not_overdue(manifest, clearance, retrain_by, now())
    return clearance if due is None else replace(clearance, until=min(clearance.until, due))


def require_still_audited(
    loaded: Audited,
    *,
    storage: StorageSettings,
    fairness: FairnessSettings,
    now: Callable[[], datetime],
    retrain_by: RetrainBy,
    committee: Committee,
) -> None:
    """Look again whether what was cleared when it was loaded may still serve.

    Args:
        loaded: A champion or desk.
        storage: Where its bundle lies.
        fairness: The policy in force.
        now: Gives the aware time.
        retrain_by: Says by when a version must be replaced because of erasures, those since it was loaded too.
        committee: The committee's book.

    Raises:
        ClearanceLapsed: If it may not.
        CommitteeLogBroken: If the log cannot be trusted.
    """
    clearance = loaded.clearance
    if clearance is None:
        return
    require_still_cleared(clearance, committee=committee, release=fairness.release, now=now())
    path = bundle_directory(storage.bundles, clearance.name, clearance.version) / MANIFEST
    _not_overdue(Manifest.model_validate_json(path.read_bytes()), clearance, retrain_by, now())


def evidence_files(storage: StorageSettings, name: str) -> tuple[Path, ...]:
    """Name the files that decide whether the champion may serve: its report, signature and privacy audit, the log."""
    log = log_file(storage)
    try:
        pointer = champion_pointer(storage.bundles, name)
        if pointer is None:
            return (log,)
        folder = bundle_directory(storage.bundles, name, pointer.version)
        return (log, *attached_files(folder), attached_path(folder))
    except TrainingError:
        return (log,)  # the load says what is wrong with the pointer


def _not_overdue(manifest: Manifest, clearance: Clearance, retrain_by: RetrainBy, now: datetime) -> datetime | None:
    """Give the date by which erasures want a version replaced.

    Raises:
        ClearanceLapsed: If the date is over.
    """
    due = retrain_by(manifest)
    if due is not None and now >= due:
        raise ClearanceLapsed(
            name=clearance.name,
            version=clearance.version,
            bundle_digest=clearance.bundle_digest,
            reasons=[f"it may have learnt from people who were erased, and was to be replaced by {due:%Y-%m-%d}"],
            retrain=True,
        )
    return due
