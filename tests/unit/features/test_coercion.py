"""Reading values as what their contract wants."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from features.coercion import ARROW_TYPES, coerce, why_unfit
from features.contracts import Kind

NOON = datetime(2025, 2, 3, 12, tzinfo=UTC)
NIGHT = datetime(2025, 2, 4, 3, tzinfo=UTC)  # still the evening of the third in New York


@pytest.mark.parametrize(
    ("kind", "values", "expected", "unreadable"),
    [
        (Kind.ID, pa.array([1, None, 30]), ["1", None, "30"], []),
        (Kind.ID, pa.array(["007", " x"]).dictionary_encode(), ["007", " x"], []),
        (Kind.ID, pa.array(["a"], pa.large_string()), ["a"], []),
        (Kind.NUMBER, pa.array(["1.5", "-2", "1,5", "$3", None]), [1.5, -2.0, None, None, None], [2, 3]),
        (Kind.NUMBER, pa.array(["inf", "nan"]), [float("inf"), None], [1]),
        (Kind.NUMBER, pa.array([1, 2], pa.int8()), [1.0, 2.0], []),
        (Kind.NUMBER, pa.array([Decimal("1.25"), None]), [1.25, None], []),
        (Kind.NUMBER, pa.array([1.5, float("nan")]), [1.5, None], []),
        (Kind.NUMBER, pa.nulls(2), [None, None], []),
        (Kind.FLAG, pa.array(["true", "No", "1", "maybe", None]), [True, False, True, None, None], [3]),
        (Kind.FLAG, pa.array([1, 0, 2]), [True, False, None], [2]),
        (Kind.FLAG, pa.array([True, None]), [True, None], []),
        (Kind.MOMENT, pa.array(["2025-02-03T12:00:00Z", "2025-02-03T07:00:00-05:00"]), [NOON, NOON], []),
        (Kind.MOMENT, pa.array(["2025-02-03 12:00:00", "yesterday", "2025-02-30"]), [NOON, None, None], [1, 2]),
        (Kind.MOMENT, pa.array([datetime(2025, 2, 3, 12)], pa.timestamp("ns")), [NOON], []),
        (Kind.MOMENT, pa.array([NOON], pa.timestamp("ms", "America/New_York")), [NOON], []),
        (Kind.MOMENT, pa.array([date(2025, 2, 3)]), [NOON.replace(hour=0)], []),
        (Kind.DAY, pa.array(["2025-02-03", "2025-02-03T23:30:00-05:00", "soon"]), [date(2025, 2, 3)] * 2 + [None], [2]),
        (Kind.DAY, pa.array([NIGHT], pa.timestamp("us", "America/New_York")), [date(2025, 2, 3)], []),
        (Kind.DAY, pa.array([date(2025, 2, 3)]), [date(2025, 2, 3)], []),
    ],
)
def test_values_are_read_or_marked(kind: Kind, values: pa.Array, expected: list[object], unreadable: list[int]) -> None:
    read = coerce(kind, values)
    assert read.values.type == ARROW_TYPES[kind]
    assert read.values.to_pylist() == expected
    assert read.unreadable.nonzero()[0].tolist() == unreadable


@pytest.mark.parametrize(
    ("values", "n"),
    [
        (
            pa.array(["2025-02-03 12:00:00", "2025-02-03", "2025-02-03T12:00:00Z", "2025-02-03T12:00+0100", "x", None]),
            2,
        ),
        (pa.array([datetime(2025, 2, 3), None], pa.timestamp("us")), 1),
        (pa.array([NOON], pa.timestamp("us", "UTC")), 0),
    ],
)
def test_times_without_a_zone_are_counted(values: pa.Array, n: int) -> None:
    assert coerce(Kind.MOMENT, values).n_without_zone == n


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (Kind.ID, pa.float64()),
        (Kind.ID, pa.timestamp("us")),
        (Kind.NUMBER, pa.bool_()),
        (Kind.NUMBER, pa.list_(pa.float64())),
        (Kind.FLAG, pa.float64()),
        (Kind.MOMENT, pa.int64()),
        (Kind.DAY, pa.struct([("a", pa.int64())])),
        (Kind.TEXT, pa.binary()),
    ],
)
def test_types_that_can_never_fit_say_so(kind: Kind, found: pa.DataType) -> None:
    why = why_unfit(kind, found)
    assert why is not None
    assert str(found) in why
    assert kind.value in why
