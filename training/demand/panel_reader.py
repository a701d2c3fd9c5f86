"""Read the price views as dense arrays: the chain's weeks of each product, and the weeks of product-store pairs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features import columns
from features.store import Store
from features.tables import PRICE_PRODUCT, PRICE_STORE_WEEK, PRICE_WEEK
from training.demand.panel import NUMBERS, TEXTS, Flags, Floats, Panel, StorePanel, Weeks

Positions = npt.NDArray[np.int64]
Ids = npt.NDArray[np.str_]

_ONE_WEEK = np.timedelta64(7, "D")


def read_panel(store: Store, product_ids: Sequence[str] | None = None) -> Panel:
    """Read the chain's weeks of products.

    Args:
        store: Holds the price views.
        product_ids: Products wanted, ever sold or not; None takes every one that was sold in a whole week.

    Returns:
        The panel, products ascending; one that never sold has no units and no price, one that nobody described "".
    """
    return panel_of(store.table(PRICE_WEEK), store.table(PRICE_PRODUCT), product_ids)


def read_store_panel(store: Store, panel: Panel, pairs: pd.DataFrame | None = None) -> StorePanel:
    """Read the weeks of product-store pairs over the weeks of a panel.

    Args:
        store: Holds the price views.
        panel: Its products and weeks are kept.
        pairs: Columns product_id and store_id of the pairs wanted, ever sold or not; None takes every pair that was
            sold in one of the panel's weeks.

    Returns:
        The pairs, ascending by product and store.
    """
    return store_panel_of(store.table(PRICE_STORE_WEEK), panel, pairs)


def panel_of(product_weeks: pa.Table, products: pa.Table, product_ids: Sequence[str] | None = None) -> Panel:
    """Lay out rows of `price_week` and `price_product` as a panel."""
    sold, rows = _encoded(product_weeks[columns.PRODUCT_ID])
    wanted = sold if product_ids is None else np.unique(np.asarray(product_ids, dtype=np.str_))
    kept_rows = _positions(wanted, sold)[rows]
    weeks, at = _weeks(product_weeks[columns.WEEK_START])
    cells = _Cells(kept_rows, at, (len(wanted), len(weeks)))
    attributes, by_weight = _attributes(wanted, products)
    return Panel(
        product_ids=wanted,
        weeks=weeks,
        units=cells.floats(product_weeks["units"], missing=0.0),
        shelf_price=cells.floats(product_weeks["shelf_price"], missing=np.nan),
        paid_price=cells.floats(product_weeks["paid_price"], missing=np.nan),
        imputed=cells.flags(product_weeks["imputed"], missing=True),
        display=cells.floats(product_weeks["display"], missing=0.0),
        mailer=cells.floats(product_weeks["mailer"], missing=0.0),
        stocked_out=cells.flags(product_weeks["stocked_out"], missing=False),
        attributes=attributes,
        sold_by_weight=by_weight,
    )


def store_panel_of(store_weeks: pa.Table, panel: Panel, pairs: pd.DataFrame | None = None) -> StorePanel:
    """Lay out rows of `price_store_week` as pairs over a panel's weeks."""
    products, product_at = _encoded(store_weeks[columns.PRODUCT_ID])
    stores, store_at = _encoded(store_weeks[columns.STORE_ID])
    product_at = _positions(panel.product_ids, products)[product_at]
    week_at = _week_positions(store_weeks["store_week_start"], panel.weeks)
    sold = (product_at >= 0) & (week_at >= 0) & (store_weeks["store_units"].to_numpy() > 0)
    sold_keys = np.where(sold, product_at * len(stores) + store_at, -1)
    if pairs is None:
        keys = np.unique(sold_keys[sold])
        product_ids, store_ids = panel.product_ids[keys // len(stores)], stores[keys % len(stores)]
    else:
        product_ids, store_ids = _distinct_pairs(pairs)
        product_of, store_of = _positions(panel.product_ids, product_ids), _positions(stores, store_ids)
        keys = np.where((product_of >= 0) & (store_of >= 0), product_of * len(stores) + store_of, -1)
    (known,) = np.nonzero(keys >= 0)  # ascending among themselves, as products and stores are
    found = _positions(keys[known], sold_keys)
    rows = np.where(found >= 0, known[found], -1) if len(known) else found
    cells = _Cells(rows, week_at, (len(product_ids), len(panel.weeks)))
    return StorePanel(product_ids, store_ids, panel.weeks, cells.floats(store_weeks["store_units"], missing=0.0))


def _distinct_pairs(pairs: pd.DataFrame) -> tuple[Ids, Ids]:
    distinct = pairs[[columns.PRODUCT_ID, columns.STORE_ID]].astype(str).drop_duplicates()
    product_ids = distinct[columns.PRODUCT_ID].to_numpy(dtype=np.str_)
    store_ids = distinct[columns.STORE_ID].to_numpy(dtype=np.str_)
    order = np.lexsort((store_ids, product_ids))
    return product_ids[order], store_ids[order]


class _Cells:
    """Where each row of a table goes in an array of series by week; rows without a place are left out."""

    def __init__(self, rows: Positions, weeks: Positions, shape: tuple[int, int]) -> None:
        self._kept = (rows >= 0) & (weeks >= 0)
        self._flat = rows[self._kept] * shape[1] + weeks[self._kept]
        self._shape = shape

    def floats(self, values: pa.ChunkedArray, *, missing: float) -> Floats:
        cells = np.full(self._shape, missing, dtype=np.float64)
        cells.reshape(-1)[self._flat] = values.to_numpy()[self._kept]
        return cells

    def flags(self, values: pa.ChunkedArray, *, missing: bool) -> Flags:
        cells = np.full(self._shape, missing, dtype=bool)
        cells.reshape(-1)[self._flat] = values.to_numpy()[self._kept]
        return cells


def _attributes(wanted: Ids, products: pa.Table) -> tuple[dict[str, npt.NDArray[Any]], Flags]:
    described = products.sort_by(columns.PRODUCT_ID)
    ids = np.asarray(described[columns.PRODUCT_ID].to_pylist(), dtype=np.str_)
    at = _positions(ids, wanted)
    found = at >= 0
    attributes: dict[str, npt.NDArray[Any]] = {}
    for name in TEXTS:
        texts = np.full(len(wanted), "", dtype=object)
        texts[found] = described[name].to_numpy()[at[found]]
        attributes[name] = texts
    for name in NUMBERS:
        numbers = np.full(len(wanted), np.nan)
        numbers[found] = described[name].to_numpy()[at[found]]
        attributes[name] = numbers
    by_weight = np.zeros(len(wanted), dtype=bool)
    by_weight[found] = described[columns.SOLD_BY_WEIGHT].to_numpy()[at[found]]
    return attributes, by_weight


def _encoded(ids: pa.ChunkedArray) -> tuple[Ids, Positions]:
    """Give the distinct ids in ascending order, and the position of each row's id among them."""
    coded = pc.dictionary_encode(ids).combine_chunks()
    if isinstance(coded, pa.ChunkedArray):  # no row at all
        return np.empty(0, dtype=np.str_), np.empty(0, dtype=np.int64)
    distinct = np.asarray(coded.dictionary.to_pylist(), dtype=np.str_)
    order = np.argsort(distinct)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    return distinct[order], ranks[coded.indices.to_numpy()]


def _positions(known: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> Positions:
    """Find values among ascending ones; -1 for those that are not there."""
    if not len(known):
        return np.full(len(wanted), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, at, -1).astype(np.int64)


def _weeks(days: pa.ChunkedArray) -> tuple[Weeks, Positions]:
    starts = _days(days)
    if not len(starts):
        return starts, np.empty(0, dtype=np.int64)
    weeks = np.arange(starts.min(), starts.max() + _ONE_WEEK, _ONE_WEEK)
    return weeks, _week_positions(days, weeks)


def _week_positions(days: pa.ChunkedArray, weeks: Weeks) -> Positions:
    if not len(weeks):
        return np.full(len(days), -1, dtype=np.int64)
    at = (_days(days) - weeks[0]) // _ONE_WEEK
    return np.where((at >= 0) & (at < len(weeks)), at, -1).astype(np.int64)


def _days(moments: pa.ChunkedArray) -> Weeks:
    return np.asarray(moments.cast(pa.date32()).to_numpy(), dtype="datetime64[D]")
