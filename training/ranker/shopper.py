"""One customer as the ranker sees him: from a row of the customer features, live or of a training snapshot alike."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from training.histories import Histories

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shopper:
    """What is known of one customer.

    Attributes:
        held: (n,) positions of the products he bought, most recent last purchase first.
        pairs: (n, 5) `PAIR_FIELDS` of each.
        profile: (8,) `PROFILE_FIELDS`, NaN where unknown.
        session: (s,) positions of products viewed or put into the basket lately.
        store: Number of his home store, -1 where unknown.
    """

    held: Ints
    pairs: Floats
    profile: Floats
    session: Ints
    store: int

    @classmethod
    def of(cls, histories: Histories, row: int, store: int) -> "Shopper":
        """Take one customer out of a batch."""
        own = slice(histories.offsets[row], histories.offsets[row + 1])
        session = slice(histories.session_offsets[row], histories.session_offsets[row + 1])
        return cls(
            held=histories.product_idx[own],
            pairs=histories.pairs[own].astype(np.float64),
            profile=histories.profiles[row].astype(np.float64),
            session=histories.session_idx[session],
            store=store,
        )

    @property
    def times(self) -> Floats:
        """(n,) baskets that held each product."""
        return self.pairs[:, 0]

    @property
    def short(self) -> Floats:
        """(n,) the same, decayed by the short half-life."""
        return self.pairs[:, 1]

    @property
    def long(self) -> Floats:
        """(n,) the same, decayed by the long half-life."""
        return self.pairs[:, 2]

    @property
    def since_last(self) -> Floats:
        """(n,) days since each product's last basket."""
        return self.pairs[:, 3]

    @property
    def since_first(self) -> Floats:
        """(n,) days since each product's first basket."""
        return self.pairs[:, 4]

    @cached_property
    def touched(self) -> Ints:
        """(n + s,) products bought, then products of the session."""
        return np.concatenate([self.held, self.session])

    @cached_property
    def touched_long(self) -> Floats:
        """(n + s,) slowly decayed baskets of `touched`; a product of the session counts as one basket now."""
        return np.concatenate([self.long, np.ones(len(self.session))])

    @cached_property
    def touched_short(self) -> Floats:
        """(n + s,) quickly decayed baskets of `touched`, likewise."""
        return np.concatenate([self.short, np.ones(len(self.session))])
