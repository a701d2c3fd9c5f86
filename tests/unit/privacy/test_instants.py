"""Moments as microseconds: there and back."""

from datetime import UTC, datetime, timedelta, timezone

from privacy.instants import instant, microseconds


def test_there_and_back_whatever_the_zone() -> None:
    for moment in (datetime(1969, 7, 20, 20, 17, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)):
        assert instant(microseconds(moment)) == moment
    east = datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=5)))
    assert microseconds(east) == 1_767_225_600_000_000
