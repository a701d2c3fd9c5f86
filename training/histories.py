"""Customer histories as one ragged batch, from training rows or from online rows alike."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.columns import PRODUCT_ID, STORE_ID
from training.catalogue import Catalogue

# Per bought product, in this order along the last axis of `Histories.pairs`.
PAIR_FIELDS = ("n_baskets", "decayed_short", "decayed_long", "days_since_last", "days_since_first")
# Per customer, in this order along the last axis of `Histories.profiles`.
PROFILE_FIELDS = (
    "n_baskets_total",
    "n_products",
    "n_baskets_28d",
    "spend_usd_28d",
    "mean_basket_usd",
    "days_since_last_basket",
    "mean_days_between_baskets",
    "tenure_days",
)
_IDS = f"{PRODUCT_ID}s"
_SESSION = f"session_{PRODUCT_ID}s"

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Texts = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Histories:
    """What B customers bought, as T (customer, product) pairs in customer order.

    Attributes:
        offsets: (B + 1,) customer b owns the pairs `offsets[b]:offsets[b + 1]`.
        product_idx: (T,) catalogue positions, all known, each at most once per customer.
        pairs: (T, 5) `PAIR_FIELDS`, counts and days.
        profiles: (B, 8) `PROFILE_FIELDS`, NaN where unknown.
        session_offsets: (B + 1,) likewise for `session_idx`.
        session_idx: (S,) products viewed or put into the basket lately.
        stores: (B,) home store of each, "" where unknown.
    """

    offsets: Ints
    product_idx: Ints
    pairs: Floats
    profiles: Floats
    session_offsets: Ints
    session_idx: Ints
    stores: Texts

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def customer_of_pair(self) -> Ints:
        """(T,) which customer of the batch each pair belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def is_blank(self) -> npt.NDArray[np.bool_]:
        """(B,) whether neither history nor session holds a product of the catalogue."""
        blank: npt.NDArray[np.bool_] = (np.diff(self.offsets) == 0) & (np.diff(self.session_offsets) == 0)
        return blank

    def take(self, rows: Ints) -> "Histories":
        """Pick customers by position, in the order given; (b,) rows to a batch of b."""
        offsets, chosen = _gather(self.offsets, rows)
        session_offsets, session = _gather(self.session_offsets, rows)
        return Histories(
            offsets=offsets,
            product_idx=self.product_idx[chosen],
            pairs=self.pairs[chosen],
            profiles=self.profiles[rows],
            session_offsets=session_offsets,
            session_idx=self.session_idx[session],
            stores=self.stores[rows],
        )


def from_arrow(customers: pa.Table, catalogue: Catalogue) -> Histories:
    """Read training rows of the customer feature service; a null row is a customer without history."""
    lists = {field: _flat(customers[field]) for field in (_IDS, *PAIR_FIELDS, _SESSION)}
    offsets, product_idx, known = _known(*lists[_IDS], catalogue)
    session_offsets, session_idx, _ = _known(*lists[_SESSION], catalogue)
    pairs = np.column_stack([lists[field][1].to_numpy(zero_copy_only=False)[known] for field in PAIR_FIELDS])
    profiles = np.column_stack(
        [np.asarray(customers[f].to_numpy(zero_copy_only=False), dtype=np.float32) for f in PROFILE_FIELDS]
    )
    stores = np.array([store or "" for store in customers[STORE_ID].to_pylist()], dtype=str)
    return Histories(offsets, product_idx, pairs.astype(np.float32), profiles, session_offsets, session_idx, stores)


def from_row(customer: Mapping[str, Any], catalogue: Catalogue) -> Histories:
    """Read one online row of the customer feature service into a batch of one."""
    product_idx = catalogue.index_of(customer[_IDS] or [])
    known = product_idx >= 0
    values = np.array([customer[field] or [] for field in PAIR_FIELDS], dtype=np.float32)  # (5, n)
    session_idx = catalogue.index_of(customer[_SESSION] or [])
    session_idx = session_idx[session_idx >= 0]
    profile = np.array([[customer.get(field) for field in PROFILE_FIELDS]], dtype=np.float32)
    return Histories(
        offsets=np.array([0, int(known.sum())]),
        product_idx=product_idx[known],
        pairs=values.T[known],
        profiles=profile,
        session_offsets=np.array([0, len(session_idx)]),
        session_idx=session_idx,
        stores=np.array([customer.get(STORE_ID) or ""]),
    )


def from_products(product_idx: Ints) -> Histories:
    """Make a batch of one that knows only a basket or session: products without any past, no profile."""
    return Histories(
        offsets=np.zeros(2, dtype=np.int64),
        product_idx=np.empty(0, dtype=np.int64),
        pairs=np.empty((0, len(PAIR_FIELDS)), dtype=np.float32),
        profiles=np.full((1, len(PROFILE_FIELDS)), np.nan, dtype=np.float32),
        session_offsets=np.array([0, len(product_idx)]),
        session_idx=product_idx,
        stores=np.array([""]),
    )


def with_session(histories: Histories, product_idx: Ints) -> Histories:
    """Put a basket's products before the session of a batch of one."""
    session_idx = np.concatenate([product_idx, histories.session_idx])
    return replace(histories, session_offsets=np.array([0, len(session_idx)]), session_idx=session_idx)


def _gather(offsets: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Give the offsets of the chosen rows and the positions of their elements."""
    lengths = offsets[rows + 1] - offsets[rows]
    chosen_offsets = np.concatenate([[0], np.cumsum(lengths)])
    shifts = np.repeat(offsets[rows] - chosen_offsets[:-1], lengths)
    return chosen_offsets, shifts + np.arange(chosen_offsets[-1])


def _flat(column: pa.ChunkedArray) -> tuple[Ints, pa.Array]:
    """Split a list column into (B + 1,) offsets from 0 and its values; null lists are empty."""
    lists = column.combine_chunks()
    lengths = np.asarray(lists.value_lengths().fill_null(0), dtype=np.int64)
    return np.concatenate([[0], np.cumsum(lengths)]), lists.flatten()


def _known(offsets: Ints, product_ids: pa.Array, catalogue: Catalogue) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """Turn ids into positions and leave out products outside the catalogue."""
    encoded = product_ids.cast(pa.string()).dictionary_encode()  # few distinct ids: look each up once
    positions = catalogue.index_of(encoded.dictionary.to_pylist())
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    product_idx = positions[codes] if len(codes) else np.empty(0, dtype=np.int64)
    known = product_idx >= 0
    before = np.concatenate([[0], np.cumsum(known)])
    return before[offsets], product_idx[known], known
