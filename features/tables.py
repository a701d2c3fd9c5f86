"""The feature tables: their names, and the one Parquet file of each snapshot."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from features.errors import SnapshotNotMidnight

CUSTOMER_HISTORY: Final = "customer_history"
CUSTOMER_PROFILE: Final = "customer_profile"
PRODUCT_PROFILE: Final = "product_profile"
VIEWS: Final = (CUSTOMER_HISTORY, CUSTOMER_PROFILE, PRODUCT_PROFILE)

_STEM: Final = "as_of="


def snapshot_path(tables_dir: Path, view: str, as_of: datetime) -> Path:
    """Name the file that holds a view as of midnight UTC of a date.

    Raises:
        SnapshotNotMidnight: If `as_of` is not an aware midnight in UTC.
    """
    if as_of.utcoffset() is None or as_of.astimezone(UTC).time() != datetime.min.time():
        raise SnapshotNotMidnight(as_of=as_of)
    return tables_dir / view / f"{_STEM}{as_of.astimezone(UTC).date().isoformat()}.parquet"


def snapshots(tables_dir: Path, view: str) -> list[datetime]:
    """List the snapshots that a view has, oldest first."""
    dates = sorted(path.stem.removeprefix(_STEM) for path in (tables_dir / view).glob(f"{_STEM}*.parquet"))
    return [datetime.fromisoformat(date).replace(tzinfo=UTC) for date in dates]
