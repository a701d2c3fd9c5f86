"""What the recommender reads and answers, at the end of its training and today."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from configs.refresh import DriftSettings
from configs.settings import Settings
from features.columns import CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID, STORE_ID
from training.drift import Shift, shift_of_figure, shift_of_names, shift_of_numbers, shifts_of_tables
from training.feature_rows import customer_rows, product_rows
from training.histories import PROFILE_FIELDS
from training.metrics import catalogue_coverage_at_k, popularity_percentile
from training.two_tower.scorer import Scorer
from training.two_tower.sources import Sources, prepare_sources

# Tenure grows by a day every day for everybody: that is time, and no drift.
CUSTOMER_FIELDS: Final = tuple(name for name in PROFILE_FIELDS if name != "tenure_days")
PRODUCT_FIELDS: Final = ("price_usd", "discount_depth", "repeat_rate", "n_baskets_recent")
SOURCES: Final = ("repeat", "two_tower", "popular")  # of what a list for a known customer is made

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lists:
    """Lists of one length, as shown.

    Attributes:
        positions: (n, k) in the catalogue.
        scores: (n, k).
        sources: (n, k) what each place was filled from.
    """

    positions: Ints
    scores: npt.NDArray[np.float64]
    sources: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.positions)

    def head(self, n: int) -> "Lists":
        """Keep the first lists."""
        return Lists(self.positions[:n], self.scores[:n], self.sources[:n])


@dataclass(frozen=True, eq=False)
class Moments:
    """Features of the same customers and products at two moments.

    Attributes:
        sources: What was read.
        before: End of the training.
        today: Newest features.
        customer_ids: (C,) who allows personalisation now, ascending.
        rows: Their features at either moment; null for those not known then.
    """

    sources: Sources
    before: datetime
    today: datetime
    customer_ids: list[str]
    rows: tuple[pa.Table, pa.Table]


def read_moments(settings: Settings, before: datetime, today: datetime, progress: Callable[[str], None]) -> Moments:
    """Read the features of everybody who allows personalisation, at the end of training and today.

    Raises:
        LakeMissing, LakeDamaged, LakeVersionMismatch: If there is no usable lake.
        NothingAsked: If nobody allows personalisation.
    """
    sources = prepare_sources(settings.storage, settings.features, today, [before, today], progress)
    customer_ids = sorted(sources.consents.personal)
    rows = (customer_rows(sources.store, customer_ids, [before]), customer_rows(sources.store, customer_ids, [today]))
    return Moments(sources, before, today, customer_ids, rows)


def input_shifts(moments: Moments, scorer: Scorer, settings: DriftSettings, popularity_days: int) -> list[Shift]:
    """Compare customers' profiles, home stores, and the prices and sales of the products that the model knows.

    Args:
        moments: Features at either moment.
        scorer: The champion.
        settings: Parts.
        popularity_days: Window before either moment in which sales of products unknown to the model are counted.
    """
    before, today = (_profiles(rows) for rows in moments.rows)
    shifts = shifts_of_tables("inputs", before, today, settings)
    products = [
        product_rows(moments.sources.store, scorer.catalogue, [moment]) for moment in (moments.before, moments.today)
    ]
    sold = [{f"product {name}": _numbers(table, name) for name in PRODUCT_FIELDS} for table in products]
    shifts += shifts_of_tables("inputs", sold[0], sold[1], settings)
    outside = [_share_outside(moments, scorer, moment, popularity_days) for moment in (moments.before, moments.today)]
    return [*shifts, shift_of_figure("inputs", "share of sales of unknown products", outside[0], outside[1])]


def drawn_rows(moments: Moments, settings: DriftSettings) -> list[dict[str, Any]]:
    """Draw customers at random and give their features as the champion's cut-off knew them."""
    rows = moments.rows[0]
    known = np.flatnonzero(np.isfinite(_numbers(rows, PROFILE_FIELDS[0])))
    rng = np.random.default_rng(settings.seed)
    chosen = rng.choice(known, min(settings.n_lists, len(known)), replace=False)
    drawn: list[dict[str, Any]] = rows.take(pa.array(chosen)).to_pylist()
    return drawn


def list_shifts(before: Lists, today: Lists, scorer: Scorer, settings: DriftSettings) -> list[Shift]:
    """Compare scores, sources, coverage and popularity of as many lists on either side."""
    n = min(len(before), len(today))
    old, new = before.head(n), today.head(n)
    k = old.positions.shape[1]
    shifts = [
        shift_of_numbers("outputs", "score", old.scores.ravel(), new.scores.ravel(), settings.n_bins),
        shift_of_names("outputs", "source", old.sources.ravel().tolist(), new.sources.ravel().tolist()),
    ]
    for source in SOURCES:
        shares = [float((lists.sources == source).mean()) for lists in (old, new)]
        shifts.append(shift_of_figure("outputs", f"share of {source}", shares[0], shares[1]))
    popularity = np.asarray(scorer.products["popularity"], dtype=np.float64)
    spreads = [
        (
            catalogue_coverage_at_k(lists.positions, len(scorer.catalogue), k),
            popularity_percentile(lists.positions, popularity, k),
        )
        for lists in (old, new)
    ]
    for place, figure in enumerate((f"coverage@{k}", f"popularity percentile@{k}")):
        shifts.append(shift_of_figure("outputs", figure, spreads[0][place], spreads[1][place]))
    return shifts


def _profiles(rows: pa.Table) -> dict[str, npt.NDArray[Any]]:
    """Take the profiles of the customers known at a moment."""
    known = np.isfinite(_numbers(rows, PROFILE_FIELDS[0]))
    columns: dict[str, npt.NDArray[Any]] = {f"customer {name}": _numbers(rows, name)[known] for name in CUSTOMER_FIELDS}
    stores = np.array([store or "" for store in rows[STORE_ID].to_pylist()], dtype=str)
    return columns | {"customer home store": stores[known]}


def _numbers(rows: pa.Table, name: str) -> npt.NDArray[np.float64]:
    return np.asarray(rows[name].to_numpy(zero_copy_only=False), dtype=np.float64)


def _share_outside(moments: Moments, scorer: Scorer, moment: datetime, days: int) -> float:
    purchases: pd.DataFrame = moments.sources.purchases
    times = purchases[EVENT_TIMESTAMP]
    recent = purchases[(times < moment) & (times >= moment - timedelta(days=days))]
    recent = recent[recent[CUSTOMER_ID].isin(moments.customer_ids)]
    if recent.empty:
        return float("nan")
    return float((scorer.catalogue.index_of(recent[PRODUCT_ID]) < 0).mean())
