"""What `fairshelf privacy rotate-key` and `retain` work on: every store of an installation, in order."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from configs.settings import Settings
from features import columns as c
from features.build_record import read_record
from features.clock import Clock
from features.events import EventRecorder
from features.ingest import FAILED_REJECTS, alone
from features.journal import Journal
from features.lake import REJECTS, Lake
from features.lake_edit import has_lake
from features.preparation import end_of_data, ensure_features, read_consents
from features.renaming import FeatureTableNames, LakeNames, OnlineCopies, OnlineLeftovers
from features.retention import FeatureSnapshots, LakeConsents, LakeRows, StaleOnlineRows
from features.store import Store
from features.tables import CUSTOMER_HISTORY, snapshots
from privacy.consent import ConsentLedger
from privacy.forgetting.compaction import compact
from privacy.proven_keys import proven_pseudonymizer
from privacy.pseudonyms import load_pseudonymizer, version_of
from privacy.retention import Expired, OldFiles, Rule, retain
from privacy.rotation import Rotated, RotationPlan, close_window, rotate
from privacy.state import open_state
from privacy.state_names import StateNames
from privacy.vault import open_vault
from serving.decisions import OldDecisions

Progress = Callable[[str], None]

_TABLES: Final = (".parquet", ".csv", ".ndjson")  # reports name nobody; tables beside them may


def rotate_names(settings: Settings, *, now: datetime, progress: Progress) -> Rotated:
    """Give everybody new pseudonyms, or go on where an earlier run was cut short.

    Raises:
        IngestRunning: If an ingest is at work.
        PrivacyError: As `privacy.rotation.rotate`.
    """
    storage = settings.storage
    proven_pseudonymizer(storage, settings.privacy)
    with alone(storage.root):
        rotated = rotate(rotation_plan(settings), storage.keys, settings.privacy, now=now, progress=progress)
    _fold_again(settings)
    return rotated


def rotation_plan(settings: Settings) -> RotationPlan:
    """List the stores in the order in which they are given new names.

    Sealed demographics stay as they are: only the audit role can open them, and it renames what it reads.
    """
    storage = settings.storage
    store = Store(storage.feast)
    return RotationPlan(
        before=(open_vault(storage.vault), FeatureTableNames(storage), LakeNames(storage)),
        alone=store.exclusive,
        copied=(OnlineCopies(storage),),
        state=StateNames(open_state(storage.state_db)),
        after=(OnlineLeftovers(storage),),
    )


def close_names(settings: Settings, *, now: datetime, force: bool) -> int | None:
    """Forget earlier names once their window is over, after a last sweep for any that came late.

    Returns:
        How many were forgotten; None where there is no window to close, or it is still open.
    """
    storage = settings.storage

    def forget(current: int) -> int:
        rename = load_pseudonymizer(storage.keys, settings.privacy).renamed
        for store in (StateNames(open_state(storage.state_db)), OnlineLeftovers(storage)):
            store.rekey(rename)
        return open_vault(storage.vault).forget(lambda name: (version_of(name) or current) < current)

    return close_window(storage.keys, forget, now=now, force=force)


def retain_all(settings: Settings, *, now: datetime, dry_run: bool, progress: Progress) -> list[Expired]:
    """Remove from every store what is older than settings allow, then fill features anew where their lake changed.

    Args:
        settings: Where the stores are, and how long things are kept.
        now: The wall clock.
        dry_run: Only count.
        progress: Told each step.

    Raises:
        IngestRunning: If an ingest is at work.
        RotationUnfinished: If a change of pseudonym keys was cut short.
        RetentionEmptiesLake: If no transaction would be left.
    """
    storage = settings.storage
    with alone(storage.root):
        done = retain(rules(settings), wall=now, data=data_now(settings, now), dry_run=dry_run, progress=progress)
        if not dry_run:
            compact(storage.state_db)
            _refill(settings, progress)
    if not dry_run:
        close_names(settings, now=now, force=False)
    return done


def rules(settings: Settings) -> list[Rule]:
    """List every store with its time to live."""
    storage, ttl = settings.storage, settings.privacy.retention
    state = open_state(storage.state_db)
    return [
        Rule(LakeRows(storage.lake, c.TRANSACTIONS), ttl.transactions_days, "data"),
        Rule(LakeRows(storage.lake, c.PROMOTIONS), ttl.promotions_days, "data"),
        Rule(LakeRows(storage.lake, c.INVENTORY), ttl.inventory_days, "data"),
        Rule(LakeRows(storage.lake, c.CAMPAIGNS), ttl.campaigns_days, "data"),
        Rule(LakeRows(storage.lake, c.REDEMPTIONS), ttl.redemptions_days, "data"),
        Rule(LakeConsents(storage.lake), ttl.superseded_consents_days, "wall"),
        Rule(ConsentLedger(state), ttl.superseded_consents_days, "wall"),
        Rule(Journal(state), ttl.events_days, "wall"),
        Rule(OldDecisions(state), ttl.decisions_days, "wall"),
        Rule(FeatureSnapshots(storage.feast / "tables"), ttl.feature_snapshots_days, "data"),
        Rule(StaleOnlineRows(storage), ttl.online_rows_days, "data"),
        Rule(OldFiles("rejects", storage.lake / REJECTS), ttl.rejects_days, "wall"),
        Rule(OldFiles("rejects of failed ingests", storage.reports / FAILED_REJECTS), ttl.rejects_days, "wall"),
        Rule(OldFiles("checkpoints", storage.checkpoints), ttl.checkpoints_days, "wall"),
        Rule(OldFiles("exports", storage.exports), ttl.exports_days, "wall"),
        Rule(OldFiles("evaluations", storage.reports, suffixes=_TABLES), ttl.evaluations_days, "wall"),
        Rule(OldFiles("mlflow artifacts", storage.mlflow / "artifacts"), ttl.mlflow_artifacts_days, "wall"),
    ]


def data_now(settings: Settings, now: datetime) -> datetime:
    """Give now in data time; in replay before anything was materialised, the end of the data."""
    clock = Clock(settings.features.clock, settings.storage.feast)
    if clock.mode == "replay" and clock.record().as_of is None and has_lake(settings.storage.lake):
        return end_of_data(Lake.open(settings.storage.lake))
    return clock.to_data_time(now)


def _refill(settings: Settings, progress: Progress) -> None:
    """Build the feature tables anew where they hold what the lake let go, and fill the online store from them."""
    storage = settings.storage
    record = read_record(storage.feast)
    if record.inputs is None or not has_lake(storage.lake):
        return
    lake = Lake.open(storage.lake)
    if record.inputs.get("lake_snapshot") == lake.manifest.snapshot_digest:
        return
    moments = snapshots(storage.feast / "tables", CUSTOMER_HISTORY)
    progress(f"feature tables: building {len(moments)} snapshots without the rows that went")
    consents = read_consents(storage, datetime.now(UTC))
    store = ensure_features(storage, lake, consents, settings.features, moments)
    if record.as_of is not None and record.as_of in moments:
        store.materialize(record.as_of)
        _fold_again(settings)


def _fold_again(settings: Settings) -> None:
    """Fold what the journal holds past each online row, as the server does when it starts."""
    storage = settings.storage
    if read_record(storage.feast).as_of is None:
        return
    state = open_state(storage.state_db)
    clock = Clock(settings.features.clock, storage.feast)
    EventRecorder(Journal(state), Store(storage.feast), ConsentLedger(state), settings.features, clock).recover()
