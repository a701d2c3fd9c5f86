"""The assortment: all that the models and the books say about each product, as arrays.

Every number is the retailer's own: sums of sales, prices, costs, stock. None describes a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from serving.pricing.errors import AssortmentBroken

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]
Texts = npt.NDArray[np.str_]

_BY_PAIR: Final = ("pair_product_idx", "pair_store_idx", "pair_share", "pair_dispersion")
_BY_PRODUCT_AND_WEEK: Final = ("weekly_units", "dispersion")
_OTHER: Final = ("store_ids", "model_version", "trained_until", "data_until")


@dataclass(frozen=True, eq=False)
class Assortment:
    """N products, H weeks ahead, S stores, R pairs of product and store.

    Attributes:
        product_ids: (N,) str, ascending.
        current_price: (N,) USD, the last shelf price and the one that `weekly_units` hold at; NaN unknown.
        list_price: (N,) USD; NaN unknown.
        lowest_price: (N,) USD, the lowest price at which it was seen to sell; NaN when never.
        highest_price: (N,) USD, the highest; NaN when never.
        unit_cost: (N,) USD; NaN unknown.
        weekly_units: (N, H) units expected chain-wide in each week ahead at `current_price`; NaN without a forecast.
        dispersion: (N, H) of the negative binomial: variance = mean + dispersion * mean**2.
        elasticity_location: (N,) mean of the normal before it is cut off at 0.
        elasticity_scale: (N,) its standard deviation, above 0.
        elasticity_source: (N,) str, product, category or chain.
        identified: (N,) whether the product's own price moved enough to tell anything.
        department: (N,) str, "" unknown.
        category: (N,) str, "" unknown.
        family: (N,) str, one key per brand and line whose packs differ in size alone; "" for none.
        pack_size: (N,) amount in one pack in the family's common unit; NaN unknown, and then outside the ladder.
        sold_by_weight: (N,) whether the price varies by weight.
        weeks_since_last_sale: (N,) whole weeks since the last sale; 0 when sold in the last week known.
        store_ids: (S,) str, ascending: every store known.
        pair_product_idx: (R,) position in `product_ids`; with `pair_store_idx` ascending.
        pair_store_idx: (R,) position in `store_ids`.
        pair_share: (R,) the store's share of the product's units, above 0, at most 1.
        pair_dispersion: (R,) of the negative binomial at that store.
        model_version: What answers are signed with.
        trained_until: End of what the models were fitted on; aware UTC.
        data_until: End of what the prices and units here were read from; aware UTC.
    """

    product_ids: Texts
    current_price: Floats
    list_price: Floats
    lowest_price: Floats
    highest_price: Floats
    unit_cost: Floats
    weekly_units: Floats
    dispersion: Floats
    elasticity_location: Floats
    elasticity_scale: Floats
    elasticity_source: Texts
    identified: Flags
    department: Texts
    category: Texts
    family: Texts
    pack_size: Floats
    sold_by_weight: Flags
    weeks_since_last_sale: Floats
    store_ids: Texts
    pair_product_idx: Positions
    pair_store_idx: Positions
    pair_share: Floats
    pair_dispersion: Floats
    model_version: str
    trained_until: datetime
    data_until: datetime

    def __post_init__(self) -> None:
        """Check once what every answer relies on.

        Raises:
            AssortmentBroken: If arrays differ in length, ids are out of order, or a time has no zone.
        """
        problems = [*self._lengths_amiss(), *self._order_amiss()]
        if self.trained_until.tzinfo is None or self.data_until.tzinfo is None:
            problems.append("trained_until and data_until need a time zone")
        if problems:
            raise AssortmentBroken(problems=problems)

    def __len__(self) -> int:
        return len(self.product_ids)

    def index_of(self, product_ids: Sequence[str]) -> Positions:
        """Find products; -1 where unknown."""
        known = self._product_places
        return np.array([known.get(product_id, -1) for product_id in product_ids], dtype=np.int64)

    def store_index_of(self, store_ids: Sequence[str]) -> Positions:
        """Find stores; -1 where unknown."""
        known = self._store_places
        return np.array([known.get(store_id, -1) for store_id in store_ids], dtype=np.int64)

    def pair_of(self, product_idx: Positions, store_idx: Positions) -> Positions:
        """Find pairs of product and store; -1 where the product never sold there.

        Args:
            product_idx: (A,) positions; negative ones are not found.
            store_idx: (A,) positions; negative ones are not found.
        """
        if not len(self.pair_share):
            return np.full(len(product_idx), -1, dtype=np.int64)
        keys = self.pair_product_idx * len(self.store_ids) + self.pair_store_idx  # (R,)
        wanted = product_idx * len(self.store_ids) + store_idx
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found = (keys[at] == wanted) & (product_idx >= 0) & (store_idx >= 0)
        return np.where(found, at, -1)

    @cached_property
    def _product_places(self) -> dict[str, int]:
        return {product_id: place for place, product_id in enumerate(self.product_ids.tolist())}

    @cached_property
    def _store_places(self) -> dict[str, int]:
        return {store_id: place for place, store_id in enumerate(self.store_ids.tolist())}

    @cached_property
    def family_members(self) -> tuple[Positions, Positions, Positions]:
        """Products by family, for ladders.

        Returns:
            (N,) dense family of each product, -1 where it stands on no ladder; (F + 1,) where each family begins in
            the last array; (M,) positions of all members, family by family.
        """
        _, codes = np.unique(self.family, return_inverse=True)
        on_ladder = (self.family != "") & (self.pack_size > 0) & (self.current_price > 0)
        codes = np.where(on_ladder, codes, -1).astype(np.int64)
        members = np.flatnonzero(on_ladder)
        members = members[np.argsort(codes[members], kind="stable")]
        starts = np.searchsorted(codes[members], np.arange(codes.max(initial=-1) + 2))
        return codes, starts.astype(np.int64), members

    def _lengths_amiss(self) -> list[str]:
        n, r, h = len(self.product_ids), len(self.pair_share), self.weekly_units.shape[-1]
        wanted = dict.fromkeys(_BY_PAIR, (r,)) | dict.fromkeys(_BY_PRODUCT_AND_WEEK, (n, h))
        return [
            f"{field.name} has shape {getattr(self, field.name).shape}, not {wanted.get(field.name, (n,))}"
            for field in fields(self)
            if field.name not in _OTHER and getattr(self, field.name).shape != wanted.get(field.name, (n,))
        ]

    def _order_amiss(self) -> list[str]:
        names = [name for name in ("product_ids", "store_ids") if not _ascending(getattr(self, name))]
        pairs = self.pair_product_idx.astype(np.int64) * max(1, len(self.store_ids)) + self.pair_store_idx
        return [f"{name} are not strictly ascending" for name in names + ["pairs"] * (not _ascending(pairs))]


def _ascending(values: npt.NDArray[Any]) -> bool:
    return bool((values[1:] > values[:-1]).all())
