"""What has to be ready before features are read: who agrees to their use, and the snapshots built for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from configs.settings import FeatureSettings, StorageSettings
from features.build import build_features
from features.build_prices import build_prices
from features.lake import Lake
from features.store import Store
from privacy.consent import MODEL_TRAINING, PERSONALIZATION, ConsentLedger
from privacy.key_ring import require_settled
from privacy.state import open_state


@dataclass(frozen=True)
class Consents:
    """Who agrees to what when the run begins, and the digest of every state in force then.

    The time of the run decides, not its cut-off: whoever withdrew since must not be learnt from any more.
    """

    trainable: frozenset[str]
    personal: frozenset[str]
    digest: str


def end_of_data(lake: Lake) -> datetime:
    """Give the first midnight UTC after the newest purchase."""
    newest = lake.manifest.data_end.astimezone(UTC)
    return newest.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def read_consents(storage: StorageSettings, as_of: datetime) -> Consents:
    """Read who allows model training and personalisation when a run begins; whoever refused since is not among them.

    Raises:
        RotationUnfinished: If some stores know people by earlier names than others.
    """
    require_settled(storage.keys)
    ledger = ConsentLedger(open_state(storage.state_db))
    return Consents(
        trainable=frozenset(ledger.customers_in_force(MODEL_TRAINING, as_of)),
        personal=frozenset(ledger.customers_in_force(PERSONALIZATION, as_of)),
        digest=ledger.digest(as_of, with_later_refusals=True),
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


def ensure_price_tables(storage: StorageSettings, lake: Lake) -> Store:
    """Apply the Feast definitions and build the price tables that are missing.

    They count all sales and know no customer, so neither consents nor settings enter: a table is built anew for
    another lake only.
    """
    build_prices(lake, storage.feast / "tables")
    store = Store(storage.feast)
    store.apply()
    return store
