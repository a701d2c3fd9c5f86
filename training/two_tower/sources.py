"""What a training or evaluation run reads, prepared as of its cut-off: consents, features, purchases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from configs.settings import FeatureSettings, StorageSettings
from features.lake import Lake
from features.preparation import Consents, ensure_features, read_consents
from features.store import Store
from training.purchases import load_purchases
from training.splits import require_utc


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
