"""What is in stock, as far as the lake knows."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.columns import EVENT_TIMESTAMP, INVENTORY, ON_HAND, PRODUCT_ID, STORE_ID
from serving.champion import Champion
from serving.ports import Mask

ANY_STORE: Final = ""


class Stock:
    """Products with a positive last count, by store; read from the lake's inventory table, anew when it changes.

    Args:
        lake: Folder of the lake; without an inventory table nothing is known about stock.
    """

    def __init__(self, lake: Path) -> None:
        self._path = lake / f"{INVENTORY}.parquet"
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._stocked: Mapping[str, frozenset[str]] = {}

    def mask(self, champion: Champion, store_id: str | None) -> Mask | None:
        """Mark the products in stock, at one store or at any.

        Returns:
            (N,) True where the last count is positive; None when there is no inventory, or none of that store.
        """
        stocked = self._read().get(store_id or ANY_STORE)
        if stocked is None:
            return None
        return np.fromiter((product in stocked for product in champion.shelf.product_ids), dtype=np.bool_)

    def _read(self) -> Mapping[str, frozenset[str]]:
        with self._lock:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stocked = {} if stamp is None else _last_counts(self._path)
                self._stamp = stamp
            return self._stocked


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_mtime_ns, facts.st_size


def _last_counts(path: Path) -> dict[str, frozenset[str]]:
    counts = pq.read_table(path, columns=[PRODUCT_ID, STORE_ID, EVENT_TIMESTAMP, ON_HAND])
    counts = counts.take(pc.sort_indices(counts, sort_keys=[(EVENT_TIMESTAMP, "ascending")]))
    last: dict[tuple[str, str], float] = {}
    for row in counts.select([STORE_ID, PRODUCT_ID, ON_HAND]).to_pylist():
        last[str(row[STORE_ID]), str(row[PRODUCT_ID])] = row[ON_HAND] or 0
    stocked: dict[str, set[str]] = {ANY_STORE: set()}
    for (store, product), on_hand in last.items():
        of_store = stocked.setdefault(store, set())
        if on_hand > 0:
            of_store.add(product)
            stocked[ANY_STORE].add(product)
    return {store: frozenset(products) for store, products in stocked.items()}
