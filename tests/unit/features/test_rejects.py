"""Parting good rows from bad ones."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts import CONTRACTS
from features.errors import ColumnsUnfit
from features.rejects import Checked, RejectCounts, check_columns, check_rows, ignored_columns
from features.sources.source import numbered

LATEST = datetime(2025, 6, 1, tzinfo=UTC)
GOOD: dict[str, str | None] = {
    "customer_id": "ada",
    "product_id": "milk",
    "store_id": "corner",
    "basket_id": "b1",
    "event_timestamp": "2025-02-03T08:00:00Z",
    "quantity": "2",
    "paid_amount": "2.80",
}


def check(rows: list[dict[str, str | None]], table: str = "transactions") -> Checked:
    schema = pa.schema([(name, pa.string()) for name in rows[0]])
    (batch,) = numbered([pa.RecordBatch.from_pylist(rows, schema=schema)])
    return check_rows(CONTRACTS[table], batch, latest=LATEST)


def test_good_rows_come_out_typed_with_gaps_for_what_was_not_supplied() -> None:
    checked = check([GOOD])
    assert checked.rejected.num_rows == 0
    assert checked.accepted.to_pylist() == [
        {
            **GOOD,
            "source_row": 1,
            "event_timestamp": datetime(2025, 2, 3, 8, tzinfo=UTC),
            "quantity": 2.0,
            "paid_amount": 2.8,
            "shelf_amount": None,
            "loyalty_discount": None,
            "coupon_discount": None,
            "channel": None,
        }
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quantity": "0"}, "quantity is not above 0, or too large"),
        ({"quantity": "two"}, "quantity is not a number"),
        ({"quantity": None}, "quantity is missing"),
        ({"quantity": "inf"}, "quantity is not above 0, or too large"),
        ({"paid_amount": "0.00"}, "paid_amount is not above 0, or too large"),
        ({"customer_id": "x" * 129}, "customer_id is not 1 to 128 characters long"),
        ({"product_id": None}, "product_id is missing"),
        ({"event_timestamp": "1969-12-31T00:00:00Z"}, "event_timestamp is before 1990"),
        ({"event_timestamp": "2025-06-01T00:00:01Z"}, "event_timestamp lies in the future"),
        ({"event_timestamp": "3 Feb"}, "event_timestamp is not a time"),
        (
            {"quantity": "0", "paid_amount": "-1", "store_id": None},
            "store_id is missing; quantity is not above 0, or too large; paid_amount is not above 0, or too large",
        ),
    ],
)
def test_bad_rows_keep_their_cells_place_and_every_reason(change: dict[str, str | None], reason: str) -> None:
    checked = check([GOOD, {**GOOD, **change}, GOOD])
    assert checked.rejected.to_pylist() == [{"source_row": 2, **GOOD, **change, "reason": reason}]
    assert checked.accepted.column("source_row").to_pylist() == [1, 3]
    assert checked.reasons == dict.fromkeys(reason.split("; "), 1)


def test_plans_may_lie_ahead_and_events_may_not() -> None:
    row: dict[str, str | None] = {"campaign_id": "c", "customer_id": "ada", "event_timestamp": "2025-07-01T00:00:00Z"}
    assert check([row], "campaigns").accepted.num_rows == 1
    assert check([row], "redemptions").accepted.num_rows == 0


CELL = st.sampled_from([None, "", "a", "1", "-1", "0", "x" * 129, "2025-02-03T08:00:00Z", "inf"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(GOOD, CELL)) | st.just(GOOD), min_size=1, max_size=20))
def test_every_row_is_accepted_or_refused_with_a_reason(rows: list[dict[str, str | None]]) -> None:
    checked = check(rows)
    good = checked.accepted.column("source_row").to_pylist()
    bad = checked.rejected.column("source_row").to_pylist()
    assert sorted(good + bad) == list(range(1, len(rows) + 1))
    assert all(checked.rejected.column("reason").to_pylist())
    assert [rows[place - 1] for place in bad] == checked.rejected.select(list(GOOD)).to_pylist()
    total = sum(reason.count(";") + 1 for reason in checked.rejected.column("reason").to_pylist())
    assert sum(checked.reasons.values()) == total


def test_columns_that_cannot_fit_are_refused_together() -> None:
    schema = pa.schema([("customer_id", pa.float64()), ("product_id", pa.string()), ("product_id", pa.string())])
    with pytest.raises(ColumnsUnfit) as failure:
        check_columns(CONTRACTS["transactions"], schema, "t.parquet")
    message = str(failure.value)
    for part in ("t.parquet", "quantity is missing", "customer_id holds double", "product_id stands there 2 times"):
        assert part in message


def test_a_wrong_separator_is_guessed() -> None:
    schema = pa.schema([("customer_id;product_id", pa.string())])
    with pytest.raises(ColumnsUnfit, match="part cells by commas"):
        check_columns(CONTRACTS["transactions"], schema, "t.csv")


def test_unknown_columns_are_named_and_sensitive_ones_are_all_taken() -> None:
    schema = pa.schema([("product_id", pa.string()), ("colour", pa.string()), ("age", pa.string())])
    assert ignored_columns(CONTRACTS["products"], schema) == ["colour", "age"]
    assert ignored_columns(CONTRACTS["demographics"], schema) == []


def test_counts() -> None:
    counts = RejectCounts()
    assert counts.share == 0.0
    counts.n_rows = 8
    counts.add("a", 2)
    assert (counts.n_rejected, counts.share, counts.reasons["a"]) == (2, 0.25, 2)


def test_batches_are_numbered_through() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["x", "y"]})
    assert np.concatenate([part.source_rows for part in numbered([batch, batch])]).tolist() == [1, 2, 3, 4]
