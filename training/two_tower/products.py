"""Product features as the towers read them: numbers that change with time, content that does not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float32]

CONTENT_FIELDS = ("department", "category", "product_type", "brand", "manufacturer_id")
# In this order along the last axis of the numeric features; the first is a log-probability and is never rescaled.
NUMERIC_FIELDS = (
    "log_novelty_rate",
    "log_recent",
    "log_90d",
    "log_total",
    "trend",
    "log_first_buyers",
    "log_buyers",
    "repeat_rate",
    "sells_now",
    "youth",
)
_QUARTER_DAYS = 90.0
_YOUTH_DAYS = 90.0


@dataclass(frozen=True)
class Vocabulary:
    """The known values of each content field; position 0 stands for unknown."""

    values: dict[str, list[str]]

    @classmethod
    def of(cls, products: pa.Table) -> "Vocabulary":
        """Collect the values of a product table, ascending."""
        return cls({f: sorted({v for v in products[f].to_pylist() if v}) for f in CONTENT_FIELDS})

    @property
    def sizes(self) -> list[int]:
        """Number of codes per field, unknown included."""
        return [len(values) + 1 for values in self.values.values()]

    def codes(self, products: pa.Table) -> npt.NDArray[np.int64]:
        """Encode a product table: (N, 5) int64, 0 for unknown values."""
        columns = []
        for field, values in self.values.items():
            positions = {value: position for position, value in enumerate(values, start=1)}
            columns.append([positions.get(value, 0) for value in products[field].to_pylist()])
        return np.array(columns, dtype=np.int64).reshape(len(columns), -1).T


def numeric_features(products: pa.Table, popularity_days: int) -> Floats:
    """Derive the numeric features of products at one moment.

    `log_novelty_rate` estimates, up to a constant, the log of the rate at which people who never bought a product
    buy it now: mostly first purchases of the recent window, smoothed by recent and 90-day sales. As the starting
    point of the softmax it spares the model from learning popularity; measured on the validation date, novel
    NDCG@20 after two epochs is .0390 with it against .0317 with standardised log counts.

    Args:
        products: (N,) rows of the product feature service; nulls are products not sold yet.
        popularity_days: Length of the recent window behind those rows; days.

    Returns:
        (N, 10) float32 in the order of `NUMERIC_FIELDS`, not standardised.
    """

    def column(name: str) -> npt.NDArray[np.float64]:
        return np.nan_to_num(np.asarray(products[name].to_numpy(zero_copy_only=False), dtype=np.float64))

    recent, prior, quarter = column("n_baskets_recent"), column("n_baskets_prior"), column("n_baskets_90d")
    first, buyers = column("n_first_buyers_recent"), column("n_buyers")
    rate = (0.6 * first + 0.2 * recent) / popularity_days + 0.2 * quarter / _QUARTER_DAYS + 0.02  # buyers a day
    features = (
        np.log(rate),
        np.log1p(recent),
        np.log1p(quarter),
        np.log1p(column("n_baskets")),
        np.log1p(recent) - np.log1p(prior),
        np.log1p(first),
        np.log1p(buyers),
        column("repeat_rate"),
        (recent > 0).astype(np.float64),
        np.minimum(column("days_since_first_sale"), _YOUTH_DAYS) / _YOUTH_DAYS,
    )
    return np.column_stack(features).astype(np.float32)


def text_columns(products: pa.Table, fields: Sequence[str]) -> dict[str, npt.NDArray[np.str_]]:
    """Take text columns as arrays, "" where null."""
    return {f: np.array([v or "" for v in products[f].to_pylist()], dtype=str) for f in fields}
