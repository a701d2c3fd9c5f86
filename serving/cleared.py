"""The one way to a champion that may be used: opened, whole, and cleared by its audit."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from configs.fairness import FairnessSettings
from configs.settings import StorageSettings
from fairness.audit_store import attached_files
from fairness.clearance import Clearance, require_clearance, require_still_cleared
from fairness.committee import Committee, log_file, open_committee, utc_now
from fairness.policy import Policy
from training.artifact import Bundle, bundle_directory, champion_pointer, load_champion
from training.errors import TrainingError


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
    committee: Committee | None = None,
) -> tuple[Bundle, Clearance]:
    """Open the bundle that promotion named, and let it be used only if its audit clears it.

    Args:
        storage: Where bundles, keys and the committee's log lie.
        fairness: The policy in force.
        name: Model name.
        now: Gives the aware time.
        committee: The committee's book, where the process keeps one open; None opens it.

    Raises:
        NoChampion: If nothing was promoted yet.
        ChampionPointerBroken: If the pointer cannot be read.
        ChampionMismatch: If the bundle is not the one that was promoted.
        BundleMissing, BundleDamaged, BundleVersionMismatch: If the bundle cannot be opened.
        ClearanceRefused, ClearanceLapsed: If it may not be used; every reason is listed.
    """
    bundle = load_champion(storage.bundles, name)
    return bundle, clear(bundle, storage, fairness, now, committee=committee)


def clear(
    bundle: Bundle,
    storage: StorageSettings,
    fairness: FairnessSettings,
    now: Callable[[], datetime] = utc_now,
    *,
    committee: Committee | None = None,
    snapshot_digest: str | None = None,
) -> Clearance:
    """Let an opened bundle be used only if its audit clears it.

    Args:
        bundle: The bundle, champion or candidate.
        storage: Where keys and the committee's log lie.
        fairness: The policy in force.
        now: Gives the aware time.
        committee: The committee's book, where the process keeps one open; None opens it.
        snapshot_digest: Of the data that the audit must have looked at; None takes what the report says.

    Raises:
        ClearanceRefused, ClearanceLapsed: If it may not be used; every reason is listed.
    """
    manifest = bundle.manifest
    return require_clearance(
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


def require_still_audited(
    loaded: Audited, *, fairness: FairnessSettings, now: Callable[[], datetime], committee: Committee
) -> None:
    """Look again whether what was cleared when it was loaded may still serve.

    Args:
        loaded: A champion or desk.
        fairness: The policy in force.
        now: Gives the aware time.
        committee: The committee's book.

    Raises:
        ClearanceLapsed: If it may not.
        CommitteeLogBroken: If the log cannot be trusted.
    """
    if loaded.clearance is not None:
        require_still_cleared(loaded.clearance, committee=committee, release=fairness.release, now=now())


def evidence_files(storage: StorageSettings, name: str) -> tuple[Path, ...]:
    """Name the files that decide whether the champion may serve: its report, the signature, the committee's log."""
    log = log_file(storage)
    try:
        pointer = champion_pointer(storage.bundles, name)
        return (log, *attached_files(bundle_directory(storage.bundles, name, pointer.version))) if pointer else (log,)
    except TrainingError:
        return (log,)  # the load says what is wrong with the pointer
