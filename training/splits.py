"""Cut the purchases in time: what a model may learn from and what it is judged on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from features.columns import CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from training.catalogue import Catalogue
from training.errors import CutoffNotUtc, SettingOutOfRange, TestWindowUnavailable

DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class Holdout:
    """The time after a cut-off in which recommenders are judged.

    Attributes:
        train_until: History and training data lie strictly before it.
        test_end: Targets lie at or after `train_until` and strictly before this.

    Raises:
        CutoffNotUtc: If an end is not an aware UTC time.
        SettingOutOfRange: If the window is empty.
    """

    train_until: datetime
    test_end: datetime

    def __post_init__(self) -> None:
        require_utc("train_until", self.train_until)
        require_utc("test_end", self.test_end)
        n_days = (self.test_end - self.train_until).total_seconds() / 86_400
        if n_days <= 0:
            raise SettingOutOfRange(name="days between train_until and test_end", value=n_days, limit="above 0")

    @classmethod
    def of_weeks(cls, train_until: datetime, test_weeks: int, *, data_start: datetime, data_end: datetime) -> "Holdout":
        """Hold out whole weeks after a cut-off.

        The last day may be cut short by the last purchase of the data, but must have begun.

        Raises:
            TestWindowUnavailable: If the data ends before the last day of the window.
        """
        test_end = train_until + timedelta(days=DAYS_PER_WEEK * test_weeks)
        if test_weeks < 1 or data_end < test_end - timedelta(days=1):
            raise TestWindowUnavailable(
                train_until=train_until, test_weeks=test_weeks, data_start=data_start, data_end=data_end
            )
        return cls(train_until=train_until, test_end=test_end)


def default_train_until(data_end: datetime, test_weeks: int) -> datetime:
    """Go back whole weeks from midnight UTC of the day on which the data ends.

    >>> default_train_until(datetime(2018, 1, 1, 4, 1, tzinfo=UTC), 4).date().isoformat()
    '2017-12-04'
    """
    midnight = data_end.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=DAYS_PER_WEEK * test_weeks)


def training_cutoffs(train_until: datetime, *, target_days: int, step_days: int, n: int) -> list[datetime]:
    """List the snapshot times of training examples, latest first.

    The latest lies `target_days` before `train_until`, so that no example's target window passes it.

    Args:
        train_until: End of the training data.
        target_days: Length of each example's target window; days, from 1.
        step_days: Days between two snapshots, from 1.
        n: How many, from 1.

    >>> [t.day for t in training_cutoffs(datetime(2017, 12, 15, tzinfo=UTC), target_days=7, step_days=2, n=3)]
    [8, 6, 4]
    """
    require_utc("train_until", train_until)
    for name, value in (("target_days", target_days), ("step_days", step_days), ("n", n)):
        if value < 1:
            raise SettingOutOfRange(name=name, value=value, limit="at least 1")
    return [train_until - timedelta(days=target_days + step_days * step) for step in range(n)]


def targets(
    purchases: pd.DataFrame, catalogue: Catalogue, customer_ids: Sequence[str], start: datetime, end: datetime
) -> sparse.csr_array:
    """Mark what each customer bought in a window.

    Returns:
        (B, N) bool, rows as `customer_ids`, columns as the catalogue; products outside it are left out.
    """
    within = (purchases[EVENT_TIMESTAMP] >= start) & (purchases[EVENT_TIMESTAMP] < end)
    return mark_pairs(purchases.loc[within, [CUSTOMER_ID, PRODUCT_ID]], catalogue, customer_ids)


def bought_before(
    purchases: pd.DataFrame, catalogue: Catalogue, customer_ids: Sequence[str], before: datetime
) -> sparse.csr_array:
    """Mark what each customer ever bought strictly before a time.

    Returns:
        (B, N) bool, rows as `customer_ids`, columns as the catalogue.
    """
    earlier = purchases[EVENT_TIMESTAMP] < before
    return mark_pairs(purchases.loc[earlier, [CUSTOMER_ID, PRODUCT_ID]], catalogue, customer_ids)


def mark_pairs(pairs: pd.DataFrame, catalogue: Catalogue, customer_ids: Sequence[str]) -> sparse.csr_array:
    """Turn (customer, product) pairs into a (B, N) bool matrix; unknown customers and products are left out."""
    rows, cols, _ = locate(pairs, catalogue, customer_ids)
    marks = np.ones(len(rows), dtype=bool)
    matrix = sparse.coo_array((marks, (rows, cols)), shape=(len(customer_ids), len(catalogue)))
    return sparse.csr_array(matrix)  # repeated pairs add up as `or`


def locate(
    pairs: pd.DataFrame, catalogue: Catalogue, customer_ids: Sequence[str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Find each line's row and column.

    Returns:
        rows (n,) and cols (n,) of the lines whose customer and product are both known, and (len(pairs),) bool which
        lines those are.
    """
    customers = pd.Index(np.asarray(customer_ids, dtype=object))
    rows = customers.get_indexer(pd.Index(pairs[CUSTOMER_ID])).astype(np.int64)
    cols = catalogue.index_of(pairs[PRODUCT_ID])
    known = (rows >= 0) & (cols >= 0)
    return rows[known], cols[known], known


def require_utc(name: str, value: datetime) -> None:
    """Refuse a time that is naive or not in UTC.

    Raises:
        CutoffNotUtc: If it is.
    """
    if value.utcoffset() != timedelta(0):
        raise CutoffNotUtc(name=name, value=value)
