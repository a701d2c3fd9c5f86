"""Read the columns of a source as the types of their contract, value by value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.contracts import Kind

MOMENT_TYPE: Final = pa.timestamp("us", tz="UTC")
ARROW_TYPES: Final[Mapping[Kind, pa.DataType]] = {
    Kind.ID: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.NUMBER: pa.float64(),
    Kind.FLAG: pa.bool_(),
    Kind.MOMENT: MOMENT_TYPE,
    Kind.DAY: pa.date32(),
}

_ZONE: Final = r"(?i)(z|[+-]\d{2}:?\d{2})\s*$"
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class Coerced:
    """A column as its contract wants it.

    Args:
        values: Typed values; null where there was none or it could not be read.
        unreadable: (N,) whether there was a value that could not be read.
        n_without_zone: Times that named no time zone and were read as UTC.
    """

    values: pa.Array
    unreadable: npt.NDArray[np.bool_]
    n_without_zone: int = 0


def why_unfit(kind: Kind, found: pa.DataType) -> str | None:
    """Say why no value of a type could be read as a kind; None when some can.

    >>> why_unfit(Kind.NUMBER, pa.timestamp("us"))
    'holds timestamp[us] where a number is wanted'
    >>> why_unfit(Kind.NUMBER, pa.string()) is None
    True
    """
    plain = plain_type(found)
    if plain == pa.null() or pa.types.is_string(plain) or _FITS[kind](plain):
        return None
    hint = "; write ids as text or whole numbers" if kind is Kind.ID and pa.types.is_floating(plain) else ""
    return f"holds {found} where {kind.value} is wanted{hint}"


def coerce(kind: Kind, values: pa.Array) -> Coerced:
    """Read a column's values as a kind; what cannot be read becomes null and is marked."""
    plain = values.cast(plain_type(values.type))
    if plain.type == pa.null():
        return Coerced(pa.nulls(len(plain), ARROW_TYPES[kind]), np.zeros(len(plain), dtype=bool))
    return _COERCE[kind](plain)


def plain_type(found: pa.DataType) -> pa.DataType:
    """Give the type of a column's values, without dictionaries and the several layouts of text."""
    if pa.types.is_dictionary(found):
        found = found.value_type
    return pa.string() if pa.types.is_large_string(found) or pa.types.is_string_view(found) else found


def _is_whole(found: pa.DataType) -> bool:
    return bool(pa.types.is_integer(found))


def _is_number(found: pa.DataType) -> bool:
    return bool(pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found))


def _is_time(found: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(found) or pa.types.is_date(found))


_FITS: Final[Mapping[Kind, Callable[[pa.DataType], bool]]] = {
    Kind.ID: _is_whole,
    Kind.TEXT: lambda found: _is_number(found) or _is_time(found) or bool(pa.types.is_boolean(found)),
    Kind.NUMBER: _is_number,
    Kind.FLAG: lambda found: _is_whole(found) or bool(pa.types.is_boolean(found)),
    Kind.MOMENT: _is_time,
    Kind.DAY: _is_time,
}


def _lost(before: pa.Array, after: pa.Array) -> npt.NDArray[np.bool_]:
    """Mark values that were there before and are gone after."""
    return np.asarray(pc.and_(pc.is_valid(before), pc.is_null(after)).to_numpy(zero_copy_only=False), dtype=bool)


def _texts(values: pa.Array) -> Coerced:
    return Coerced(values.cast(pa.string()), np.zeros(len(values), dtype=bool))


def _numbers(values: pa.Array) -> Coerced:
    if not pa.types.is_string(values.type):
        numbers = values.cast(pa.float64(), safe=False)
    else:
        read = pd.to_numeric(pd.Series(values.to_numpy(zero_copy_only=False)), errors="coerce")
        numbers = pa.array(read.to_numpy(dtype=np.float64))
    known = pc.if_else(pc.is_nan(numbers), None, numbers)
    missing = values if pa.types.is_string(values.type) else known  # a NaN in a binary file is a missing value
    return Coerced(known, _lost(missing, known))


def _flags(values: pa.Array) -> Coerced:
    if pa.types.is_boolean(values.type):
        return Coerced(values, np.zeros(len(values), dtype=bool))
    words = pd.Series(values.cast(pa.string()).to_numpy(zero_copy_only=False), dtype=object)
    flags = pa.array(words.str.strip().str.lower().map(_FLAGS).astype(object), type=pa.bool_(), from_pandas=True)
    return Coerced(flags, _lost(values, flags))


def _moments(values: pa.Array) -> Coerced:
    if pa.types.is_string(values.type):
        texts = pd.Series(values.to_numpy(zero_copy_only=False), dtype=object)
        read = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
        moments = pa.array(read, type=MOMENT_TYPE, from_pandas=True)
        zoned = pc.match_substring_regex(values, _ZONE)
        n_without_zone = pc.sum(pc.and_(pc.invert(zoned), pc.is_valid(moments))).as_py() or 0
        return Coerced(moments, _lost(values, moments), int(n_without_zone))
    naive = getattr(values.type, "tz", None) is None
    if naive:  # dates and naive timestamps
        moments = values.cast(pa.timestamp("us"), safe=False).cast(MOMENT_TYPE)
    else:
        moments = values.cast(MOMENT_TYPE, safe=False)
    return Coerced(moments, _lost(values, moments), len(values) - values.null_count if naive else 0)


def _days(values: pa.Array) -> Coerced:
    """Take the date as written, whatever the zone."""
    if pa.types.is_string(values.type):
        dates = _moments(pc.utf8_slice_codeunits(values, 0, 10)).values
        days = pc.if_else(pc.is_valid(_moments(values).values), dates, None).cast(pa.date32())
    elif pa.types.is_timestamp(values.type):
        written = values if values.type.tz is None else pc.local_timestamp(values)
        days = written.cast(pa.date32(), safe=False)
    else:
        days = values.cast(pa.date32())
    return Coerced(days, _lost(values, days))


_COERCE: Final[Mapping[Kind, Callable[[pa.Array], Coerced]]] = {
    Kind.ID: _texts,
    Kind.TEXT: _texts,
    Kind.NUMBER: _numbers,
    Kind.FLAG: _flags,
    Kind.MOMENT: _moments,
    Kind.DAY: _days,
}
