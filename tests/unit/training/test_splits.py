"""Cuts in time, and the matrices on either side of them."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from training.catalogue import Catalogue
from training.errors import CutoffNotUtc, SettingOutOfRange, TestWindowUnavailable
from training.splits import Holdout, bought_before, default_train_until, targets, training_cutoffs

CUTOFF = datetime(2017, 3, 1, tzinfo=UTC)
END = datetime(2017, 3, 15, tzinfo=UTC)
CUSTOMERS = ["ann", "bob", "cyd", "dee", "nobody"]


def slow_pairs(
    purchases: pd.DataFrame, catalogue: Catalogue, start: datetime | None, end: datetime
) -> list[tuple[str, str]]:
    """Walk over every line."""
    found = set()
    for line in purchases.to_dict("records"):
        late_enough = start is None or line["event_timestamp"] >= start
        if late_enough and line["event_timestamp"] < end and line["product_id"] in catalogue.product_ids:
            found.add((line["customer_id"], line["product_id"]))
    return sorted(pair for pair in found if pair[0] in CUSTOMERS)


def pairs_of(matrix: object, catalogue: Catalogue) -> list[tuple[str, str]]:
    dense = matrix.toarray()  # type: ignore[attr-defined]
    assert dense.dtype == bool
    return sorted(
        (CUSTOMERS[row], str(catalogue.product_ids[col])) for row, col in zip(*np.nonzero(dense), strict=True)
    )


def test_targets_equal_their_slow_twin(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    got = pairs_of(targets(purchases, catalogue, CUSTOMERS, CUTOFF, END), catalogue)
    assert got == slow_pairs(purchases, catalogue, CUTOFF, END)
    assert got == [("ann", "chips"), ("ann", "milk"), ("bob", "beer"), ("cyd", "bread")]


def test_history_equals_its_slow_twin(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    got = pairs_of(bought_before(purchases, catalogue, CUSTOMERS, CUTOFF), catalogue)
    assert got == slow_pairs(purchases, catalogue, None, CUTOFF)


def test_the_window_holds_its_start_and_not_its_end(purchases: pd.DataFrame, catalogue: Catalogue) -> None:
    bought_at = datetime(2017, 3, 5, tzinfo=UTC)
    after = bought_at + timedelta(microseconds=1)
    assert targets(purchases, catalogue, ["bob"], bought_at, after).sum() == 1
    assert targets(purchases, catalogue, ["bob"], bought_at - timedelta(1), bought_at).sum() == 0


def test_no_target_window_passes_the_end_of_training() -> None:
    cutoffs = training_cutoffs(CUTOFF, target_days=14, step_days=7, n=3)
    assert cutoffs == [CUTOFF - timedelta(days=days) for days in (14, 21, 28)]
    assert max(cutoffs) + timedelta(days=14) == CUTOFF


@pytest.mark.parametrize("changed", ["target_days", "step_days", "n"])
def test_counts_below_one_are_refused(changed: str) -> None:
    counts = {"target_days": 14, "step_days": 7, "n": 3, changed: 0}
    with pytest.raises(SettingOutOfRange, match=f"{changed}=0 must be at least 1"):
        training_cutoffs(CUTOFF, **counts)


@pytest.mark.parametrize("when", [datetime(2017, 3, 1), datetime(2017, 3, 1, tzinfo=timezone(timedelta(hours=-5)))])
def test_cutoffs_must_be_utc(when: datetime) -> None:
    with pytest.raises(CutoffNotUtc, match="aware UTC"):
        Holdout(train_until=when, test_end=END)
    with pytest.raises(CutoffNotUtc):
        training_cutoffs(when, target_days=1, step_days=1, n=1)


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(SettingOutOfRange, match="above 0"):
        Holdout(train_until=CUTOFF, test_end=CUTOFF)


def test_the_default_cutoff_leaves_whole_weeks() -> None:
    assert default_train_until(datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC), 4) == datetime(2017, 12, 4, tzinfo=UTC)


def test_weeks_that_the_data_has_are_held_out() -> None:
    data_end = datetime(2017, 3, 14, 3, tzinfo=UTC)  # the last day has begun
    assert Holdout.of_weeks(CUTOFF, 2, data_start=CUTOFF, data_end=data_end) == Holdout(CUTOFF, END)


@pytest.mark.parametrize(
    ("weeks", "data_end", "told"),
    [
        (2, datetime(2017, 3, 12, tzinfo=UTC), "--test-weeks 1 or fewer"),
        (1, datetime(2017, 3, 4, tzinfo=UTC), "has 3.0 days after that date. Choose an earlier"),
        (1, datetime(2017, 1, 4, tzinfo=UTC), "has 0.0 days"),
        (0, datetime(2018, 1, 1, tzinfo=UTC), "a test of 0 week"),
    ],
)
def test_weeks_that_the_data_lacks_are_refused_with_what_is_there(weeks: int, data_end: datetime, told: str) -> None:
    with pytest.raises(TestWindowUnavailable, match="the lake runs from 2017-01-01") as refused:
        Holdout.of_weeks(CUTOFF, weeks, data_start=datetime(2017, 1, 1, tzinfo=UTC), data_end=data_end)
    assert told in str(refused.value)
