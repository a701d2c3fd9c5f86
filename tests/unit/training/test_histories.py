"""One batch of histories, however its rows came."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from training.catalogue import Catalogue
from training.histories import (
    PAIR_FIELDS,
    PROFILE_FIELDS,
    Histories,
    from_arrow,
    from_products,
    from_row,
    with_session,
)

Row = dict[str, Any]
ARRAYS = tuple(field.name for field in dataclasses.fields(Histories))


def assert_equal(ours: Histories, theirs: Histories) -> None:
    for name in ARRAYS:
        left, right = getattr(ours, name), getattr(theirs, name)
        assert (left.dtype.kind, left.shape) == (right.dtype.kind, right.shape), name
        np.testing.assert_array_equal(left, right, err_msg=name)


@pytest.fixture
def rows(row_of: Callable[..., Row]) -> list[Row]:
    no_lists = dict.fromkeys(("product_ids", *PAIR_FIELDS, "session_product_ids"))
    return [
        row_of(["milk", "beer", "eggs"], session=["tea", "beer"]),
        row_of(["caviar", "milk", "truffles", "jam"], session=["caviar"]),  # two of them no catalogue product
        row_of(["caviar"]),
        row_of(),
        row_of(["tea"], mean_days_between_baskets=None, n_baskets_total=None),
        {**row_of(), **no_lists, **dict.fromkeys(PROFILE_FIELDS)},  # a customer without any features
        {**row_of(), **no_lists, "session_product_ids": ["salt"], **dict.fromkeys(PROFILE_FIELDS)},  # events alone
    ]


def test_training_rows_and_online_rows_make_the_same_arrays(
    rows: Sequence[Row], table_of: Callable[..., pa.Table], shelf: Catalogue
) -> None:
    whole = from_arrow(table_of(rows), shelf)
    assert len(whole) == len(rows)
    for number, row in enumerate(rows):
        alone = from_row(row, shelf)
        assert_equal(alone, from_arrow(table_of([row]), shelf))
        assert_equal(alone, whole.take(np.array([number])))


def test_a_history_by_hand(table_of: Callable[..., pa.Table], row_of: Callable[..., Row], shelf: Catalogue) -> None:
    rows = [row_of(["caviar", "milk", "jam"], session=["tea", "caviar"], tenure_days=400.0), None, row_of(["beer"])]
    histories = from_arrow(table_of(rows), shelf)
    assert histories.offsets.tolist() == [0, 2, 2, 3]
    assert histories.product_idx.tolist() == [5, 4, 0]
    assert histories.customer_of_pair.tolist() == [0, 0, 2]
    assert histories.session_offsets.tolist() == [0, 1, 1, 1]
    assert histories.session_idx.tolist() == [7]
    assert histories.is_blank.tolist() == [False, True, False]
    milk = dict(zip(PAIR_FIELDS, histories.pairs[0].tolist(), strict=True))  # second in the list: 4 baskets, 7 days ago
    assert milk == pytest.approx(
        {
            "n_baskets": 4,
            "decayed_short": 4 * 2 ** (-7 / 30),
            "decayed_long": 4 * 2 ** (-7 / 90),
            "days_since_last": 7,
            "days_since_first": 67,
        }
    )
    assert histories.profiles[0, PROFILE_FIELDS.index("tenure_days")] == 400
    assert np.isnan(histories.profiles[1]).all()


def test_a_slice_of_a_table_keeps_to_its_own_rows(
    rows: Sequence[Row], table_of: Callable[..., pa.Table], shelf: Catalogue
) -> None:
    table = pa.concat_tables([table_of(rows[:3]), table_of(rows[3:])])
    assert_equal(from_arrow(table.slice(1, 4), shelf), from_arrow(table_of(rows[1:5]), shelf))


def test_take_picks_in_the_order_given_and_may_repeat(
    rows: Sequence[Row], table_of: Callable[..., pa.Table], shelf: Catalogue
) -> None:
    histories = from_arrow(table_of(rows), shelf)
    for chosen in ([4, 0, 0, 6], [3], [], list(range(len(rows)))):
        picked = histories.take(np.array(chosen, dtype=np.int64))
        assert_equal(picked, from_arrow(table_of([rows[i] for i in chosen]), shelf))


def test_a_basket_goes_before_the_session(row_of: Callable[..., Row], shelf: Catalogue) -> None:
    histories = from_row(row_of(["milk"], session=["tea"]), shelf)
    with_basket = with_session(histories, np.array([3, 1]))
    assert with_basket.session_idx.tolist() == [3, 1, 7]
    assert with_basket.session_offsets.tolist() == [0, 3]
    assert with_basket.product_idx is histories.product_idx
    assert_equal(with_session(histories, np.empty(0, dtype=np.int64)), histories)


def test_a_basket_alone_is_a_session_without_past_or_profile() -> None:
    histories = from_products(np.array([2, 2, 6]))
    assert len(histories) == 1
    assert (len(histories.product_idx), histories.session_idx.tolist()) == (0, [2, 2, 6])
    assert np.isnan(histories.profiles).all()
    assert not histories.is_blank.any()
