"""What "now" means to features: the wall clock, or time going on from the end of replayed data."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from features.build_record import BUILD_RECORD, BuildRecord, read_record


class Clock:
    """Turns wall-clock time into data time.

    `wall` leaves time as it is. `replay` shifts it so that the moment the online store was filled is the moment its
    snapshot describes: demonstration data that ends in 2017 then goes on as if it ended just now. Before anything
    was materialised, replay leaves time as it is too.

    Args:
        mode: `wall` or `replay`.
        feast_dir: Folder of `build.json`; a snapshot materialised meanwhile by another process is noticed.
    """

    def __init__(self, mode: Literal["wall", "replay"], feast_dir: Path) -> None:
        self.mode = mode
        self._dir = feast_dir
        self._read_at_ns: int | None = None
        self._record = BuildRecord()

    def now(self) -> datetime:
        """Give the current data time."""
        return self.to_data_time(datetime.now(UTC))

    def to_data_time(self, wall: datetime) -> datetime:
        """Turn an aware wall-clock time into data time."""
        return wall - self._offset()

    def to_wall_time(self, moment: datetime) -> datetime:
        """Turn an aware data time into wall-clock time."""
        return moment + self._offset()

    def _offset(self) -> timedelta:
        record = self.record()
        if self.mode == "wall" or record.as_of is None or record.materialised_at is None:
            return timedelta(0)
        return record.materialised_at - record.as_of

    def record(self) -> BuildRecord:
        """Give `build.json` as it is now, read again only when it changed."""
        try:
            changed_at_ns = (self._dir / BUILD_RECORD).stat().st_mtime_ns
        except FileNotFoundError:
            return BuildRecord()
        if changed_at_ns != self._read_at_ns:
            self._record, self._read_at_ns = read_record(self._dir), changed_at_ns
        return self._record
