"""How much each training customer counts, so that groups who buy little are not drowned out by those who buy much.

Groups are made from what training may know: how often people shop, and how many people share their home store.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.settings import GroupReweightingSettings
from training.histories import PROFILE_FIELDS
from training.two_tower.snapshots import Snapshot

N_BANDS: Final = 3
_N_BASKETS: Final = PROFILE_FIELDS.index("n_baskets_total")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def customer_weights(snapshots: Sequence[Snapshot], settings: GroupReweightingSettings) -> list[Floats]:
    """Weigh the customers of each snapshot by how few first purchases their group makes in all of them together.

    A group's weight is (mean first purchases of a group / its own) ** strength, scaled so that the mean over first
    purchases is 1. At strength 1 every group has the same say in the loss.

    Args:
        snapshots: Histories, home stores, and what was bought after.
        settings: What groups are made by, and how far they are evened out.

    Returns:
        One (C,) array per snapshot; all 1 where groups are made by nothing.

    Source: Kamiran and Calders (2012), "Data preprocessing techniques for classification without discrimination",
    section 5.3 (reweighing), by group alone.
    """
    if settings.by == "none":
        return [np.ones(len(snapshot.histories), dtype=np.float32) for snapshot in snapshots]
    bands = [_bands(snapshot, settings.by) for snapshot in snapshots]
    n_first = [np.asarray(snapshot.novel_targets.sum(axis=1), dtype=np.float64) for snapshot in snapshots]
    totals = np.zeros(N_BANDS)
    for band, n in zip(bands, n_first, strict=True):
        totals += np.bincount(band, n, minlength=N_BANDS)
    if not totals.any():
        return [np.ones(len(band), dtype=np.float32) for band in bands]
    raw = np.where(totals > 0, np.maximum(totals, 1), totals.sum()) ** -settings.strength
    raw *= totals.sum() / (raw * totals).sum()
    return [raw[band].astype(np.float32) for band in bands]


def _bands(snapshot: Snapshot, by: str) -> Ints:
    """Put customers into the light, middle or heavy third of shoppers, or of stores by how many call them home."""
    if by == "activity":
        return _thirds(np.nan_to_num(snapshot.histories.profiles[:, _N_BASKETS]))
    _, store, n_customers = np.unique(snapshot.histories.stores, return_inverse=True, return_counts=True)
    return _thirds(n_customers)[store]


def _thirds(values: npt.NDArray[np.generic]) -> Ints:
    """Cut (n,) values into thirds of equal number, 0 for the lowest; equal values stay together."""
    first = np.searchsorted(np.sort(values), values)
    thirds: Ints = N_BANDS * first // max(len(values), 1)
    return thirds
