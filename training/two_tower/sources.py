"""What a training or evaluation run reads, prepared as of its cut-off: consents, features, purchases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd

from configs.settings import FeatureSettings, StorageSettings
from features.build import build_features
from features.lake import Lake
from features.store import Store
from privacy.consent import ConsentLedger
from privacy.state import open_state
from training.purchases import load_purchases
from training.splits import require_utc

MODEL_TRAINING = "model_training"
PERSONALIZATION = "personalization"


@dataclass(frozen=True)
class Consents:
    """Who agrees to what when the run begins, and the digest of every state in force then.

    The time of the run decides, not its cut-off: whoever withdrew since must not be learnt from any more.
    """

    trainable: frozenset[str]
    personal: frozenset[str]
    digest: str


@dataclass(frozen=True)
class Sources:
    """Data of one run.

    Attributes:
        purchases: Everyone's merchandise lines to the end of the lake; only judges read past the cut-off.
        store: Feature store that holds every snapshot asked for.
    """

    lake: Lake
    consents: Consents
    purchases: pd.DataFrame
    store: Store
    train_until: datetime

    @property
    def training_purchases(self) -> pd.DataFrame:
        """Lines of people who agreed to model training, before the cut-off."""
        known = self.purchases["event_timestamp"] < self.train_until
        return self.purchases[known & self.purchases["customer_id"].isin(list(self.consents.trainable))]


def end_of_data(lake: Lake) -> datetime:
    """Give the first midnight UTC after the newest purchase."""
    newest = lake.manifest.data_end.astimezone(UTC)
    return newest.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def read_consents(storage: StorageSettings, as_of: datetime) -> Consents:
    """Read who allowed model training and personalisation at a moment."""
    ledger = ConsentLedger(open_state(storage.state_db))
    return Consents(
        trainable=frozenset(ledger.granted_customers(MODEL_TRAINING, as_of)),
        personal=frozenset(ledger.granted_customers(PERSONALIZATION, as_of)),
        digest=ledger.digest(as_of),
    )


def ensure_features(
    storage: StorageSettings, lake: Lake, consents: Consents, features: FeatureSettings, moments: Sequence[datetime]
) -> Store:
    """Apply the Feast definitions and build the snapshots that are missing.

    Customers are those who allow personalisation or model training; products count the purchases of the latter alone.
    """
    build_features(
        lake,
        storage.feast / "tables",
        moments,
        features,
        customers=consents.trainable | consents.personal,
        counted=consents.trainable,
    )
    store = Store(storage.feast)
    store.apply()
    return store


def prepare_sources(
    storage: StorageSettings,
    features: FeatureSettings,
    train_until: datetime,
    moments: Sequence[datetime],
    progress: Callable[[str], None],
) -> Sources:
    """Collect everything a run reads.

    Args:
        storage: Where the lake, the state and the features lie.
        features: How features are built.
        train_until: Cut-off of the run; aware UTC.
        moments: Snapshots needed, from `snapshot_times`.
        progress: Told each step in words.

    Raises:
        LakeMissing, LakeDamaged, LakeVersionMismatch: If there is no usable lake.
        CutoffNotUtc: If the cut-off is naive or not UTC.
    """
    require_utc("train_until", train_until)
    lake = Lake.open(storage.lake)
    consents = read_consents(storage, datetime.now(UTC))
    progress(f"features: {len(moments)} snapshots up to {train_until:%Y-%m-%d}")
    store = ensure_features(storage, lake, consents, features, moments)
    return Sources(lake, consents, load_purchases(lake, until=None, customers=None), store, train_until)
