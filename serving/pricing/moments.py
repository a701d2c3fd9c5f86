"""Moments as whole microseconds since 1970, as the price tables hold them: they sort and compare on any database."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """Turn an aware time into microseconds.

    >>> to_us(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - _EPOCH) // _MICROSECOND


def from_us(moment_us: int) -> datetime:
    """Turn microseconds into an aware UTC time."""
    return _EPOCH + moment_us * _MICROSECOND


def to_optional_us(moment: datetime | None) -> int | None:
    """Turn a time that may be open into microseconds."""
    return None if moment is None else to_us(moment)


def from_optional_us(moment_us: int | None) -> datetime | None:
    """Turn microseconds that may be open into a time."""
    return None if moment_us is None else from_us(moment_us)


def shown(moment: datetime | None) -> str | None:
    """Write a time as answers do, RFC 3339 in UTC; None for an open one.

    >>> shown(datetime(2025, 3, 1, 12, 30, tzinfo=UTC))
    '2025-03-01T12:30:00Z'
    """
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
