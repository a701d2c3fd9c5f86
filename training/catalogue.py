"""The products a model can recommend, and their dense positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.columns import CUSTOMER_ID, EVENT_TIMESTAMP, PRODUCT_ID
from training.errors import CatalogueEmpty, CatalogueUnsorted


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Product ids in strictly ascending order; a product's position is its `product_idx`.

    Raises:
        CatalogueUnsorted: If the ids are not strictly ascending.

    >>> Catalogue(np.array(["12", "7"])).index_of(["7", "99"])
    array([ 1, -1])
    """

    product_ids: npt.NDArray[np.str_]

    def __post_init__(self) -> None:
        out_of_order = np.flatnonzero(self.product_ids[1:] <= self.product_ids[:-1])
        if len(out_of_order):
            position = int(out_of_order[0]) + 1
            before, after = self.product_ids[position - 1], self.product_ids[position]
            raise CatalogueUnsorted(position=position, before=str(before), after=str(after))

    def __len__(self) -> int:
        return len(self.product_ids)

    def index_of(self, product_ids: Sequence[str] | npt.NDArray[np.str_] | pd.Series) -> npt.NDArray[np.int64]:
        """Find the positions of products.

        Returns:
            (n,) int64 in the order given, -1 for a product outside the catalogue.
        """
        return np.asarray(self._index.get_indexer(pd.Index(product_ids, dtype=object)), dtype=np.int64)

    @cached_property
    def _index(self) -> pd.Index:
        return pd.Index(self.product_ids.astype(object))


def build_catalogue(purchases: pd.DataFrame, train_until: datetime, min_buyers: int) -> Catalogue:
    """List the products that enough different customers bought before a cut-off.

    Args:
        purchases: Lines as `load_purchases` returns them.
        train_until: Lines at or after this time are ignored.
        min_buyers: Fewest distinct customers; from 1.

    Raises:
        CatalogueEmpty: If no product has that many.
    """
    before = purchases.loc[purchases[EVENT_TIMESTAMP] < train_until, [CUSTOMER_ID, PRODUCT_ID]]
    n_buyers = before.drop_duplicates()[PRODUCT_ID].value_counts()
    product_ids = n_buyers.index[n_buyers >= min_buyers].to_numpy(dtype=str)
    if not len(product_ids):
        raise CatalogueEmpty(train_until=train_until, min_buyers=min_buyers, n_purchases=len(before))
    return Catalogue(np.sort(product_ids))
