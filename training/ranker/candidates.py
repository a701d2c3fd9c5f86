"""The first stage: which products are worth a closer look for one customer, and what every retriever says of them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from configs.ranker import CandidateSettings
from training.ranker.content import TYPE
from training.ranker.moment import Moment
from training.ranker.shopper import Shopper

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

RETRIEVERS: Final = ("ease", "ease_lately", "taste", "taste_new", "substitute", "store")
NEVER_BOUGHT: Final = -1


@dataclass(frozen=True, eq=False)
class Interests:
    """What every retriever says of every product, for one customer.

    Attributes:
        scores: (R, N) in the order of `RETRIEVERS`.
        store_long: (N,) buyers at his store over the long window.
        of_type: (G,) interest in each product type that his other types speak for.
    """

    scores: Scores
    store_long: Scores
    of_type: Floats


@dataclass(frozen=True, eq=False)
class Candidates:
    """Products to judge: first bought ones, then never bought ones.

    Attributes:
        product_idx: (n,) positions in the catalogue.
        place: (n,) place in the customer's history, -1 for never bought.
        ranks: (n, R) place among the never bought candidates by each retriever, 0 for bought ones.
    """

    product_idx: Ints
    place: Ints
    ranks: npt.NDArray[np.float32]

    @property
    def is_bought(self) -> Mask:
        """(n,) whether the customer bought each before."""
        bought: Mask = self.place != NEVER_BOUGHT
        return bought

    def take(self, rows: Ints | Mask) -> "Candidates":
        """Pick some of them."""
        return Candidates(self.product_idx[rows], self.place[rows], self.ranks[rows])


def interests_of(moment: Moment, shopper: Shopper) -> Interests:
    """Ask every retriever about every product."""
    types = moment.content.codes[TYPE]
    by_type = np.bincount(types[shopper.touched], shopper.touched_long, moment.content.n_codes(TYPE))
    (known,) = np.nonzero(by_type)
    of_type = moment.type_neighbours.interest(known, np.log1p(by_type[known]))
    wanted = (np.log1p(by_type) + np.maximum(of_type, 0)).astype(np.float32)
    store_short, store_long = moment.stores.buyers(shopper.store)
    amounts = np.log1p(np.stack([shopper.touched_long, shopper.touched_short], axis=1))
    scores = np.empty((len(RETRIEVERS), len(moment.catalogue)), dtype=np.float32)  # filled in their order
    scores[:2] = moment.neighbours.interest(shopper.touched, amounts).T
    scores[2:4] = moment.tastes.interest(*moment.taste_inputs(shopper))
    np.multiply(wanted[types], moment.share_of_type, out=scores[4])
    scores[5] = store_short
    return Interests(scores, store_long, of_type)


def choose_candidates(
    moment: Moment,
    shopper: Shopper,
    interests: Interests,
    settings: CandidateSettings,
    *,
    n_bought: int,
    share_new: float,
    allowed: Mask | None,
) -> Candidates:
    """Choose what to judge.

    Args:
        moment: Where the interests come from.
        shopper: The customer.
        interests: What the retrievers say.
        settings: How many each retriever may bring, and how much popularity says beside it.
        n_bought: Most bought products, those bought most often and lately.
        share_new: Part of each retriever's number that is used; 0 leaves out new products.
        allowed: (N,) products that may be shown; None allows all.
    """
    own = np.arange(len(shopper.held)) if allowed is None else np.flatnonzero(allowed[shopper.held])
    if len(own) > n_bought:
        own = np.sort(own[np.argpartition(-shopper.long[own], n_bought)[:n_bought]])
    closed = np.zeros(len(moment.catalogue), dtype=bool) if allowed is None else ~allowed
    closed[shopper.held] = True
    new = _best_new(moment, interests, settings, share_new, closed) if share_new > 0 else np.empty(0, dtype=np.int64)
    ranks = np.zeros((len(own) + len(new), len(RETRIEVERS)), dtype=np.float32)
    order = np.argsort(-interests.scores[:, new], axis=1, kind="stable")  # (R, m)
    np.put_along_axis(ranks[len(own) :].T, order, np.arange(1, len(new) + 1, dtype=np.float32)[None], axis=1)
    place = np.concatenate([own, np.full(len(new), NEVER_BOUGHT)])
    return Candidates(np.concatenate([shopper.held[own], new]), place, ranks)


def _best_new(
    moment: Moment, interests: Interests, settings: CandidateSettings, share_new: float, closed: Mask
) -> Ints:
    """Join the best open products of each retriever, popularity added: (m,) ascending positions."""
    n_open = len(closed) - int(closed.sum())
    chosen = np.zeros(len(closed), dtype=bool)
    for scores, retriever in zip(interests.scores, RETRIEVERS, strict=True):
        plan = getattr(settings, retriever)
        n = min(round(plan.n * share_new), n_open)
        if n > 0:
            mixed = moment.log_buyers * np.float32(plan.popularity)
            mixed += scores
            mixed[closed] = -np.inf
            chosen[np.argpartition(mixed, len(mixed) - n)[len(mixed) - n :]] = True
    return np.flatnonzero(chosen)
