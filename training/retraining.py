"""Which models may have learnt from erased people, and until when they may still serve.

Erasure reaches a model by training it again: differential privacy bounds what the weights tell about a person and is
no substitute. A version trained after the erasure, from a lake without the person, settles it once it is promoted.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from configs.settings import StorageSettings
from features.errors import FeatureError
from features.lake import Lake
from privacy.forgetting.erasure_book import ErasureBook, Obligation
from privacy.forgetting.receipts import ModelPlan
from privacy.state import open_state
from training.artifact import MANIFEST, champion_pointer
from training.errors import TrainingError
from training.manifest import Manifest

_CHAMPION_PLAN: Final = (
    "serves until a version trained without the person is promoted in its place, at the latest by the date given"
)
_OTHER_PLAN: Final = (
    "does not serve, and promotion refuses it, since the data it was trained from is no more; by the date given it is "
    "removed or kept offline as evidence"
)


class ModelPlans:
    """The bundles on disk, as an erasure sees them.

    Args:
        bundles_dir: Folder of all bundles.
        lake_root: The lake, whose digests tell what bundles were trained from.
        within_days: How long a model that learnt from an erased person may still serve; days.
    """

    def __init__(self, bundles_dir: Path, lake_root: Path, within_days: int) -> None:
        self._bundles_dir = bundles_dir
        self._lake_root = lake_root
        self._within_days = within_days

    def snapshots(self) -> Sequence[str]:
        """Give the digests of the lake as it is now and as it was before earlier erasures; none without a lake."""
        try:
            manifest = Lake.open(self._lake_root).manifest
        except FeatureError:
            return ()
        return (*manifest.ancestors, manifest.snapshot_digest)

    def plans(self, erased_at: datetime, stale: Sequence[str]) -> Sequence[ModelPlan]:
        """List the bundles that may have learnt from people erased at a moment, by name and version."""
        obligation = Obligation(erased_at, frozenset(stale))
        return [
            ModelPlan(
                name=manifest.name,
                version=manifest.version,
                champion=_is_champion(self._bundles_dir, manifest),
                trained_at=manifest.trained_at,
                retrain_by=obligation.due(self._within_days),
                plan=_CHAMPION_PLAN if _is_champion(self._bundles_dir, manifest) else _OTHER_PLAN,
            )
            for manifest in manifests(self._bundles_dir)
            if obligation.concerns(manifest.trained_at, manifest.data_snapshot_digest)
        ]


def retrain_by(manifest: Manifest, obligations: Sequence[Obligation], within_days: int) -> datetime | None:
    """Say by when a version must be replaced because it may have learnt from erased people.

    Args:
        manifest: Of the version.
        obligations: What the erasures so far ask.
        within_days: How long such a model may still serve; days.

    Returns:
        The earliest date that any erasure sets; None where none concerns the version.
    """
    dates = [
        obligation.due(within_days)
        for obligation in obligations
        if obligation.concerns(manifest.trained_at, manifest.data_snapshot_digest)
    ]
    return min(dates, default=None)


class RetrainingDates:
    """Says by when a version must be replaced, from the erasures so far, whichever process they ran in.

    Args:
        book: The erasures.
        within_days: How long a model that learnt from an erased person may still serve; days.
    """

    def __init__(self, book: ErasureBook, within_days: int) -> None:
        self._book = book
        self._within_days = within_days

    def of(self, manifest: Manifest) -> datetime | None:
        """Give the earliest date that any erasure sets for a version; None where none concerns it."""
        return retrain_by(manifest, self._book.obligations(), self._within_days)


def open_dates(storage: StorageSettings, within_days: int) -> RetrainingDates:
    """Open the dates of a house for one command; the server keeps the book open."""
    return RetrainingDates(ErasureBook(open_state(storage.state_db)), within_days)


def manifests(bundles_dir: Path) -> Iterator[Manifest]:
    """Read the manifest of every bundle, by name and version; one that cannot be read is passed over."""
    for path in sorted(bundles_dir.glob(f"[!.]*/[!.]*/{MANIFEST}")):
        try:
            yield Manifest.model_validate_json(path.read_bytes())
        except (ValidationError, OSError):
            continue


def _is_champion(bundles_dir: Path, manifest: Manifest) -> bool:
    try:
        pointer = champion_pointer(bundles_dir, manifest.name)
    except TrainingError:
        return False
    return pointer is not None and pointer.version == manifest.version
