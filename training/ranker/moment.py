"""Everything learnt across people as of one moment, from which candidates and features of anybody follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from configs.ranker import RankerSettings
from training.catalogue import Catalogue
from training.histories import PAIR_FIELDS, Histories
from training.ranker.content import MAKER, TYPE, Content, read_content
from training.ranker.neighbours import Neighbours, fit_neighbours
from training.ranker.product_figures import PRODUCT_FIELDS, SALES_DAYS, product_figures
from training.ranker.sales import SalesLog
from training.ranker.shopper import Shopper
from training.ranker.stores import UNKNOWN_STORE, Stores, count_stores
from training.ranker.tastes import Tastes, fit_tastes

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_BUYERS_14, _BUYERS_28 = PRODUCT_FIELDS.index("log_buyers_14d"), PRODUCT_FIELDS.index("log_buyers_28d")
_SHARE_OF_TYPE = PRODUCT_FIELDS.index("share_of_type")
_LONG, _LAST, _FIRST = (PAIR_FIELDS.index(name) for name in ("decayed_long", "days_since_last", "days_since_first"))


@dataclass(frozen=True, eq=False)
class Moment:
    """What is known of N products and of how people buy them.

    Attributes:
        catalogue: The products that may be recommended.
        content: What each is.
        figures: (N, P) `PRODUCT_FIELDS`.
        stores: Buyers by store.
        neighbours: EASE over products.
        type_neighbours: EASE over product types.
        tastes: From kinds of products and makers to what sells now, and to what is first bought now.
    """

    catalogue: Catalogue
    content: Content
    figures: npt.NDArray[np.float32]
    stores: Stores
    neighbours: Neighbours
    type_neighbours: Neighbours
    tastes: Tastes

    def share_of_store(self, store: int) -> float:
        """Tell what part of all recent buyers a store has; 0 for an unknown one."""
        return 0.0 if store == UNKNOWN_STORE else float(self.store_shares[store])

    @cached_property
    def store_shares(self) -> Floats:
        """(S,) each store's part of all recent buyers."""
        buyers = np.asarray(self.stores.short.sum(axis=1), dtype=np.float64).ravel()
        shares: Floats = buyers / max(float(np.expm1(self.figures[:, _BUYERS_28].astype(np.float64)).sum()), 1.0)
        return shares

    @cached_property
    def log_buyers(self) -> npt.NDArray[np.float32]:
        """(N,) logarithm of one plus the buyers of the last 14 days, in one piece."""
        return np.ascontiguousarray(self.figures[:, _BUYERS_14])

    @cached_property
    def share_of_type(self) -> npt.NDArray[np.float32]:
        """(N,) each product's part of what its type sells, likewise."""
        return np.ascontiguousarray(self.figures[:, _SHARE_OF_TYPE])

    def shopper(self, histories: Histories, row: int) -> Shopper:
        """Take one customer out of a batch whose positions are of this catalogue."""
        return Shopper.of(histories, row, self.stores.place_of(str(histories.stores[row])))

    def taste_inputs(self, shopper: Shopper) -> tuple[Ints, Floats]:
        """Describe a customer for `tastes`: positions of his inputs, and their values."""
        fields, values = [], []
        start = 0
        for group, weight in _TASTE_GROUPS:
            codes = self.content.codes[group][shopper.touched]
            amounts = np.bincount(codes, shopper.touched_long, self.content.n_codes(group))
            (known,) = np.nonzero(amounts)
            fields.append(known + start)
            values.append(weight * np.log1p(amounts[known]))
            start += self.content.n_codes(group)
        return np.concatenate(fields), np.concatenate(values)


_TASTE_GROUPS = ((TYPE, 1.0), (MAKER, 0.7))  # and how much each says; not tuned


def learn_moment(
    log: SalesLog,
    catalogue: Catalogue,
    products: pa.Table,
    histories: Histories,
    moment: datetime,
    settings: RankerSettings,
) -> Moment:
    """Learn all that is shared at a moment from the people who agreed to model training.

    Args:
        log: Their lines.
        catalogue: The products.
        products: (N,) rows of the product table.
        histories: (C,) everything they bought before the moment.
        moment: Nothing at or after it is read.
        settings: Strength and size of the retrievers.
    """
    content = read_content(products, private_brand=settings.private_brand)
    sales = log.before(catalogue, moment, days=SALES_DAYS)
    figures = product_figures(sales, histories, content.codes[TYPE], log.promotion_shares(catalogue, moment))
    customers, amounts = histories.customer_of_pair, histories.pairs[:, _LONG]
    held = _matrix(amounts, customers, histories.product_idx, (len(histories), len(catalogue))).log1p()
    types = _by_group(histories, content, TYPE)
    kinds = [weight * _by_group(histories, content, group) for group, weight in _TASTE_GROUPS]
    wanted = [
        _matrix((histories.pairs[:, column] <= days).astype(np.float32), customers, histories.product_idx, held.shape)
        for column, days in ((_LAST, settings.taste_days), (_FIRST, settings.taste_new_days))
    ]
    return Moment(
        catalogue=catalogue,
        content=content,
        figures=figures,
        stores=count_stores(sales, log.store_ids),
        neighbours=fit_neighbours(held, regularization=settings.ease_lambda, n_kept=settings.n_neighbours),
        type_neighbours=fit_neighbours(types, regularization=settings.ease_lambda, n_kept=settings.n_neighbours),
        tastes=fit_tastes(
            sparse.csr_array(sparse.hstack(kinds)),
            wanted,
            regularization=settings.taste_lambda,
            rank=settings.taste_rank,
        ),
    )


def _by_group(histories: Histories, content: Content, group: str) -> sparse.csr_array:
    """Sum decayed baskets by customer and code, and take the logarithm: (C, G)."""
    codes = content.codes[group][histories.product_idx]
    shape = (len(histories), content.n_codes(group))
    return _matrix(histories.pairs[:, _LONG], histories.customer_of_pair, codes, shape).log1p()


def _matrix(values: npt.NDArray[np.float32], rows: Ints, columns: Ints, shape: Sequence[int]) -> sparse.csr_array:
    return sparse.csr_array(sparse.coo_array((values.astype(np.float32), (rows, columns)), shape=tuple(shape)))
