"""The feature tables: their names, and the one Parquet file of each snapshot."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from features.errors import SnapshotNotMidnight

CUSTOMER_HISTORY: Final = "customer_history"
CUSTOMER_PROFILE: Final = "customer_profile"
PRODUCT_PROFILE: Final = "product_profile"
VIEWS: Final = (CUSTOMER_HISTORY, CUSTOMER_PROFILE, PRODUCT_PROFILE)

# Whole histories and not snapshots: one file each, named by what it was made from.
PRICE_WEEK: Final = "price_week"
PRICE_STORE_WEEK: Final = "price_store_week"
PRICE_PRODUCT: Final = "price_product"
PRICE_VIEWS: Final = (PRICE_WEEK, PRICE_STORE_WEEK, PRICE_PRODUCT)

_STEM: Final = "as_of="
_MADE_FROM: Final = "made_from="


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


def price_table_path(tables_dir: Path, view: str, made_from: str) -> Path:
    """Name the file that holds a price view made from inputs of a digest."""
    return tables_dir / view / f"{_MADE_FROM}{made_from}.parquet"


def price_tables(tables_dir: Path, view: str) -> list[Path]:
    """List the finished files of a price view: one, or none before the first build."""
    return sorted((tables_dir / view).glob(f"{_MADE_FROM}*.parquet"))
